"""What the team does about an alert, in words: on the card, in its forms, and as answers to whoever pressed."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import (
    Block,
    InputBlock,
    Option,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.errors import AlertOver, SomebodyWasFirst
from bot.messages.consents import can_be_taken_back
from bot.messages.pieces import Message, button, called, more, named, quiet, section
from bot.messages.text import capital, count, escape, mention
from bot.messages.times import moment
from bot.messages.vocabulary import CAUSES
from bot.reports import Handled, IncidentCard, Snoozes
from storage.records import Care, Grower, Incident

SPANS = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "recovery": "Until it works again"}
"""How long a snooze may last: the value of the choice, and what it is called."""

REASON = 200
"""Characters of a reason: it stands on the card for everybody."""


def called_upon(card: IncidentCard, now: datetime) -> str:
    """The mention that lets Slack notify whoever looks after it; nothing while it is snoozed."""
    care = card.incident.care
    person = care.assigned_to or card.grower.owner
    if care.is_snoozed(now):
        return ""
    if care.escalated_to and not care.acknowledged_by:
        return f"{mention(care.escalated_to)} nobody has taken this up yet. "
    return f"{mention(person)} " if person else ""


def care_lines(incident: Incident, grower: Grower, now: datetime) -> list[str]:
    """Whose it is, and what has been done about it so far."""
    care = incident.care
    snoozed = [_snoozed(care)] if care.is_snoozed(now) else []
    return [owner_line(grower), *snoozed, *_assigned(care), *_acknowledged(care), *_escalated(care)]


def owner_line(grower: Grower) -> str:
    return f"*Owner:* {mention(grower.owner)}" if grower.owner else "*Owner:* nobody yet"


def _snoozed(care: Care) -> str:
    until = f"until {moment(care.snoozed_until)}" if care.snoozed_until else "until it works again"
    return f"💤 *Snoozed {until}* by {mention(care.snoozed_by)}: {escape(care.snooze_reason or '', REASON)}"


def _assigned(care: Care) -> list[str]:
    if not care.assigned_to:
        return []
    why = f": {escape(care.assignment_reason, REASON)}" if care.assignment_reason else ""
    by = f" by {mention(care.assigned_by)}" if care.assigned_by != care.assigned_to else ""
    return [f"*Assigned to* {mention(care.assigned_to)}{by}{why}"]


def _acknowledged(care: Care) -> list[str]:
    if not care.acknowledged_by or care.acknowledged_at is None:
        return []
    if care.assigned_to and care.assigned_at and care.assigned_at >= care.acknowledged_at:
        return []
    return [f"*Acknowledged by* {mention(care.acknowledged_by)} {moment(care.acknowledged_at)}"]


def _escalated(care: Care) -> list[str]:
    if not care.escalated_to or care.escalated_at is None or care.acknowledged_by:
        return []
    return [f"*Nobody had taken this up in time*, so I told {mention(care.escalated_to)} {moment(care.escalated_at)}"]


def case_menu(card: IncidentCard, now: datetime) -> OverflowMenuElement:
    """What can be done beyond the card's buttons."""
    incident, grower = card.incident.id, card.grower.id
    snooze = ("End the snooze", "end-snooze") if card.incident.care.is_snoozed(now) else ("Snooze…", "snooze")
    return more(
        (*snooze, incident),
        ("Assign to somebody…", "assign", incident),
        ("Check now", "check-now", grower),
        ("What happened", "show-events", grower),
        ("Take the link back", "revoke-link", card.consent.id) if can_be_taken_back(card.consent, now) else None,
    )


def snooze_modal(handled: Handled, *, private_metadata: str) -> View:
    """How long, and why."""
    options = [Option(value=value, text=PlainTextObject(text=name)) for value, name in SPANS.items()]
    return _modal(
        "snooze",
        "Snooze",
        private_metadata,
        section(
            f"*{_what(handled)}*", "Nobody is reminded or called while it is snoozed. The message stays up to date."
        ),
        InputBlock(
            label=PlainTextObject(text="How long"),
            block_id="span",
            element=StaticSelectElement(action_id="span", options=options, initial_option=options[1]),
        ),
        _reason("Why", "Everybody sees it on the alert."),
    )


