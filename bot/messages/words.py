"""The words of all messages: names made harmless, times, states, causes, and what FieldView shares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from storage.records import Cause, CredentialStatus, Grower

NAME = 80
"""Characters of a name that are shown."""

_FORMATTING = re.compile(r"([*_~`])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}")

STATES = {
    CredentialStatus.HEALTHY: "healthy",
    CredentialStatus.BROKEN: "broken",
    CredentialStatus.LIMITED: "limited",
    CredentialStatus.PENDING: "being set up",
    CredentialStatus.UNAVAILABLE: "FieldView not answering",
    CredentialStatus.UNKNOWN: "unknown",
    CredentialStatus.ABSENT: "not connected",
}

SIGNS = {
    CredentialStatus.HEALTHY: "🟢",
    CredentialStatus.BROKEN: "🔴",
    CredentialStatus.LIMITED: "🟠",
    CredentialStatus.PENDING: "🔵",
    CredentialStatus.UNAVAILABLE: "🟡",
    CredentialStatus.UNKNOWN: "🟣",
    CredentialStatus.ABSENT: "⚪",
}

SHARED = {
    "fields": "field boundaries",
    "asPlanted": "planting data",
    "asApplied": "spraying and fertiliser data",
    "asHarvested": "harvest data",
    "resourceOwners": "the account's name",
    "farmOrganizations": "farm and organisation names",
}
"""FieldView's scopes in a farmer's words."""

WHO_ACTS = {
    Cause.GROWER_MUST_ACT: "The grower",
    Cause.SCOPE_MISSING: "The grower",
    Cause.REMOVED_AT_LEAF: "Your team",
    Cause.FIELDVIEW_DOWN: "Nobody: FieldView",
    Cause.LEAF_DOWN: "Nobody: Leaf",
    Cause.OUR_CONFIGURATION: "An operator of this bot",
    Cause.UNKNOWN_STATUS: "An operator of this bot",
}


def plain(text: str, limit: int = NAME) -> str:
    """Somebody else's text for plain-text places: on one line, without control characters, cut to the limit."""
    kept = "".join(letter if _is_shown(letter) else " " for letter in text)
    folded = " ".join(kept.split()) or "(no name)"
    return folded if len(folded) <= limit else folded[: limit - 1].rstrip() + "…"


def safe(text: str, limit: int = NAME) -> str:
    """Somebody else's text for formatted places: shown to the letter, mentions nobody and formats nothing."""
    # A zero-width space on both sides keeps Slack from reading *, _, ~ and ` as formatting.
    return _FORMATTING.sub("\u200b\\1\u200b", plain(text, limit)).translate(_ENTITIES)


def _is_shown(letter: str) -> bool:
    # Cc, Cf (joiners of emoji and scripts excepted), surrogates and private use; Cf holds the direction overrides.
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or letter in "\u200c\u200d"


def bold(grower: Grower | str) -> str:
    return f"*{safe(grower if isinstance(grower, str) else grower.name)}*"


def person(actor: str) -> str:
    """Who did something, as people say it."""
    if _SLACK_ID.fullmatch(actor):
        return f"<@{actor}>"
    known = {
        "grower": "the grower",
        "cli": "an operator on the command line",
        "leaf": "Leaf",
        "job:sweep": "the regular look at Leaf",
        "job:alert": "an alert from Leaf",
        "job:consent": "this bot",
        "job:status": "a status question",
        "job:check": "this bot",
        "job:disconnect": "this bot",
    }
    return known.get(actor, safe(actor))


def moment(at: datetime) -> str:
    """An exact time that every reader sees in their own zone."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%d %b %Y %H:%M} UTC>"


def date_in_words(at: datetime) -> str:
    """The last day that is whole in every time zone on earth, for text that is copied elsewhere."""
    last = at.astimezone(UTC) - timedelta(hours=12)
    day = last if (last.hour, last.minute) == (23, 59) else last - timedelta(days=1)
    return f"{day:%A} {day.day} {day:%B}"


def lasting(time: timedelta) -> str:
    """A span in its two largest units: 3 d 4 h, 2 h 10 min, 45 s."""
    seconds = max(0, int(time.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours and days < 14 else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def ago(at: datetime, now: datetime) -> str:
    return "just now" if now - at < timedelta(minutes=1) else f"{lasting(now - at)} ago"


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def scopes(names: Sequence[str]) -> str:
    """FieldView's scopes as what they share; one without words keeps its own name."""
    known = [SHARED.get(name.split(":")[0], f"`{plain(name, 60)}`") for name in names]
    return listed(list(dict.fromkeys(known)))


def cause(cause: Cause, raw: str | None, missing: Sequence[str]) -> str:
    """Why a connection does not work, in one sentence."""
    match cause:
        case Cause.GROWER_MUST_ACT:
            return "FieldView no longer accepts the permission: the grower took it back, or it ran out."
        case Cause.SCOPE_MISSING if missing:
            return f"The permission leaves something out: {scopes(missing)}."
        case Cause.SCOPE_MISSING:
            return "The permission leaves out something that is needed."
        case Cause.REMOVED_AT_LEAF:
            return "The connection was removed at Leaf, and not through me."
        case Cause.FIELDVIEW_DOWN:
            return "FieldView does not answer Leaf at the moment. The permission itself is not in doubt."
        case Cause.LEAF_DOWN:
            return "Leaf does not answer at the moment. The permission itself is not in doubt."
        case Cause.OUR_CONFIGURATION:
            return "This bot is not set up right. No grower is to blame."
        case Cause.UNKNOWN_STATUS:
            word = f"`{plain(raw, 60).replace('`', '')}`" if raw else "nothing"
            return f"Leaf calls this connection {word}, a word I do not know."


def next_step(cause: Cause) -> str:
    """What to do about it."""
    match cause:
        case Cause.GROWER_MUST_ACT:
            return "Send the grower a reconnect link; it takes them three clicks."
        case Cause.SCOPE_MISSING:
            return "Send the grower a reconnect link and ask them to leave every box ticked."
        case Cause.REMOVED_AT_LEAF:
            return "If that was a mistake, send the grower a reconnect link."
        case Cause.FIELDVIEW_DOWN | Cause.LEAF_DOWN:
            return "Nothing needs to be done; I keep looking and tell you when it is over."
        case Cause.OUR_CONFIGURATION | Cause.UNKNOWN_STATUS:
            return "An operator should look at it. Do not ask the grower for anything yet."
