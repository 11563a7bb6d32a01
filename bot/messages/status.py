"""How connections are doing: all at a glance, or one in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement, TableBlock

from bot.messages.cards import CAN_BE_REPAIRED, flow
from bot.messages.message import Message, actions, button, context, grower_menu, said, section
from bot.messages.words import (
    SIGNS,
    STATES,
    WHO_ACTS,
    ago,
    bold,
    cause,
    counted,
    lasting,
    moment,
    next_step,
    plain,
    safe,
    scopes,
)
from bot.reports import Overview, StatusReport
from storage.records import Connection, Consent, ConsentState, CredentialStatus, Grower

ORDER = (
    CredentialStatus.HEALTHY,
    CredentialStatus.BROKEN,
    CredentialStatus.LIMITED,
    CredentialStatus.UNKNOWN,
    CredentialStatus.UNAVAILABLE,
    CredentialStatus.PENDING,
    CredentialStatus.ABSENT,
)

TABLE_ROWS = 40
"""Rows a table shows: Slack takes 100, but also no more than 10,000 characters."""


def overview(o: Overview, now: datetime) -> Message:
    """Counts, and a table of those that need someone."""
    total = sum(o.counts.values())
    needing = [CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN]
    in_need = sum(o.counts.get(status, 0) for status in needing)
    head = _headline(total, in_need)
    counts = "   ".join(f"{SIGNS[s]} {o.counts[s]:,} {STATES[s]}" for s in ORDER if o.counts.get(s))
    blocks: list[Block] = [section(f"*{head}*", counts)]
    if o.needing_someone:
        blocks.append(_table(o.needing_someone[:TABLE_ROWS], now))
        if in_need > TABLE_ROWS:
            blocks.append(
                context(f"The {TABLE_ROWS} that have been waiting longest; {in_need - TABLE_ROWS:,} more do.")
            )
        listed = [grower for grower, _ in o.needing_someone]
        blocks.append(actions(grower_menu("show-status", "Look at a grower", listed)))
    blocks.append(context(*_footnotes(o, now)))
    return said(head, *blocks)


def _headline(total: int, in_need: int) -> str:
    if not total:
        return "There are no growers yet"
    if not in_need:
        return f"All well: nobody of {counted(total, 'grower')} needs you"
    return f"{in_need:,} of {counted(total, 'grower')} {'needs' if in_need == 1 else 'need'} someone"


def _footnotes(o: Overview, now: datetime) -> list[str]:
    lines = []
    if o.waiting_for_consent:
        lines.append(f"{counted(o.waiting_for_consent, 'grower has', 'growers have')} a link and may still use it.")
    if o.as_of is None:
        lines.append("I am looking at everybody for the first time; this is what I know so far.")
    else:
        lines.append(f"Everybody was looked at {ago(o.as_of, now)}.")
    return lines


def _table(rows: Sequence[tuple[Grower, Connection]], now: datetime) -> TableBlock:
    cells = [["Grower", "State", "For", "Who must act"]]
    for grower, connection in rows:
        acts = WHO_ACTS[connection.cause] if connection.cause else ""
        lasts = lasting(now - connection.changed_at)
        cells.append([plain(grower.name, 60), STATES[connection.status], lasts, acts])
    return TableBlock(rows=[[{"type": "raw_text", "text": cell or "–"} for cell in row] for row in cells])


def connection_status(report: StatusReport, now: datetime) -> Message:
    """Everything known of one grower, and what to do next."""
    connection, grower = report.connection, report.grower
    status = connection.status if connection else CredentialStatus.ABSENT
    head = f"{SIGNS[status]} {bold(grower)} is {STATES[status]}"
    if status is CredentialStatus.UNAVAILABLE:
        head = f"{SIGNS[status]} {bold(grower)}: FieldView does not answer Leaf"
    elif status is CredentialStatus.UNKNOWN:
        head = f"{SIGNS[status]} {bold(grower)} is in a state I do not know"
    lines = [f"{head}{_since(connection, now)}.", *_explanation(connection), *_link(report.consent, now)]
    facts = _facts(report)
    blocks: list[Block] = [section(*lines)]
    if facts:
        blocks.append(section(*facts))
    blocks += [actions(*_buttons(grower, status, connection)), context(_age(report, now))]
    return said(f"{plain(grower.name)}: {STATES[status]}", *blocks)


def _since(connection: Connection | None, now: datetime) -> str:
    if connection is None:
        return ""
    return f", for {lasting(now - connection.changed_at)} now"


def _explanation(connection: Connection | None) -> list[str]:
    if connection is None or connection.cause is None:
        return []
    why = cause(connection.cause, connection.raw_status, connection.missing_scopes)
    return [why, f"*Who must act:* {WHO_ACTS[connection.cause]}. {next_step(connection.cause)}"]


def _link(consent: Consent | None, now: datetime) -> list[str]:
    """The consent under way, if there is one."""
    if consent is None or consent.state not in (ConsentState.OPEN, ConsentState.EXCHANGING, ConsentState.DELIVERING):
        return []
    where = f"to <@{consent.sent_to}>" if consent.sent_to else "by link to share"
    if consent.state is not ConsentState.OPEN:
        return [f"The grower has agreed; the connection is being made (asked by <@{consent.asked_by}>)."]
    if now >= consent.expires_at:
        return [f"The link <@{consent.asked_by}> sent {where} has expired unused."]
    begun = f"begun {ago(consent.begun_at, now)}" if consent.begun_at else "not used yet"
    sent = f"<@{consent.asked_by}> asked {ago(consent.created_at, now)}, {where}: {begun}"
    return [f"{sent}. Works until {moment(consent.expires_at)}."]


def _facts(report: StatusReport) -> list[str]:
    connection = report.connection
    if connection is None or connection.status is CredentialStatus.ABSENT:
        return []
    facts = [flow(report.data)] if report.live else []
    if connection.account_email:
        facts.append(f"FieldView account: {safe(connection.account_email)}")
    if connection.connected_at:
        facts.append(f"Connected {moment(connection.connected_at)}")
    if connection.missing_scopes and connection.status is not CredentialStatus.LIMITED:
        facts.append(f"Not shared: {scopes(connection.missing_scopes)}")
    return facts


def _buttons(grower: Grower, status: CredentialStatus, connection: Connection | None) -> list[ButtonElement]:
    curable = status is CredentialStatus.ABSENT or (connection is not None and connection.cause in CAN_BE_REPAIRED)
    first = []
    if curable:
        label = "Send a link" if status is CredentialStatus.ABSENT else "Send reconnect link"
        first = [button(label, "send-link", grower.id, style="primary")]
    rest = [button("Check now", "check-now", grower.id), button("What happened", "show-events", grower.id)]
    if status is not CredentialStatus.ABSENT:
        rest.append(button("Disconnect…", "disconnect", grower.id))
    return [*first, *rest]


def _age(report: StatusReport, now: datetime) -> str:
    if report.live:
        return "Leaf was asked just now. Leaf itself notices a lost permission only when it next uses it."
    as_of = f"This is from {ago(report.as_of, now)}" if report.as_of else "I have not been able to look yet"
    return f"{as_of}: {safe(report.why_not_live or 'Leaf was not asked.', 200)}"
