"""Connections that stopped working, until they work again: at most one open incident per grower."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Cause, CredentialStatus, Incident
from storage.tables import IncidentRow


async def open_new(session: AsyncSession, incident: Incident) -> None:
    """Raises IntegrityError when the grower has an open incident already."""
    session.add(
        IncidentRow(
            id=incident.id,
            grower_id=incident.grower_id,
            grower_name=incident.grower_name,
            status=incident.status,
            cause=incident.cause,
            opened_at=incident.opened_at,
            raw_status=incident.raw_status,
            missing_scopes=list(incident.missing_scopes),
            told_at=incident.told_at,
            flapping_since=incident.flapping_since,
            summarised_at=incident.summarised_at,
        )
    )
    await session.flush()


async def get(session: AsyncSession, incident_id: str) -> Incident | None:
    row = await session.get(IncidentRow, incident_id, populate_existing=True)
    return row.to_record() if row else None


async def open_of_grower(session: AsyncSession, grower_id: str) -> Incident | None:
    row = await session.scalar(
        select(IncidentRow).where(IncidentRow.grower_id == grower_id, IncidentRow.recovered_at.is_(None))
    )
    return row.to_record() if row else None


async def open_of_growers(session: AsyncSession, grower_ids: Iterable[str]) -> dict[str, Incident]:
    """The open incidents of these growers, by grower."""
    rows = await session.scalars(
        select(IncidentRow).where(IncidentRow.grower_id.in_(list(grower_ids)), IncidentRow.recovered_at.is_(None))
    )
    return {row.grower_id: row.to_record() for row in rows}


async def restate(
    session: AsyncSession,
    incident_id: str,
    status: CredentialStatus,
    cause: Cause,
    raw_status: str | None,
    missing_scopes: tuple[str, ...],
) -> None:
    """The failure is still there but looks different now."""
    await session.execute(
        update(IncidentRow)
        .where(IncidentRow.id == incident_id)
        .values(status=status, cause=cause, raw_status=raw_status, missing_scopes=list(missing_scopes))
    )


async def note(session: AsyncSession, incident_id: str, **values: datetime | None) -> None:
    """Remember when channels had to hear of it, and since when it comes and goes."""
    await session.execute(update(IncidentRow).where(IncidentRow.id == incident_id).values(**values))


async def end(session: AsyncSession, incident_id: str, at: datetime, by: str, consent_id: str | None) -> bool:
    """Close the incident; False when it was closed already. `by` is repair, leaf, disconnect or gone."""
    ended = await session.scalar(
        update(IncidentRow)
        .where(IncidentRow.id == incident_id, IncidentRow.recovered_at.is_(None))
        .values(recovered_at=at, ended_by=by, repaired_by_consent=consent_id)
        .returning(IncidentRow.id)
    )
    return ended is not None


async def flapping(session: AsyncSession) -> list[str]:
    """Growers whose open incident comes and goes, by id."""
    query = select(IncidentRow.grower_id).where(
        IncidentRow.recovered_at.is_(None), IncidentRow.flapping_since.is_not(None)
    )
    return list(await session.scalars(query.order_by(IncidentRow.grower_id)))


async def count_open(session: AsyncSession) -> int:
    query = select(func.count()).select_from(IncidentRow).where(IncidentRow.recovered_at.is_(None))
    return await session.scalar(query) or 0
