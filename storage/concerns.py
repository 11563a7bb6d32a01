"""Why and whose: what a subscription may ask of incidents, storms, silences and consents."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Cause
from storage.tables import ConsentRow, GrowerRow, IncidentRow, SilenceRow, StormIncidentRow


async def of_incident(session: AsyncSession, incident_id: str) -> list[tuple[Cause, str | None]]:
    """The incident's cause, and who looks after the grower."""
    query = select(IncidentRow.cause, GrowerRow.owner).join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
    rows = await session.execute(query.where(IncidentRow.id == incident_id))
    return [(Cause(cause), owner) for cause, owner in rows]


async def of_storm(session: AsyncSession, storm_id: str) -> list[tuple[Cause, str | None]]:
    """The same of everything that the storm is made of, each pair once."""
    query = (
        select(IncidentRow.cause, GrowerRow.owner)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .join(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(StormIncidentRow.storm_id == storm_id)
        .distinct()
    )
    return [(Cause(cause), owner) for cause, owner in await session.execute(query)]


async def of_round(session: AsyncSession, round_id: str) -> list[str | None]:
    """Who looks after those whom one message tells to be silent."""
    query = select(GrowerRow.owner).join(SilenceRow, SilenceRow.grower_id == GrowerRow.id)
    return list(await session.scalars(query.where(SilenceRow.round == round_id).distinct()))


async def of_consent(session: AsyncSession, consent_id: str) -> list[str | None]:
    """Who looks after the grower who was asked."""
    query = select(GrowerRow.owner).join(ConsentRow, ConsentRow.grower_id == GrowerRow.id)
    return list(await session.scalars(query.where(ConsentRow.id == consent_id)))
