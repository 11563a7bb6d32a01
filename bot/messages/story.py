"""What happened: a grower's timeline and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from slack_sdk.models.blocks import Block, ButtonElement

from bot.messages.message import Message, actions, button, context, said, section
from bot.messages.words import STATES, bold, counted, moment, person, plain, safe
from bot.reports import Timeline, TimelineFact
from storage.records import AuditEntry, CredentialStatus, Grower, LeafEvent, Transition

SQUARES = {
    CredentialStatus.HEALTHY: "🟩",
    CredentialStatus.BROKEN: "🟥",
    CredentialStatus.LIMITED: "🟧",
    CredentialStatus.UNKNOWN: "🟪",
    CredentialStatus.UNAVAILABLE: "🟨",
    CredentialStatus.PENDING: "🟦",
    CredentialStatus.ABSENT: "⬜",
    None: "▫️",
}

DEEDS = {
    "connect": "asked for consent",
    "disconnect": "disconnected FieldView",
    "create-grower": "created the grower at Leaf",
    "subscribe": "subscribed a channel",
    "unsubscribe": "unsubscribed a channel",
    "status": "looked at the status",
    "events": "looked at the events",
    "history": "looked at the history",
    "help": "asked for help",
    "choose-grower": "chose a grower from a menu",
    "open-consent-link": "opened the link in Slack",
    "consent-begun": "went on to FieldView",
    "consent-returned": "approved at FieldView",
    "consent-denied": "said no at FieldView",
    "consent-declined": "declined",
    "consent-completed": "handed the consent over to Leaf",
    "consent-failed": "could not complete the consent",
    "incident-opened": "found the connection broken",
    "incident-recovered": "found the connection working again",
    "unknown-command": "typed a command I do not know",
    "audit-export": "exported the audit trail",
}

OUTCOMES = {"refused": " – refused", "failed": " – did not work", "crashed": " – failed on my side"}

_ANSWERS = {
    401: "FieldView no longer accepts the permission",
    403: "FieldView refused: a permission is missing",
    404: "FieldView found nothing there",
    429: "FieldView asked Leaf to slow down",
}


def timeline(t: Timeline, now: datetime) -> Message:
    """One page of a grower's story, newest first, under a strip of the last 30 days."""
    head = f"What happened to {plain(t.grower.name)}"
    blocks: list[Block] = [section(f"What happened to {bold(t.grower)}"), section(_strip(t)), context(_legend(t))]
    for _, facts in groupby(t.facts, key=lambda fact: fact.at.astimezone(UTC).date()):
        blocks.append(section(*[_line(fact) for fact in facts]))
    if not t.facts:
        nothing = "Nothing older." if t.page else "Nothing happened in this time."
        blocks.append(section(nothing))
    turns = _turns(t, now)
    if turns:
        blocks.append(actions(*turns))
    if t.why_archived_only:
        blocks.append(context(f"Leaf's newest events are missing: {safe(t.why_archived_only, 200)}"))
    return said(head, *blocks)


def _strip(t: Timeline) -> str:
    squares = [SQUARES[status] for _, status in t.days]
    return "".join(squares[:15]) + "\n" + "".join(squares[15:])


def _legend(t: Timeline) -> str:
    shown = [status for status in SQUARES if any(day == status for _, day in t.days)]
    words = [f"{SQUARES[s]} {STATES[s] if s else 'not known'}" for s in shown]
    return f"The last {counted(len(t.days), 'day')}, each by its worst moment, today last:  " + "  ".join(words)


def _turns(t: Timeline, now: datetime) -> list[ButtonElement]:
    days = max(1, round((now - t.since).total_seconds() / 86_400))

    def turn(label: str, action: str, page: int) -> ButtonElement:
        return button(label, action, json.dumps({"grower": t.grower.id, "page": page, "days": days}))

    newer = [turn("← Newer", "events-newer", t.page - 1)] if t.page else []
    older = [turn("Older →", "events-older", t.page + 1)] if t.has_older else []
    return newer + older


def _line(fact: TimelineFact) -> str:
    match fact:
        case LeafEvent():
            return f"{moment(fact.at)}   {_answer(fact)}"
        case Transition():
            before = STATES[fact.before] if fact.before else "unseen"
            return f"{moment(fact.at)}   *{STATES[fact.after]}* (was {before})"
        case AuditEntry():
            return f"{moment(fact.at)}   {_deed(fact)}"


def _answer(event: LeafEvent) -> str:
    code = event.status_code
    if code is None:
        words = "Leaf asked FieldView"
    elif code in _ANSWERS:
        words = _ANSWERS[code]
    elif code >= 500:
        words = "FieldView had a problem of its own"
    elif code < 300:
        words = "Leaf used the permission successfully"
    else:
        words = "FieldView did not do what Leaf asked"
    detail = f" _{safe(event.summary, 120)}_" if event.summary.strip() and (code or 500) >= 400 else ""
    return f"{words} ({code}){detail}" if code else f"{words}{detail}"


def _deed(entry: AuditEntry) -> str:
    deed = DEEDS.get(entry.action, safe(entry.action.replace("-", " ")))
    return f"{person(entry.actor)} {deed}{OUTCOMES.get(entry.outcome, '')}"


def history(entries: Sequence[AuditEntry], grower: Grower | None, now: datetime) -> Message:
    """Who did what, newest first."""
    of = f" with {bold(grower)}" if grower else ""
    head = f"Who did what{of}"
    if not entries:
        return said("Nobody did anything yet", section(f"{head}: nobody did anything yet."))
    lines = [_with_target(entry) if grower is None else f"{moment(entry.at)}   {_deed(entry)}" for entry in entries]
    shown = f"The newest {counted(len(entries), 'entry', 'entries')}. The whole trail is with your operators."
    return said("Who did what", section(f"*{head}*"), *_sections(lines), context(shown))


def _with_target(entry: AuditEntry) -> str:
    target = f": {bold(entry.target_name)}" if entry.target_name else ""
    return f"{moment(entry.at)}   {_deed(entry)}{target}"


def _sections(lines: Sequence[str]) -> Iterable[Block]:
    for start in range(0, len(lines), 10):
        yield section(*lines[start : start + 10])
