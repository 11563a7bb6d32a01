"""Why and whose: what a subscription may ask of incidents, storms, silences and consents.

A grower with several tags comes once with each, one without any comes with None.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Cause, Whose
from storage.tables import ConsentRow, GrowerRow, GrowerTagRow, IncidentRow, SilenceRow, StormIncidentRow


async def of_incident(session: AsyncSession, incident_id: str) -> list[tuple[Cause, Whose]]:
    """The incident's cause, and whose the grower is."""
    query = _tagged(select(IncidentRow.cause, GrowerRow.owner, GrowerTagRow.tag).select_from(IncidentRow), IncidentRow)
    rows = await session.execute(query.where(IncidentRow.id == incident_id))
    return [(Cause(cause), Whose(owner, tag)) for cause, owner, tag in rows]


async def of_storm(session: AsyncSession, storm_id: str) -> list[tuple[Cause, Whose]]:
    """The same of everything that the storm is made of, each once."""
    query = (
        _tagged(select(IncidentRow.cause, GrowerRow.owner, GrowerTagRow.tag).select_from(IncidentRow), IncidentRow)
        .join(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(StormIncidentRow.storm_id == storm_id)
        .distinct()
    )
    return [(Cause(cause), Whose(owner, tag)) for cause, owner, tag in await session.execute(query)]


async def of_round(session: AsyncSession, round_id: str) -> list[Whose]:
    """Whose those are whom one message tells to be silent."""
    query = _tagged(select(GrowerRow.owner, GrowerTagRow.tag).select_from(SilenceRow), SilenceRow)
    rows = await session.execute(query.where(SilenceRow.round == round_id).distinct())
    return [Whose(owner, tag) for owner, tag in rows]


async def of_consent(session: AsyncSession, consent_id: str) -> list[Whose]:
    """Whose the grower is who was asked."""
    query = _tagged(select(GrowerRow.owner, GrowerTagRow.tag).select_from(ConsentRow), ConsentRow)
    return [Whose(owner, tag) for owner, tag in await session.execute(query.where(ConsentRow.id == consent_id))]


def _tagged(query: Select[*tuple[Any, ...]], table: Any) -> Select[*tuple[Any, ...]]:
    growers = query.join(GrowerRow, GrowerRow.id == table.grower_id)
    return growers.outerjoin(GrowerTagRow, GrowerTagRow.grower_id == GrowerRow.id)
