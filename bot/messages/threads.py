"""Replies below a living message: the log of what happened to it, for those who open or follow the thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.messages.consents import account_kind
from bot.messages.pieces import Message, section
from bot.messages.storms import CALLED
from bot.messages.text import capital, count, escape, listing, mention
from bot.messages.times import MINUTE, in_utc, lasting, moment
from bot.messages.vocabulary import explained, trouble
from storage.records import Cause, NoteKind, ThreadNote


def thread_reply(notes: Sequence[ThreadNote], now: datetime, names: Mapping[str, str]) -> Message:
    """What was not told yet, oldest first; each with its time where the reply's own would not do.

    `names` says what whoever did it is called: a mention would notify them of their own click.
    """
    notes = _all_who_joined(notes)
    timed = len(notes) > 1 or now - notes[0].at > 5 * MINUTE
    lines = [f"{moment(note.at)}: {_told(note, names)}" if timed else _told(note, names) for note in notes]
    return Message(_told(notes[-1], names, moment=in_utc), (section(*lines),))


def _all_who_joined(notes: Sequence[ThreadNote]) -> Sequence[ThreadNote]:
    """Those who joined a storm one by one, together and as the last of them did."""
    joined = [note for note in notes if note.what is NoteKind.JOINED]
    if len(joined) < 2:
        return notes
    people = list(dict.fromkeys(person for note in joined for person in note.detail.get("people") or ()))
    together = {"growers": sum(int(note.detail["growers"]) for note in joined), "people": people}
    others = [note for note in notes if note.what is not NoteKind.JOINED or note is joined[-1]]
    return [replace(note, detail=together) if note is joined[-1] else note for note in others]


def _told(note: ThreadNote, names: Mapping[str, str], *, moment: Callable[[datetime], str] = moment) -> str:
    who, detail = escape(names.get(note.by or "", "A colleague")), note.detail
    match note.what:
        case NoteKind.REASON_CHANGED:
            what = explained(Cause(detail["cause"]), detail.get("raw_status"), detail.get("missing_scopes", ()))
            return f"The reason is another one now. {what}"
        case NoteKind.LINK_SENT:
            return f"{who} made a link for the grower."
        case NoteKind.LINK_OPENED:
            return "The grower opened the link and went on to FieldView."
        case NoteKind.LINK_DECLINED:
            return "The grower said no on the page behind the link."
        case NoteKind.LINK_FAILED:
            after = "The same link can be used again." if detail.get("link_works") else "It takes a new link."
            after = "That link has ended since." if detail.get("replaced") else after
            return f"{capital(trouble(detail.get('trouble')))}. {after}"
        case NoteKind.ACCOUNT_HELD:
            kind = account_kind(detail.get("trouble"))
            return f"The grower agreed, but with {kind}. Leaf hears nothing of it until somebody says that it is right."
        case NoteKind.ACCOUNT_DECIDED:
            return _decided(who if note.by else None, detail)
        case NoteKind.ACKNOWLEDGED:
            return f"{who} is taking care of this."
        case NoteKind.SNOOZED:
            until = moment(datetime.fromisoformat(detail["until"])) if detail.get("until") else "it works again"
            return f"{who} asked me to stay quiet until {until}."
        case NoteKind.SNOOZE_OVER:
            ended = f"{who} ended the snooze." if note.by else "The snooze is over."
            person = detail.get("person")
            called = f"{mention(person)}: " if person and person != note.by else ""
            return f"{called}{ended} It still does not work as it should."
        case NoteKind.CALLED:
            if detail.get("left"):
                waits = f"{who} had taken this up and is not here any more. It waits for somebody again."
                return f"{mention(detail['person'])}: {waits}" if detail.get("person") else waits
            return _called(detail, who if note.by else "")
        case NoteKind.FLAPPED:
            state = "Right now it works." if detail.get("works") else "Right now it does not work."
            return f"It changed {count(int(detail.get('changes', 0)), 'time')} in the last 6 hours. {state}"
        case NoteKind.RECOVERED:
            return _recovered(detail)
        case NoteKind.JOINED:
            more = f"{count(int(detail['growers']), 'more grower')} came onto this list."
            return f"{_call(detail.get('people') or ())}{more} “Show the list” names everybody."


def _decided(by: str | None, detail: Mapping[str, Any]) -> str:
    if detail.get("used"):
        return f"{by or 'Somebody'} says that this FieldView account is right. Leaf is being told."
    what = f"{by} refused this FieldView account" if by else "Nobody decided about this FieldView account in time"
    after = "The same link can be used again." if detail.get("link_works") else "It takes a new link."
    after = "That link has ended since." if detail.get("replaced") else after
    return f"{what}, so its approval is erased. {after}"


def _called(detail: Mapping[str, Any], by: str) -> str:
    """`by` asks somebody; without it, it is the clock that does: of one grower, or of those of a storm."""
    if number := int(detail.get("growers") or 0):
        return _called_together(number, int(detail["days"]), detail.get("people") or ())
    asked = f"{by} asks you to take care of this." if by else "nobody has taken this up yet."
    if days := int(detail.get("days") or 0):
        ends = "“Acknowledge” or “Snooze” on the alert ends these reminders."
        asked = f"nobody has taken this up in {count(days, 'day')}. {ends}"
    return f"{mention(detail['person'])}: {asked}" if detail.get("person") else capital(asked)


def _called_together(number: int, days: int, people: Sequence[str]) -> str:
    one = number == 1
    broken = f"{count(number, 'grower')} of this list still {'does' if one else 'do'} not work"
    ends = f"A link for {'that one' if one else 'each'}, from “Show the list”, ends these reminders."
    taken = f"nobody has taken {'it' if one else 'them'} up"
    return f"{_call(people)}{broken}, {count(days, 'day')} after this began, and {taken}. {ends}"


def _call(people: Sequence[str]) -> str:
    return f"{listing([mention(person) for person in people[:CALLED]])}: " if people else ""


def _recovered(detail: Mapping[str, Any]) -> str:
    if detail.get("by") == "disconnect":
        return "The team ended this connection, so there is nothing left to repair."
    if detail.get("by") == "gone":
        return "Leaf has no such user any more, so there is nothing left to repair."
    how = ", through the grower’s new permission," if detail.get("by") == "repair" else " by itself"
    return f"Works again{how} after {lasting(timedelta(seconds=float(detail.get('seconds', 0))))}."
