"""What the operators are told: each need is of a kind, which stands once at a time, and says what to do about it.

Other people's words in it are code spans, or names `as_named`: the text is shown as one of our own sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.messages.pieces import apart
from bot.messages.text import count, listing, literal
from bot.messages.times import in_utc, lasting
from bot.messages.vocabulary import unreachable as words
from storage.records import Grower

BLIND, LOGIN, CONTRACT, ANCHOR, TAKEN = "blind", "leaf-login", "leaf-contract", "audit-anchor", "webhook-taken"
TRAIL = "audit-trail"
FIELDVIEW_GIBBERISH, FIELDVIEW_CONFIGURATION = "fieldview-gibberish", "fieldview-configuration"
MISSING = "growers-missing"
"""Kinds that there is one of; those below are one for each person, word, grower or channel."""

UNKNOWN_WORD = "unknown-word:"
"""Beginning of the kinds that tell of a word of Leaf's."""

UNANSWERED = "unanswered:"
"""Beginning of the kinds that tell about whom Leaf gives no answer."""

_UNKNOWN_CREDENTIAL, _UNFIT = "unknown-credential:", "unfit:"
"""Beginnings of the kinds of what has happened: nothing tells that it is over, so it stands for a while."""

NAMED = 10
"""Growers that are named, and channels."""

ALERTS_NAMED = 3
"""Growers that are named for what somebody who left had taken up."""

_LOST = {
    "outsiders_read_it": "people from outside this workspace read it",
    "is_archived": "it is archived",
    "not_in_channel": "I am not in it any more",
    "channel_not_found": "Slack does not find it, or I am not in it any more",
}
"""Why a channel takes nothing any more: for a word of our own, and for Slack's."""

_GUEST = "they are only a guest now"


@dataclass(frozen=True)
class Need:
    """Something that needs an operator. Made in this module only, so that every one can be read in docs/messages.md."""

    kind: str
    text: str


def has_happened(kind: str) -> bool:
    """Whether needs of this kind tell of one event, and not of a state that ends."""
    return kind.startswith((_UNKNOWN_CREDENTIAL, _UNFIT))


# Watching


def blind(since: datetime, now: datetime, *, was_down: bool) -> Need:
    """No look at all connections has ended for too long; `was_down`: since long before this program started."""
    why = (
        "This bot was not running, or could not work. It looks again now."
        if was_down
        else "This bot runs, but no look has come to an end: `/fieldview health` says what is ill."
    )
    text = (
        f"Nobody has looked at all connections since {in_utc(since)}, which is {lasting(now - since)}. "
        f"What broke since then is not known yet. {why}"
    )
    return Need(BLIND, text)


def was_blind(since: datetime, until: datetime) -> Need:
    """It is over."""
    text = (
        f"Nobody had looked at all connections for {lasting(until - since)}, from {in_utc(since)} to "
        f"{in_utc(until)}. What broke in that time has been found by now and is told where it belongs."
    )
    return Need(BLIND, text)


def login_refused() -> Need:
    text = (
        "Leaf refuses this bot's own login, so nothing can be watched or connected. "
        "Check `LEAF_USERNAME` and `LEAF_PASSWORD`. No grower is to blame, and none was marked as broken."
    )
    return Need(LOGIN, text)


def strange_answers() -> Need:
    """Leaf's answers cannot be read."""
    text = (
        "Leaf answers something I do not understand, so connections are not being watched. "
        "Leaf may have changed how it answers, or something between us and Leaf answers in its place: see the log."
    )
    return Need(CONTRACT, text)


def unknown_word(raw: str | None, grower: Grower) -> Need:
    """Leaf says a status we do not know, or none, of this grower first."""
    kind = word_kind(raw)
    word, it = f"a word I do not know: `{kind.removeprefix(UNKNOWN_WORD)}`", "the word"
    if kind == word_kind(None):
        word, it = "no word at all", "that"
    text = (
        f"Leaf describes FieldView connections with {word}. The first one is that of {_named(grower)}. "
        f"I do not count them as working, and I blame no grower. Ask Leaf what {it} means; "
        "`/fieldview status` names everybody who has it."
    )
    return Need(kind, text)


def word_kind(raw: str | None) -> str:
    """The kind for a word of Leaf's."""
    return UNKNOWN_WORD + literal((raw or "").strip() or "(none)", 80).replace("`", "'")


def unanswered(grower: Grower) -> Need:
    """Leaf answers about everybody else."""
    text = (
        f"Leaf gives me no answer about {_named(grower)}, though I asked again; the log says what came instead. All "
        "others are watched as usual. What I last knew of this grower still stands, and may be out of date. Ask Leaf "
        "why; the grower need not be asked for anything."
    )
    return Need(unanswered_kind(grower.id), text)


