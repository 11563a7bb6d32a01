"""What `history` is asked for, in the words people use: `Ada by @grace did connect since 7d`, `Ada with looks`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rapidfuzz import fuzz, process

from bot.errors import UsageError

USAGE = "/fieldview history [grower] [by @person] [did connect] [since 7d] [with looks]"

_CLAUSE = re.compile(r"(?:^|\s)(by|did|since|last|with(?=\s+looks?(?:\s|$)))\s+(?=\S)", re.IGNORECASE)
_QUOTED = re.compile(r"""\s*(["“„«][^"“”„«»]*["”»])\s*(.*)""", re.DOTALL)
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_SPAN = re.compile(r"(?:the )?(?:last |past )?([0-9]{1,4})?\s*(h|hours?|d|days?|w|weeks?|months?)", re.IGNORECASE)
_LENGTHS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "m": timedelta(days=30)}
SURE = 75
"""How alike two words must be for one to be taken as a slip of the other: out of 100."""


@dataclass(frozen=True)
class Sought:
    """The grower as typed (empty for all), and what else an entry must be; None is anything."""

    grower: str = ""
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    looks: bool = False
    """Whether who only looked is asked for as well."""


def sought(typed: str, user: str, actions: Sequence[str], now: datetime) -> Sought:
    """Read it; `user` is who asks. Raises UsageError with what to mend."""
    quoted = _QUOTED.fullmatch(typed)
    grower, rest = (quoted[1], quoted[2]) if quoted else ("", typed)
    before, *clauses = _CLAUSE.split(rest)
    words = dict(zip((word.lower() for word in clauses[::2]), clauses[1::2], strict=True))
    read: dict[str, Callable[[str], object]] = {
        "by": lambda value: _actor(value, user),
        "did": lambda value: _action(value, actions),
        "since": lambda value: _since(value, now),
        "last": lambda value: _since(value, now),
        "with": _looks,
    }
    found = {word: read[word](value.strip()) for word, value in words.items()}
    name, behind_it = (grower, None) if grower else _without_slips(before.strip(), now)
    return Sought(
        grower=name,
        actor=found.get("by"),  # type: ignore[arg-type]
        action=found.get("did"),  # type: ignore[arg-type]
        since=found.get("since") or found.get("last") or behind_it,  # type: ignore[arg-type]
        looks=bool(found.get("with")),
    )


def _actor(value: str, user: str) -> str:
    if match := _PERSON.fullmatch(value):
        return match[1]
    if value.lower() in ("me", "myself"):
        return user
    if value.lower() in ("growers", "the grower", "grower"):
        return "grower"
    raise UsageError(f"Say who with an @: `by @grace`, `by me` or `by growers`, not `{value[:40]}`.", USAGE)


def _looks(value: str) -> bool:
    if value.lower() in ("looks", "look"):
        return True
    raise UsageError(f"I do not understand `with {value[:40]}`. Did you mean `with looks`?", USAGE)


def _action(value: str, actions: Sequence[str]) -> str:
    typed = value.lower().replace(" ", "-")
    if typed in actions:
        return typed
    close = process.extractOne(typed, actions, scorer=fuzz.ratio, score_cutoff=SURE)
    hint = f" Did you mean `did {close[0]}`?" if close else f" These are: {', '.join(sorted(actions))}."
    raise UsageError(f"I know no action `{value[:40]}`.{hint}", USAGE)


def _since(value: str, now: datetime) -> datetime:
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    if value.lower() in named:
        return named[value.lower()]
    if match := _SPAN.fullmatch(value):
        return now - int(match[1] or 1) * _LENGTHS[match[2][0].lower()]
    try:
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    except ValueError:
        raise UsageError(
            f"Say when like `7d`, `2 weeks`, `yesterday` or `2026-11-01`, not `{value[:40]}`.", USAGE
        ) from None


def _without_slips(grower: str, now: datetime) -> tuple[str, datetime | None]:
    """The name, and since when if a span stands behind it as in `Ada 7d`. Raises UsageError for `Ada sinse 7d`."""
    *names, value = ["", *grower.split()]
    slipped = names[-1] if names else ""
    if _PERSON.fullmatch(value) and slipped:
        raise UsageError(f"I do not understand `{slipped[:20]} {value}`. Did you mean `by {value}`?", USAGE)
    if not (_SPAN.fullmatch(value) and value[0].isdigit()):
        return grower, None
    if fuzz.ratio(slipped.lower(), "since") >= SURE:
        raise UsageError(f"I do not understand `{slipped[:20]} {value}`. Did you mean `since {value}`?", USAGE)
    return " ".join(names).strip(), _since(value, now)
