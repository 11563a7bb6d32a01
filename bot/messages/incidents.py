"""The card of an incident: one message from the break to the repair, edited as things change."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block

from bot.messages.casework import called_upon, care_lines, case_menu
from bot.messages.consents import (
    Turn,
    account_doubt,
    data_line,
    decider_unmarked,
    decision,
    needs_operator,
    next_repair,
    standing,
)
from bot.messages.pieces import Message, actions, button, called, heading, quiet, section, told_apart
from bot.messages.storms import ONE_OF_MANY, before_any_link
from bot.messages.text import capital, code, count, escape, literal, mention, unmarked
from bot.messages.times import lasting, moment
from bot.messages.vocabulary import CAUSES, explained, missing_parts, parts
from bot.messages.who_must_act import did_not_help, is_through, turn
from bot.reports import IncidentCard
from storage.records import Cause, Consent, ConsentState, CredentialStatus, Incident

BUTTONS = 3
"""Beside the menu; more of them are a choice in itself."""


def incident(card: IncidentCard, now: datetime) -> Message:
    """What is wrong, since when, who must act and what comes next; in the end, what it was and who repaired it."""
    if card.incident.recovered_at is None:
        return _flapping(card, now) if card.incident.flapping_since else _open(card, now)
    if card.incident.ended_by == "disconnect":
        return _disconnected(card, card.incident.recovered_at)
    if card.incident.ended_by == "gone":
        return _gone(card, card.incident.recovered_at)
    return _recovered(card, card.incident.recovered_at)


def _open(card: IncidentCard, now: datetime) -> Message:
    broken = card.incident
    words, (who, then) = CAUSES[broken.cause], _turn(card, now)
    blocks: list[Block] = [
        heading(f"{words.sign} {literal(card.grower.name)}: {words.title}"),
        section(told_apart(card.grower), explained(broken.cause, broken.raw_status, broken.missing_scopes)),
        section(
            f"*Since:* {moment(broken.opened_at)}",
            f"*Not arriving:* {_not_arriving(broken)}",
            f"*Who must act:* {who}",
            f"*Next step:* {then}",
        ),
    ]
    if card.consent:
        blocks.append(section(_so_far(card, card.consent, now)))
    blocks.append(section(*care_lines(card.incident, card.grower, now)))
    blocks.append(_buttons(card, now))
    if card.storm:
        blocks.append(quiet(ONE_OF_MANY))
    text = f"{called(card.grower)}: {words.title}. {_lock_screen(card, now)}"
    return Message(f"{called_upon(card, now)}{text}", tuple(blocks))


def _lock_screen(card: IncidentCard, now: datetime) -> str:
    """Who must act and what comes next, without mentions: where a message is only announced they would be ids."""
    if card.consent and card.consent.state is ConsentState.HELD:
        return f"{capital(decider_unmarked(card.consent, card.grower))} has to decide about the FieldView account."
    who, then = _turn(card, now)
    return unmarked(f"Who must act: {who}. {then}")


def _flapping(card: IncidentCard, now: datetime) -> Message:
    """It comes and goes: one card for all of it, until it has been quiet for six hours."""
    name, words, consent = card.grower.name, CAUSES[card.incident.cause], card.consent
    works = card.connection is not None and card.connection.status is CredentialStatus.HEALTHY
    state = "it works" if works else f"it does not work: {words.short}"
    is_proved = works and consent is not None and consent.state is ConsentState.CONNECTED
    who, then = _turn_while_flapping(card, now)
    head = "FieldView comes and goes"
    blocks: list[Block] = [
        heading(f"🟠 {literal(name)}: {head}"),
        section(
            told_apart(card.grower),
            f"The connection changed *{count(card.changes, 'time')}* in 24 hours. Right now {state}.",
            f"*First broken:* {moment(card.incident.opened_at)}",
            f"*Who must act:* {who}",
            f"*Next step:* {then}",
        ),
        *([section(_so_far(card, consent, now))] if consent and not is_proved else []),
        section(*care_lines(card.incident, card.grower, now)),
        _buttons(card, now),
        quiet("I sum it up in the thread every 6 hours. After 6 hours without a change, I say here how it ended."),
    ]
    text = f"{called(card.grower)}: {head}, {count(card.changes, 'change')} in 24 hours. {unmarked(then)}"
    return Message(f"{called_upon(card, now)}{text}", tuple(blocks))


def _turn_while_flapping(card: IncidentCard, now: datetime) -> Turn:
    """Who must act and the next step: as for any other incident once a link is out and not at its end."""
    words, consent = CAUSES[card.incident.cause], card.consent
    in_vain = did_not_help(consent, card.connection)
    if consent and words.asks_grower and next_repair(consent, card.grower, now, in_vain=in_vain):
        return turn(words, card.grower, card.connection, consent, now)
    look = "Look at what happened. If it goes on, ask the grower whether they change something at FieldView."
    return "your team, if it goes on", look


def _not_arriving(broken: Incident) -> str:
    if broken.cause is Cause.SCOPE_MISSING and broken.missing_scopes:
        return f"{parts(broken.missing_scopes)}. Everything else comes in as usual."
    return CAUSES[broken.cause].missing


def _turn(card: IncidentCard, now: datetime) -> Turn:
    """Who must act and the next step."""
    words, consent = CAUSES[card.incident.cause], card.consent
    if first := _before_any_link(card, now):
        return first
    who, then = turn(words, card.grower, card.connection, consent, now)
    if words.asks_grower and is_through(consent, card.connection):
        then += " I update this message when Leaf has confirmed."
    return who, then


def _before_any_link(card: IncidentCard, now: datetime) -> Turn | None:
    """What the message for all who broke together says, unless this grower's repair has a next step of its own."""
    if (
        card.storm is None
        or card.grower.gone_at
        or not CAUSES[card.incident.cause].asks_grower
        or is_through(card.consent, card.connection)
    ):
        return None
    if card.consent and next_repair(
        card.consent, card.grower, now, in_vain=did_not_help(card.consent, card.connection)
    ):
        return None
    return before_any_link(card.storm, card.ill)


