"""Channels in which an alert that nobody takes up goes to a lead."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.care import waits_for_the_team
from storage.records import AnnouncementKind, Escalation, Incident
from storage.tables import AnnouncementRow, ConsentRow, EscalationRow, IncidentRow, StormIncidentRow, StormRow
from storage.upserts import insert

BATCH = 500
"""Rows named in one statement: databases have limits."""


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


async def candidates(session: AsyncSession, channel: str, since: datetime, now: datetime) -> list[Incident]:
    """Incidents on a card of their own that has stood in that channel since then, untouched; oldest first."""
    storm = select(StormIncidentRow.incident_id).where(StormIncidentRow.incident_id == IncidentRow.id)
    rows = await session.scalars(
        select(IncidentRow)
        .join(AnnouncementRow, AnnouncementRow.subject == IncidentRow.id)
        .where(
            *_stands(AnnouncementKind.INCIDENT, channel, since),
            IncidentRow.escalated_at.is_(None),
            ~storm.exists(),
            *_untouched(since, now),
        )
        .order_by(IncidentRow.opened_at, IncidentRow.id)
    )
    return [row.to_record() for row in rows]


async def storms_untaken(session: AsyncSession, escalation: Escalation, since: datetime, now: datetime) -> list[str]:
    """Storms whose message has stood in that channel since then with growers untouched, and not gone to its lead."""
    told = aliased(AnnouncementRow)
    lead_has_it = select(told.id).where(
        told.kind == AnnouncementKind.STORM, told.subject == StormRow.id, told.channel == escalation.lead
    )
    query = (
        select(StormRow.id)
        .join(AnnouncementRow, AnnouncementRow.subject == StormRow.id)
        .join(StormIncidentRow, StormIncidentRow.storm_id == StormRow.id)
        .join(IncidentRow, IncidentRow.id == StormIncidentRow.incident_id)
        .where(
            *_stands(AnnouncementKind.STORM, escalation.channel, since),
            StormRow.over_at.is_(None),
            ~lead_has_it.exists(),
            *_untouched(since, now),
        )
        .distinct()
    )
    return sorted(await session.scalars(query))


async def escalate(session: AsyncSession, incident_id: str, lead: str, at: datetime) -> bool:
    """Note that the lead is told; False when somebody has taken it up meanwhile, or a lead was told before."""
    told = await session.scalar(
        update(IncidentRow)
        .where(IncidentRow.id == incident_id, IncidentRow.escalated_at.is_(None), *_untaken(at))
        .values(escalated_to=lead, escalated_at=at)
        .returning(IncidentRow.id)
    )
    return told is not None


async def escalate_storm(session: AsyncSession, storm_id: str, lead: str, since: datetime, at: datetime) -> int:
    """The same of all in a storm who are untouched since then, at once; of how many, 0 when the lead was told."""
    members = select(StormIncidentRow.incident_id).where(StormIncidentRow.storm_id == storm_id)
    untold = IncidentRow.escalated_to.is_distinct_from(lead)
    # In the order in which a sweep locks them, so that neither waits for the other in a circle.
    locked = select(IncidentRow.id).where(IncidentRow.id.in_(members), untold, *_untouched(since, at))
    ids = list(await session.scalars(locked.order_by(IncidentRow.grower_id).with_for_update(of=IncidentRow)))
    for start in range(0, len(ids), BATCH):
        these = IncidentRow.id.in_(ids[start:][:BATCH])
        await session.execute(update(IncidentRow).where(these).values(escalated_to=lead, escalated_at=at))
    return len(ids)


def _stands(kind: AnnouncementKind, channel: str, since: datetime) -> list[ColumnElement[bool]]:
    """The message about it was posted there no later than that: before, nobody could read it."""
    posted_at = func.coalesce(AnnouncementRow.attempted_at, AnnouncementRow.created_at)
    place = (AnnouncementRow.kind == kind, AnnouncementRow.channel == channel)
    return [*place, AnnouncementRow.ts.is_not(None), posted_at <= since]


def _untouched(since: datetime, now: datetime) -> list[ColumnElement[bool]]:
    """Nobody has taken it up, and it was told before then, left by whoever snoozed it, and by the link sent for it."""
    link = select(ConsentRow.id).where(
        ConsentRow.incident_id == IncidentRow.id,
        func.coalesce(ConsentRow.finished_at, ConsentRow.expires_at) > since,
        ConsentRow.expires_at > since,
    )
    awake = or_(IncidentRow.woken_at.is_(None), IncidentRow.woken_at <= since)
    return [IncidentRow.told_at <= since, awake, ~link.exists(), *_untaken(now)]


def _untaken(now: datetime) -> list[ColumnElement[bool]]:
    """A link that is out is somebody's doing, and what waiting mends is nobody's."""
    return [
        IncidentRow.recovered_at.is_(None),
        IncidentRow.acknowledged_by.is_(None),
        IncidentRow.snoozed_by.is_(None),
        *waits_for_the_team(now),
    ]
