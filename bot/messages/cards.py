"""What channels hear: a connection broke and was repaired, a grower was connected, the bot needs somebody."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import Block

from bot.messages.message import Message, actions, button, context, said, section
from bot.messages.words import WHO_ACTS, ago, bold, cause, counted, lasting, moment, next_step, plain, safe
from bot.reports import DataFlow, IncidentCard
from storage.records import Cause, Connection, Consent, ConsentState, Grower, Incident, Notice

CAN_BE_REPAIRED = (Cause.GROWER_MUST_ACT, Cause.SCOPE_MISSING, Cause.REMOVED_AT_LEAF)
"""Causes that a new consent cures; for the others a grower must not be bothered."""

_SIGNS = {Cause.SCOPE_MISSING: "🟠", Cause.UNKNOWN_STATUS: "🟣", Cause.FIELDVIEW_DOWN: "🟡", Cause.LEAF_DOWN: "🟡"}
_HEADS = {
    Cause.GROWER_MUST_ACT: "no longer sends data from FieldView",
    Cause.SCOPE_MISSING: "shares too little in FieldView",
    Cause.REMOVED_AT_LEAF: "is not connected to FieldView any more",
    Cause.UNKNOWN_STATUS: "has a FieldView connection I cannot read",
    Cause.FIELDVIEW_DOWN: "gets no answer from FieldView",
    Cause.LEAF_DOWN: "gets no answer from Leaf",
    Cause.OUR_CONFIGURATION: "cannot be watched",
}


def incident(card: IncidentCard, now: datetime) -> Message:
    """The living message of one broken connection, from the failure to the repair."""
    return _recovered(card) if card.incident.recovered_at else _broken(card, now)


def _broken(card: IncidentCard, now: datetime) -> Message:
    failure = card.incident
    head = _HEADS[failure.cause]
    blocks: list[Block] = [
        section(
            f"{_SIGNS.get(failure.cause, '🔴')} {bold(card.grower)} {head}",
            cause(failure.cause, failure.raw_status, failure.missing_scopes),
        ),
        section(f"*Who must act:* {WHO_ACTS[failure.cause]}", f"*Next step:* {_next(card, now)}"),
    ]
    repair = []
    if failure.cause in CAN_BE_REPAIRED:
        again = card.consent is not None
        label = "Send another link" if again else "Send reconnect link"
        repair = [button(label, "send-link", card.grower.id, style=None if again else "primary")]
    blocks.append(
        actions(
            *repair,
            button("Check now", "check-now", card.grower.id),
            button("What happened", "show-events", card.grower.id),
        )
    )
    blocks.append(context(f"Since {moment(failure.opened_at)}"))
    return said(f"{plain(card.grower.name)} {head}", *blocks)


def _next(card: IncidentCard, now: datetime) -> str:
    """The next step, or how far a repair under way has come."""
    consent = card.consent
    if consent is None or card.incident.cause not in CAN_BE_REPAIRED:
        return next_step(card.incident.cause)
    asked = f"<@{consent.asked_by}> sent a reconnect link {ago(consent.created_at, now)}"
    match consent.state:
        case ConsentState.OPEN if consent.trouble == "denied-at-fieldview":
            return f"{asked}; the grower said no on FieldView's page. The link still works."
        case ConsentState.OPEN if consent.trouble:
            return f"{asked}; the grower tried, but it did not go through. The link still works."
        case ConsentState.OPEN if now >= consent.expires_at:
            return f"{asked}, which has expired. Send another one."
        case ConsentState.OPEN if consent.begun_at:
            return f"{asked}; the grower went on to FieldView {ago(consent.begun_at, now)}."
        case ConsentState.OPEN:
            return f"{asked}; the grower has not used it yet."
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            return f"{asked}; the grower has agreed, and I am handing it over to Leaf."
        case ConsentState.CONNECTED:
            return f"{asked}; the grower has agreed, and Leaf is checking the connection."
        case ConsentState.DECLINED:
            return f"{asked}; the grower said no. Talk to them before you send another one."
        case ConsentState.REVOKED | ConsentState.FAILED:
            return next_step(card.incident.cause)


def _recovered(card: IncidentCard) -> Message:
    over = card.incident
    ended = over.recovered_at or over.opened_at
    down = lasting(ended - over.opened_at)
    if over.ended_by == "disconnect":
        head = f"{plain(card.grower.name)} was disconnected"
        body = f"⚪ {bold(card.grower)} was disconnected, after {down} without data."
        return said(head, section(body), _look(card.grower))
    head = f"{plain(card.grower.name)} works again after {down}"
    lines = [
        f"🟢 {bold(card.grower)} works again, after {down}.",
        _why_it_was(over),
        _who_repaired(card),
        flow(card.data),
    ]
    return said(head, section(*[line for line in lines if line]), _look(card.grower), _span(over, ended))


def _why_it_was(over: Incident) -> str:
    return f"It was: {_HEADS[over.cause]}."


def _who_repaired(card: IncidentCard) -> str:
    if card.incident.ended_by == "repair" and card.consent:
        return f"The grower reconnected, asked by <@{card.consent.asked_by}>."
    if card.incident.ended_by == "repair":
        return "The grower reconnected."
    return "It came back without a new permission."


def flow(data: DataFlow | None) -> str:
    """Whether data flows, as far as Leaf tells."""
    if data is None or data.synced_at is None:
        return "Leaf has not fetched any data yet."
    held = f"{counted(data.farms, 'farm')} and {counted(data.fields, 'field')}"
    return f"Leaf holds {held}; last fetched {moment(data.synced_at)}."


def _look(grower: Grower) -> Block:
    return actions(button("What happened", "show-events", grower.id))


def _span(over: Incident, ended: datetime) -> Block:
    return context(f"From {moment(over.opened_at)} to {moment(ended)}")


def connected(
    consent: Consent, grower: Grower, connection: Connection, data: DataFlow | None, now: datetime
) -> Message:
    """The channel hears that a grower was connected."""
    account = f" with the FieldView account {safe(consent.account_email)}" if consent.account_email else ""
    lines = [f"🟢 {bold(grower)} is connected{account}.", flow(data)]
    if connection.missing_scopes:
        lines.append(cause(Cause.SCOPE_MISSING, None, connection.missing_scopes))
    took = lasting((consent.finished_at or now) - consent.created_at)
    return said(
        f"{plain(grower.name)} is connected",
        section(*lines),
        context(f"Asked by <@{consent.asked_by}>; it took the grower {took}."),
    )


def operator_notice(notice: Notice, now: datetime) -> Message:
    """The bot itself needs somebody, or no longer does. Its words are our own."""
    if notice.over_at:
        took = lasting(notice.over_at - notice.raised_at)
        return said("This is over", section(f"✅ Over, after {took}: {notice.text}"))
    return said(plain(notice.text, 200), section(f"🛠️ {notice.text}"), context(f"Since {moment(notice.raised_at)}"))
