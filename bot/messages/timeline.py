"""A grower's story, newest first: what FieldView answered, how the state changed, what people did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from slack_sdk.models.blocks import Block, ButtonElement

from bot.messages.deeds import told
from bot.messages.pieces import Message, actions, button, called, paragraphs, quiet, section
from bot.messages.text import capital, count, escape, listing, sentence
from bot.messages.times import DAY, moment
from bot.messages.vocabulary import CAUSES, SQUARES, STATES, http_status
from bot.reports import Timeline, TimelineFact
from storage.records import AuditEntry, CredentialStatus, LeafEvent, Transition

_SOURCES = {
    "sweep": "seen in the regular check",
    "alert": "after an alert from Leaf",
    "consent": "after the grower agreed",
    "disconnect": "as the team disconnected it",
    "gone": "as Leaf has no such user any more",
    "status": "seen when somebody asked",
    "check": "seen when I looked again",
}


def timeline(t: Timeline, now: datetime) -> Message:
    """One page of the story under the strip of the last 30 days."""
    name = called(t.grower)
    days = max(1, round((now - t.since) / DAY))
    span = count(days, "day")
    blocks: list[Block] = [
        section(f"*{name}*: the last {span}" + (f", page {t.page + 1}" if t.page else "")),
        section(*strip(t.days)),
    ]
    if t.why_archived_only:
        blocks.append(quiet(f"Leaf could not be asked for its newest events: {sentence(t.why_archived_only)}"))
    blocks += _story(t.facts, now) or [
        section("Nothing more happened." if t.page else f"Nothing happened in the last {span}.")
    ]
    if t.page or t.has_older:
        blocks.append(
            actions(
                _turn("Newer", t, days, -1) if t.page else None, _turn("Older", t, days, 1) if t.has_older else None
            )
        )
    return Message(" ".join([f"{name}, the last {span}.", _in_words(t.days)]).strip(), tuple(blocks))


def strip(days: Sequence[tuple[date, CredentialStatus | None]]) -> list[str]:
    """The days as squares, oldest first, with what the squares mean, and the same in words."""
    if not days:
        return ["No day is known yet."]
    seen = dict.fromkeys(status for _, status in days)
    meanings: dict[str, list[str]] = {}
    for status in [*STATES, None]:
        if status in seen:
            meanings.setdefault(SQUARES[status], []).append(STATES[status] if status else "not known")
    legend = "  ".join(f"{square} {' or '.join(words)}" for square, words in meanings.items())
    squares = "".join(SQUARES[status] for _, status in days)
    return [f"{_day(days[0][0])} {squares} {_day(days[-1][0])}", legend, _in_words(days)]


def _in_words(days: Sequence[tuple[date, CredentialStatus | None]]) -> str:
    statuses = [status for _, status in days]
    found = [
        f"{STATES[status] if status else 'not known'} on {count(statuses.count(status), 'day')}"
        for status in [*STATES, None]
        if status in statuses
    ]
    return f"Each day by its worst moment: {listing(found)}." if found else ""


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _story(facts: Sequence[TimelineFact], now: datetime) -> list[Block]:
    """Days are counted back from now, so that no reader's midnight tears them apart."""
    return [
        block
        for days, group in groupby(facts, key=lambda fact: max(0, (now - fact.at) // DAY))
        for block in paragraphs(
            f"*{_days_ago(days)}*", *(f"{moment(fact.at)} · {capital(_told(fact))}" for fact in group)
        )
    ]


def _days_ago(days: int) -> str:
    return "In the last 24 hours" if days == 0 else f"{count(days, 'day')} ago"


def _told(fact: TimelineFact) -> str:
    match fact:
        case LeafEvent():
            return _event(fact)
        case Transition():
            return _change(fact)
        case AuditEntry():
            return told(fact)


def _event(event: LeafEvent) -> str:
    words = http_status(event.status_code, event.summary)
    good = event.status_code is not None and 200 <= event.status_code < 300
    said = "" if good else _said(event.summary)
    return f"{words}: {escape(said, 100)}" if said else words


_IN_WORDS = ("error_description", "message", "detail", "title", "error", "code")
"""Where answers have what a person may read, the plainest first."""


def _said(body: str) -> str:
    """What stands in the answer for people; nothing of a page, or of data without a word in it."""
    body = body.strip()
    try:
        found = json.loads(body)
    except ValueError:
        return "" if body.startswith(("<", "{", "[")) else body
    if not isinstance(found, dict):
        return ""
    return next((word for key in _IN_WORDS if isinstance(word := found.get(key), str) and word.strip()), "")


def _change(change: Transition) -> str:
    before = f"{STATES[change.before]} → " if change.before else ""
    cause = f": {CAUSES[change.cause].short}" if change.cause else ""
    found = _SOURCES.get(change.source, f"found by {escape(change.source, 40)}")
    return f"{before}*{STATES[change.after]}*{cause} ({found})"


def _turn(label: str, t: Timeline, days: int, step: int) -> ButtonElement:
    value = json.dumps({"grower": t.grower.id, "page": t.page + step, "days": days})
    return button(label, f"events-{label.lower()}", value)
