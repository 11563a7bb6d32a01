"""Channels in which an alert that nobody takes up goes to a lead."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.care import waits_for_the_team
from storage.records import AnnouncementKind, Escalation, Incident
from storage.tables import AnnouncementRow, EscalationRow, IncidentRow
from storage.upserts import insert


async def save(session: AsyncSession, escalation: Escalation) -> None:
    """Set it for its channel, in place of what was set before."""
    values = {
        "lead": escalation.lead,
        "minutes": escalation.minutes,
        "zone": escalation.zone,
        "made_by": escalation.made_by,
        "made_at": escalation.made_at,
    }
    statement = insert(session, EscalationRow).values(channel=escalation.channel, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[EscalationRow.channel], set_=values))


async def remove(session: AsyncSession, channel: str) -> bool:
    """Nobody is called there any more; False when nobody was."""
    query = delete(EscalationRow).where(EscalationRow.channel == channel).returning(EscalationRow.channel)
    return await session.scalar(query) is not None


async def get(session: AsyncSession, channel: str) -> Escalation | None:
    row = await session.get(EscalationRow, channel, populate_existing=True)
    return row.to_record() if row else None


async def everywhere(session: AsyncSession) -> list[Escalation]:
    rows = await session.scalars(select(EscalationRow).order_by(EscalationRow.channel))
    return [row.to_record() for row in rows]


async def leads(session: AsyncSession) -> list[str]:
    return sorted(await session.scalars(select(EscalationRow.lead).distinct()))


async def of_lead(session: AsyncSession, lead: str) -> list[str]:
    """The channels whose lead this person is."""
    query = select(EscalationRow.channel).where(EscalationRow.lead == lead).order_by(EscalationRow.channel)
    return list(await session.scalars(query))


async def candidates(session: AsyncSession, channel: str, before: datetime, now: datetime) -> list[Incident]:
    """Incidents on a card in that channel since before that moment that nobody has taken up; oldest first.

    A link that is out is somebody's doing, and what waiting mends is nobody's.
    """
    rows = await session.scalars(
        select(IncidentRow)
        .join(AnnouncementRow, AnnouncementRow.subject == IncidentRow.id)
        .where(
            AnnouncementRow.kind == AnnouncementKind.INCIDENT,
            AnnouncementRow.channel == channel,
            AnnouncementRow.ts.is_not(None),
            IncidentRow.opened_at <= before,
            *_untaken(now),
        )
        .order_by(IncidentRow.opened_at, IncidentRow.id)
    )
    return [row.to_record() for row in rows]


async def escalate(session: AsyncSession, incident_id: str, lead: str, at: datetime) -> bool:
    """Note that the lead is told; False when somebody has taken it up meanwhile, or a lead was told before."""
    told = await session.scalar(
        update(IncidentRow)
        .where(IncidentRow.id == incident_id, *_untaken(at))
        .values(escalated_to=lead, escalated_at=at)
        .returning(IncidentRow.id)
    )
    return told is not None


def _untaken(now: datetime) -> list[ColumnElement[bool]]:
    return [
        IncidentRow.recovered_at.is_(None),
        IncidentRow.acknowledged_by.is_(None),
        IncidentRow.snoozed_by.is_(None),
        IncidentRow.escalated_at.is_(None),
        *waits_for_the_team(now),
    ]