def assign_modal(handled: Handled, *, private_metadata: str) -> View:
    """Whom, and what they should know."""
    return _modal(
        "assign",
        "Assign",
        private_metadata,
        section(f"*{_what(handled)}*", "They get this alert by direct message, and it stays up to date there as well."),
        InputBlock(
            label=PlainTextObject(text="Who takes care of it"),
            block_id="person",
            element=UserSelectElement(action_id="person", initial_user=handled.incident.care.assigned_to),
        ),
        _reason("What they should know", "Everybody sees it on the alert.", optional=True),
    )


def acknowledged(handled: Handled) -> Message:
    """To whoever pressed."""
    yours = "you have acknowledged this" if handled.newly else "you had acknowledged this already"
    return _said(handled, yours, "Nobody else is called. The alert shows your name, and stays until it works again.")


def assigned(handled: Handled, asker: str) -> Message:
    to = handled.incident.care.assigned_to
    if not handled.newly:
        return _said(handled, f"{mention(to)} has this already", "Nothing was changed.", plain="assigned already")
    if to == asker:
        return _said(handled, "this is yours now", "The alert shows your name.")
    then = "I have sent them the alert by direct message."
    return _said(handled, f"{mention(to)} has this now", then, plain="assigned")


def snoozed(handled: Handled) -> Message:
    until = handled.incident.care.snoozed_until
    how_long = f"snoozed until {moment(until)}" if until else "snoozed until it works again"
    then = "I tell you below the alert when that is over. " if until else ""
    then += "`/fieldview snoozes` lists what is snoozed and ends it before its time."
    return _said(handled, how_long, then, plain="snoozed")


def snooze_ended(handled: Handled) -> Message:
    """To whoever ended it."""
    ended = "the snooze is over" if handled.newly else "the snooze was over already"
    return _said(handled, ended, "Reminders and calls go on from here." if handled.newly else "Nothing was changed.")


def snoozes(all_of_them: Snoozes) -> Message:
    """Everything that is snoozed, with the button that ends it."""
    number = len(all_of_them.listed) + all_of_them.more
    if not number:
        head = "Nothing is snoozed."
        return Message(head, (section(f"*{head}*", "The menu … on an alert has *Snooze*."),))
    head = f"{count(number, 'alert is', 'alerts are')} snoozed."
    blocks: list[Block] = [section(f"*{head}*")]
    blocks += [_snooze_line(incident, grower) for incident, grower in all_of_them.listed]
    blocks += [quiet(f"…and {count(all_of_them.more, 'more', 'more')}.")] if all_of_them.more else []
    return Message(head, tuple(blocks))


def _snooze_line(incident: Incident, grower: Grower) -> Block:
    line = section(f"{named(grower)}: {CAUSES[incident.cause].short}", _snoozed(incident.care))
    line.accessory = button("End now", "end-snooze", incident.id)
    return line


def not_done(problem: AlertOver | SomebodyWasFirst) -> Message:
    """A click that came too late, or second."""
    if isinstance(problem, SomebodyWasFirst):
        when = f" {moment(problem.at)}" if problem.at else ""
        head = f"{capital(mention(problem.who))} was first and has {problem.did}{when}."
        return Message(f"Somebody was first and has {problem.did}.", (section(head, "Nothing was changed."),))
    over = {"disconnect": "was disconnected", "gone": "is no longer at Leaf"}.get(problem.ended_by or "", "works again")
    head = f"{called(problem.grower)} {over}, so this alert is over."
    return Message(
        f"{head} Nothing was changed.", (section(head, f"Since {moment(problem.since)}. Nothing was changed."),)
    )


def _what(handled: Handled) -> str:
    return f"{called(handled.grower)}: {CAUSES[handled.incident.cause].title}"


def _said(handled: Handled, what: str, then: str, *, plain: str = "") -> Message:
    """`plain` stands for `what` where mentions and moments would not show."""
    name = called(handled.grower)
    return Message(f"{name}: {plain or what}.", (section(f"*{name}*: {what}.", then),))


def _modal(callback_id: str, verb: str, private_metadata: str, *blocks: Block) -> View:
    return View(
        type="modal",
        callback_id=callback_id,
        private_metadata=private_metadata,
        title=PlainTextObject(text=f"{verb} an alert"),
        submit=PlainTextObject(text=verb),
        close=PlainTextObject(text="Cancel"),
        blocks=list(blocks),
    )


def _reason(label: str, hint: str, *, optional: bool = False) -> InputBlock:
    return InputBlock(
        label=PlainTextObject(text=label),
        block_id="reason",
        hint=PlainTextObject(text=hint),
        optional=optional,
        element=PlainTextInputElement(action_id="reason", max_length=REASON),
    )
