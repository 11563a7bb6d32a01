"""What channels were told lately of some growers, by why: to count what a subscription would have brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import Cause, ConsentState, StormKind, Whose
from storage.tables import ConsentRow, GrowerRow, IncidentRow, SilenceRow, StormIncidentRow, StormRow, TransitionRow


@dataclass(frozen=True)
class Told:
    """So many incidents of this cause, alone or as a part of that storm."""

    cause: Cause
    storm: str | None
    number: int


async def watched_since(session: AsyncSession) -> datetime | None:
    """When the first connection was seen; None before that."""
    return await session.scalar(select(TransitionRow.at).order_by(TransitionRow.id).limit(1))


async def incidents(session: AsyncSession, since: datetime, whose: Whose) -> list[Told]:
    """Incidents of those growers of which channels had to hear."""
    groups = (IncidentRow.cause, StormIncidentRow.storm_id)
    rows = await session.execute(
        select(*groups, func.count())
        .select_from(IncidentRow)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .outerjoin(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(IncidentRow.told_at >= since, *narrowing.to(whose))
        .group_by(*groups)
    )
    return [Told(Cause(cause), storm, number) for cause, storm, number in rows]


async def illnesses(session: AsyncSession, since: datetime) -> int:
    """How often Leaf or FieldView was ill for so long that channels were told."""
    ill = select(func.count()).select_from(StormRow).where(StormRow.kind != StormKind.GROWERS)
    return await session.scalar(ill.where(StormRow.told_at >= since)) or 0


async def rounds(session: AsyncSession, since: datetime, whose: Whose) -> int:
    """How many messages told of those growers that they bring no new data."""
    query = select(func.count(SilenceRow.round.distinct())).join(GrowerRow, GrowerRow.id == SilenceRow.grower_id)
    return await session.scalar(query.where(SilenceRow.told_at >= since, *narrowing.to(whose))) or 0


async def new_connections(session: AsyncSession, since: datetime, whose: Whose) -> int:
    """How many consents of those growers led to a connection and repaired no incident."""
    query = (
        select(func.count())
        .select_from(ConsentRow)
        .join(GrowerRow, GrowerRow.id == ConsentRow.grower_id)
        .outerjoin(IncidentRow, IncidentRow.repaired_by_consent == ConsentRow.id)
        .where(ConsentRow.state == ConsentState.CONNECTED, ConsentRow.finished_at >= since, IncidentRow.id.is_(None))
    )
    return await session.scalar(query.where(*narrowing.to(whose))) or 0