def many_unanswered(growers: Sequence[Grower]) -> Need:
    """The same, for too many to tell of each."""
    names = [*map(_named, growers[:NAMED]), *([f"{len(growers) - NAMED:,} more"] if len(growers) > NAMED else [])]
    text = (
        f"Leaf gives me no answer about {count(len(growers), 'grower')}: {listing(names)}. All others are watched as "
        "usual. What I last knew of these still stands, and may be out of date. Ask Leaf why; no grower need be "
        "asked for anything."
    )
    return Need(unanswered_kind("many"), text)


def unanswered_kind(grower_id: str) -> str:
    """The kind that tells that Leaf gives no answer about this grower."""
    return f"{UNANSWERED}{grower_id}"


def growers_missing(missing: int, known: int) -> Need:
    """Many are missing from Leaf's list at once, or all."""
    some = f"{missing:,} of the {count(known, 'grower')} whom I know"
    whom, then = some, "If they were really deleted at Leaf, you need do nothing: after a day I believe it."
    if missing == known:
        whom = f"any of the {count(known, 'grower')} whom I know" if known > 1 else "the only grower whom I know"
        then = "While that is so, everything stays as I last knew it."
    text = (
        f"Leaf no longer lists {whom}. I conclude nothing from that: their alerts stay open, and their links work. "
        f"Perhaps `LEAF_USERNAME` belongs to another account at Leaf now: check it. {then}"
    )
    return Need(MISSING, text)


def nobodys_alert(credential_id: str) -> Need:
    """Leaf warned of a connection that we do not find."""
    known_as = credential_id[:64]
    text = (
        f"Leaf warned me of a FieldView connection that belongs to no grower I know: `{known_as}`. "
        "It may have been removed already, or belong to another account at Leaf. "
        "If more of them come, ask Leaf whose they are."
    )
    return Need(f"{_UNKNOWN_CREDENTIAL}{known_as}", text)


def alerts_taken() -> Need:
    """Somebody else gets Leaf's alerts."""
    text = (
        "Leaf sends its alerts to another address already, and allows only one. I still find dead connections by "
        "looking, only later. To get alerts at once, forward them from there to me, or delete that registration "
        "at Leaf."
    )
    return Need(TAKEN, text)


# Connecting


def fieldview_gibberish() -> Need:
    text = (
        "FieldView answered a consent with something this bot does not understand, so a grower has to click again. "
        "If it comes again, FieldView may have changed how it answers: see the log."
    )
    return Need(FIELDVIEW_GIBBERISH, text)


def fieldview_configuration() -> Need:
    """FieldView refuses this program, not a grower."""
    text = (
        "FieldView does not accept this bot's own set-up, so growers cannot finish their consent. "
        "Check `FIELDVIEW_CLIENT_ID`, `FIELDVIEW_CLIENT_SECRET`, `FIELDVIEW_API_KEY` and the redirect address that is "
        "registered at FieldView."
    )
    return Need(FIELDVIEW_CONFIGURATION, text)


# People and places


def left(user: str) -> str:
    """The kind that tells that this person has left, or is a guest now."""
    return f"left:{user}"


def somebody_left(
    user: str,
    name: str,
    *,
    as_guest: bool,
    growers: Sequence[Grower],
    more: int,
    leads: Sequence[str],
    followed_by: Sequence[str],
    alerts: Sequence[Grower] = (),
    more_alerts: int = 0,
    snoozes: int = 0,
    links: int = 0,
) -> Need:
    """Who has left, or is only a guest now, still looks after these growers and `more`, is the lead for these channels,
    is followed by those, and has the open alerts about `alerts` and `more_alerts`, snoozes and links."""
    became = "is only a guest of this workspace now" if as_guest else "has left this workspace"
    still = [f"looks after {_counted(growers, more, 'grower')}"] if growers else []
    still += [f"is the lead for {_channels(leads)}"] if leads else []
    hear = "hears" if len(followed_by) == 1 else "hear"
    still += [f"is followed by {_channels(followed_by)}, which {hear} of their growers only"] if followed_by else []
    has = [_counted(alerts, more_alerts, "alert")] if alerts or more_alerts else []
    has += [count(number, what) for number, what in ((snoozes, "snooze"), (links, "open link")) if number]
    still += [f"has {listing(has)}"] if has else []
    command = f"`/fieldview handover {user} @colleague`"
    return Need(left(user), f"{as_named(name)} {became} and still {listing(still)}. {command} hands everything over.")