def _so_far(card: IncidentCard, consent: Consent, now: datetime) -> str:
    if did_not_help(card.consent, card.connection):
        return "The grower agreed once more, but Leaf still says that it does not work as it should."
    return standing(consent, now, card.grower)


def _buttons(card: IncidentCard, now: datetime) -> ActionsBlock:
    grower, consent = card.grower.id, card.consent
    deciding = decision(consent) if consent and consent.state is ConsentState.HELD else []
    send = None
    gone = card.grower.gone_at is not None
    if CAUSES[card.incident.cause].asks_grower and not (
        deciding or gone or is_through(card.consent, card.connection) or needs_operator(consent)
    ):
        again = consent is not None
        send = button(
            "Send a new link" if again else "Send reconnect link",
            "send-link",
            grower,
            style=None if again or _before_any_link(card, now) else "primary",
        )
    claim = None if card.grower.owner else button("Claim", "claim", grower)
    seen = card.incident.care.acknowledged_by is not None
    acknowledge = None if seen else button("Acknowledge", "acknowledge", card.incident.id)
    offered = [each for each in (*deciding, send, acknowledge, claim) if each]
    return actions(*offered[:BUTTONS], case_menu(card, now))


def _recovered(card: IncidentCard, at: datetime) -> Message:
    was = card.incident
    down = lasting(at - was.opened_at)
    blocks = (
        heading(f"🟢 {literal(card.grower.name)}: FieldView works again"),
        section(
            told_apart(card.grower),
            f"*Down for* {down}, from {moment(was.opened_at)} to {moment(at)}",
            f"*What it was:* {_what_it_was(was)}",
            "*It came and went* before; nothing has changed for 6 hours now." if was.flapping_since else None,
            f"*Repaired by* {_repairer(card)}",
            _repaired_with(card),
            data_line(card.data, since=at),
        ),
        actions(button("What happened", "show-events", card.grower.id)),
    )
    return Message(f"{called(card.grower)}: FieldView works again, after {down}.", blocks)


def _what_it_was(was: Incident) -> str:
    match was.cause:
        case Cause.GROWER_MUST_ACT:
            return "FieldView had stopped accepting the grower’s permission."
        case Cause.SCOPE_MISSING:
            return f"The grower’s permission did not cover everything. {missing_parts(was.missing_scopes)}"
        case Cause.REMOVED_AT_LEAF:
            return "Somebody had removed the connection at Leaf."
        case Cause.FIELDVIEW_DOWN:
            return "FieldView did not answer Leaf. The grower’s permission was fine."
        case Cause.LEAF_DOWN:
            return "Leaf did not answer. The grower’s permission was fine."
        case Cause.STAYS_PENDING:
            return "Leaf had not finished checking the connection."
        case Cause.OUR_CONFIGURATION:
            return "Something in this bot’s own set-up was wrong."
        case Cause.UNKNOWN_STATUS:
            return f"Leaf used a word I do not know: {code(was.raw_status or '(none)')}."


def _repairer(card: IncidentCard) -> str:
    consent = card.consent
    if card.incident.repaired_by_consent is None:
        return "nobody here: Leaf found the connection working again by itself."
    if consent is None or consent.id != card.incident.repaired_by_consent:
        return "the grower, with a new permission."
    return f"the grower, through the link {mention(consent.maker, consent.asked_by_name)} sent."


def _repaired_with(card: IncidentCard) -> str | None:
    """A word when the grower came back with an account that is not the address Leaf knows."""
    consent = card.consent
    if consent is None or consent.id != card.incident.repaired_by_consent:
        return None
    doubt = account_doubt(consent.account_email, card.grower)
    return f"*FieldView account:* {escape(consent.account_email or '')}. {doubt}" if doubt else None


def _disconnected(card: IncidentCard, at: datetime) -> Message:
    what = f"The team ended this connection {moment(at)}, so there is nothing left to repair."
    return _nothing_left(card, at, "disconnected", "disconnected by the team", what)


def _gone(card: IncidentCard, at: datetime) -> Message:
    """This alert ended so; the grower may be there again by now."""
    what = f"Leaf had no such user any more {moment(at)}, so there was nothing left to repair."
    return _nothing_left(card, at, "no longer at Leaf", "no longer at Leaf", what)


def _nothing_left(card: IncidentCard, at: datetime, head: str, text: str, what: str) -> Message:
    was = card.incident
    blocks = (
        heading(f"⚪ {literal(card.grower.name)}: {head}"),
        section(
            told_apart(card.grower),
            what,
            f"It had not worked for {lasting(at - was.opened_at)}. {_what_it_was(was)}",
        ),
        actions(button("What happened", "show-events", card.grower.id)),
    )
    return Message(f"{called(card.grower)}: {text}.", blocks)
