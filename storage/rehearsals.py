"""What channels were told lately, by why and whose: to count what a subscription would have brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Cause, ConsentState, StormKind
from storage.tables import ConsentRow, GrowerRow, IncidentRow, SilenceRow, StormIncidentRow, StormRow, TransitionRow


@dataclass(frozen=True)
class Told:
    """So many incidents of this cause and owner, alone or as a part of that storm."""

    cause: Cause
    owner: str | None
    storm: str | None
    number: int


async def watched_since(session: AsyncSession) -> datetime | None:
    """When the first connection was seen; None before that."""
    return await session.scalar(select(TransitionRow.at).order_by(TransitionRow.id).limit(1))


async def incidents(session: AsyncSession, since: datetime) -> list[Told]:
    """Incidents of which channels had to hear."""
    groups = (IncidentRow.cause, GrowerRow.owner, StormIncidentRow.storm_id)
    rows = await session.execute(
        select(*groups, func.count())
        .select_from(IncidentRow)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .outerjoin(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(IncidentRow.told_at >= since)
        .group_by(*groups)
    )
    return [Told(Cause(cause), owner, storm, number) for cause, owner, storm, number in rows]


async def illnesses(session: AsyncSession, since: datetime) -> int:
    """How often Leaf or FieldView was ill for so long that channels were told."""
    ill = select(func.count()).select_from(StormRow).where(StormRow.kind != StormKind.GROWERS)
    return await session.scalar(ill.where(StormRow.told_at >= since)) or 0


async def rounds(session: AsyncSession, since: datetime) -> list[tuple[str, str | None]]:
    """The messages that told of growers without new data, each with every owner once."""
    query = select(SilenceRow.round, GrowerRow.owner).join(GrowerRow, GrowerRow.id == SilenceRow.grower_id)
    return [
        (round_id, owner)
        for round_id, owner in await session.execute(query.where(SilenceRow.told_at >= since).distinct())
    ]


async def new_connections(session: AsyncSession, since: datetime) -> list[tuple[str | None, int]]:
    """Consents that led to a connection and repaired no incident, by owner."""
    rows = await session.execute(
        select(GrowerRow.owner, func.count())
        .select_from(ConsentRow)
        .join(GrowerRow, GrowerRow.id == ConsentRow.grower_id)
        .outerjoin(IncidentRow, IncidentRow.repaired_by_consent == ConsentRow.id)
        .where(ConsentRow.state == ConsentState.CONNECTED, ConsentRow.finished_at >= since, IncidentRow.id.is_(None))
        .group_by(GrowerRow.owner)
    )
    return [(owner, number) for owner, number in rows]