def _counted(growers: Sequence[Grower], more: int, what: str) -> str:
    names = [*map(_named, growers), *([f"{more:,} more"] if more else [])]
    return f"{count(len(growers) + more, what)} ({listing(names)})"


def _channels(channels: Sequence[str]) -> str:
    named = [f"<#{channel}>" for channel in channels[:NAMED]]
    return listing([*named, *([f"{len(channels) - NAMED:,} more"] if len(channels) > NAMED else [])])


def guests(channel: str) -> str:
    """The kind that tells that guests read what is posted in this channel."""
    return f"guests:{channel}"


def guests_read(channel: str, *, by_settings: bool) -> Need:
    """Guests have joined a channel that hears of growers; `by_settings`: it is the alert channel of the settings."""
    end = "choose another `ALERT_CHANNEL`" if by_settings else "type `/fieldview unsubscribe` there"
    text = (
        f"Guests of this workspace are in <#{channel}> and read the names of growers in my alerts there. "
        f"Take them out of that channel, or {end}."
    )
    return Need(guests(channel), text)


def unreachable(place: str, reason: str, *, personal: bool) -> Need:
    """Slack takes nothing for this place any more; `personal`: what was meant for it is told nowhere else."""
    then = f"What was meant for {'it' if _is_channel(place) else 'them'} comes here."
    if personal:
        then = "What was meant for them alone is told nobody else; `/fieldview links` lists the links that are out."
    return Need(lost(place), f"I cannot post to {_place(place)} any more: {_why_lost(place, reason)}. {then}")


def _why_lost(place: str, reason: str) -> str:
    if _is_channel(place):
        return _LOST.get(reason, f"Slack says `{reason}`")
    return _GUEST if reason == "is_a_guest" else words(reason)


def lost(place: str) -> str:
    """The kind that tells that this place cannot be reached."""
    return f"unreachable:{place}"


def plain_only(message: str, reason: str) -> Need:
    """Slack shows a message of this kind without its blocks."""
    text = (
        f"Slack does not show one of my messages as it was meant (`{reason}`, {message}): its text stands there, "
        f"without buttons. {_OUR_FAULT}"
    )
    return Need(_unfit(message), text)


def not_taken(message: str, reason: str, place: str) -> Need:
    """Slack refuses a message of this kind, whatever it looks like."""
    text = f"Slack did not take one of my messages for {_place(place)}: `{reason}` ({message}). {_OUR_FAULT}"
    return Need(_unfit(message), text)


_OUR_FAULT = "That is a mistake of mine, and nobody else's: tell whoever maintains this program."


def _unfit(message: str) -> str:
    return f"{_UNFIT}{message}"


def _place(place: str) -> str:
    """A channel or a person."""
    return f"<#{place}>" if _is_channel(place) else f"the direct messages of `{place}`"


def _is_channel(place: str) -> bool:
    return place.startswith(("C", "D", "G"))


# The trail


def not_anchored() -> Need:
    text = (
        "`AUDIT_ANCHOR_FILE` cannot be written, so a cut-off end of the audit trail would not be noticed. "
        "Check that the folder exists and has room."
    )
    return Need(ANCHOR, text)


def not_proved(fault: str) -> Need:
    """Old entries of the audit trail would be removed, and are not what was written."""
    found = re.sub(r"[`<]", "'", literal(fault, 200))
    text = (
        f"I remove no old entries of the audit trail, as I cannot prove that they are what was written: {found}. "
        "Somebody may have written to the database past me. Keep a copy of it as it is now, run "
        "`fieldview-bot audit verify`, and find out who can write there. I look again after each sweep."
    )
    return Need(TRAIL, text)


# Names


def as_named(name: str) -> str:
    """A name in a sentence of ours, where code spans and channels take effect."""
    return re.sub(r"[`<]", "'", literal(name, 60))


def _named(grower: Grower) -> str:
    told_apart_by = apart(grower)
    return as_named(grower.name) + (f" ({as_named(told_apart_by)})" if told_apart_by else "")


def spellings(grower: Grower, also: Iterable[str] = ()) -> list[str]:
    """Every way in which a need may name the grower, the longest first; `also` are more names."""
    names = [name for name in (grower.name, *also) if name.strip()]
    both = [replace(grower, name=name, has_namesake=True) for name in names]
    without = [
        *both,
        *(replace(one, email=None) for one in both),
        *(replace(one, email=None, external_id=None) for one in both),
    ]
    address = [as_named(grower.email)] if grower.email else []
    return [*dict.fromkeys(map(_named, without)), *map(as_named, names), *address]
