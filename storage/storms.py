"""Trouble of many growers at once, which has one message in common instead of one for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage import growers
from storage.records import Affected, AnnouncementKind, Cause, CredentialStatus, Storm, StormKind, StormTally
from storage.tables import AnnouncementRow, ConnectionRow, GrowerRow, IncidentRow, StormIncidentRow, StormRow
from storage.upserts import insert

_LOCK = 7020261126
"""Key of the PostgreSQL advisory lock under which storms are recognised, joined and ended."""


async def lock(session: AsyncSession) -> None:
    """Until the end of the transaction nobody else decides about storms: each sees what the one before has done."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def begin(session: AsyncSession, kind: StormKind, began_at: datetime, at: datetime) -> Storm:
    row = StormRow(id=uuid.uuid4().hex, kind=kind, began_at=began_at, last_at=at, growers=0)
    session.add(row)
    await session.flush()
    return row.to_record()


async def note(session: AsyncSession, storm_id: str, **values: Any) -> None:
    """Remember how the storm stands."""
    await session.execute(update(StormRow).where(StormRow.id == storm_id).values(**values))


async def get(session: AsyncSession, storm_id: str) -> Storm | None:
    row = await session.get(StormRow, storm_id, populate_existing=True)
    return row.to_record() if row else None


async def growing(session: AsyncSession, now: datetime, within: timedelta) -> Storm | None:
    """The storm of growers that is not over and grew last, so long ago at most."""
    open_to_more = (
        StormRow.kind == StormKind.GROWERS,
        StormRow.over_at.is_(None),
        _near(StormRow.last_at, now, within),
    )
    return await _last(session, *open_to_more)


async def latest(session: AsyncSession, kind: StormKind, now: datetime, within: timedelta) -> Storm | None:
    """The storm of this kind that was in motion last and is not over, or has not been for longer than that."""
    return await _last(
        session, StormRow.kind == kind, or_(StormRow.over_at.is_(None), _near(StormRow.over_at, now, within))
    )


async def _last(session: AsyncSession, *of: ColumnElement[bool]) -> Storm | None:
    query = select(StormRow).where(*of).order_by(StormRow.over_at.is_not(None), StormRow.last_at.desc(), StormRow.id)
    row = await session.scalar(query.limit(1))
    return row.to_record() if row else None


def _near(moment: InstrumentedAttribute[Any], now: datetime, within: timedelta) -> ColumnElement[bool]:
    """No longer ago; what is further ahead was written down before the clock was set back, and is long past."""
    return moment.between(now - within, now + within)


async def standing(session: AsyncSession) -> list[Storm]:
    """All that are not over, the oldest first."""
    rows = await session.scalars(select(StormRow).where(StormRow.over_at.is_(None)).order_by(StormRow.began_at))
    return [row.to_record() for row in rows]


async def ill(session: AsyncSession) -> list[StormKind]:
    """Which of FieldView and Leaf are ill at this moment, whether or not anybody was told."""
    return [storm.kind for storm in await standing(session) if storm.kind is not StormKind.GROWERS]


async def join(session: AsyncSession, storm_id: str, incident_ids: Iterable[str]) -> None:
    rows = [{"incident_id": incident_id, "storm_id": storm_id} for incident_id in sorted(incident_ids)]
    if rows:
        await session.execute(insert(session, StormIncidentRow).values(rows).on_conflict_do_nothing())


async def owners(session: AsyncSession, incident_ids: Iterable[str]) -> list[str]:
    """Who looks after the growers of these incidents, whoever has most of them first."""
    query = (
        select(GrowerRow.owner, func.count())
        .join(IncidentRow, IncidentRow.grower_id == GrowerRow.id)
        .where(IncidentRow.id.in_(list(incident_ids)), GrowerRow.owner.is_not(None))
        .group_by(GrowerRow.owner)
        .order_by(func.count().desc(), GrowerRow.owner)
    )
    return [owner for owner, _ in await session.execute(query) if owner]


async def of_incident(session: AsyncSession, incident_id: str) -> str | None:
    """The storm that this incident is a part of."""
    return await session.scalar(select(StormIncidentRow.storm_id).where(StormIncidentRow.incident_id == incident_id))


async def of_incidents(session: AsyncSession, incident_ids: Iterable[str]) -> list[str]:
    """The storms that these incidents are a part of."""
    query = select(StormIncidentRow.storm_id).where(StormIncidentRow.incident_id.in_(list(incident_ids)))
    return sorted(set(await session.scalars(query)))


@dataclass(frozen=True)
class Loose:
    """An open incident that is no part of a storm: since when it is so, and the channel its grower has."""

    incident_id: str
    since: datetime
    channel: str | None


async def loose(session: AsyncSession, now: datetime, within: timedelta) -> list[Loose]:
    """Open incidents told no longer ago than that which are no part of a storm."""
    query = (
        select(IncidentRow.id, IncidentRow.opened_at, GrowerRow.channel)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .outerjoin(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(
            _near(IncidentRow.told_at, now, within),
            IncidentRow.recovered_at.is_(None),
            StormIncidentRow.incident_id.is_(None),
        )
    )
    return [Loose(*row) for row in await session.execute(query)]


async def count_broken(session: AsyncSession, storm_id: str) -> int:
    """How many of the storm's growers are still broken."""
    return await session.scalar(_broken(storm_id, func.count())) or 0


async def count_growers(session: AsyncSession, storm_id: str) -> int:
    """How many growers the storm has, whoever came and went counted once."""
    query = select(func.count(IncidentRow.grower_id.distinct())).join(
        StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id
    )
    return await session.scalar(query.where(StormIncidentRow.storm_id == storm_id)) or 0


async def cards(session: AsyncSession, storm_id: str) -> list[str]:
    """The storm's open incidents that have, or were owed, a message of their own."""
    own = select(AnnouncementRow.id).where(
        AnnouncementRow.kind == AnnouncementKind.INCIDENT, AnnouncementRow.subject == IncidentRow.id
    )
    return list(await session.scalars(_broken(storm_id, IncidentRow.id).where(own.exists()).order_by(IncidentRow.id)))


async def count_unavailable(session: AsyncSession) -> int:
    """Over how many growers FieldView fails Leaf."""
    return await session.scalar(_unavailable(func.count())) or 0


async def tally(session: AsyncSession, storm: Storm, names: int) -> StormTally:
    """How the storm stands, with the first names of those who are still in it."""
    if storm.kind is not StormKind.GROWERS:
        left = await count_unavailable(session) if storm.kind is StormKind.FIELDVIEW else 0
        broken = {Cause.FIELDVIEW_DOWN: left} if left else {}
        return StormTally(storm.growers, broken, {}, await still_in(session, storm, limit=names))
    newest_first = (IncidentRow.recovered_at.is_not(None), IncidentRow.opened_at.desc(), IncidentRow.id)
    last = (
        select(
            IncidentRow.cause,
            IncidentRow.recovered_at.is_(None).label("is_open"),
            IncidentRow.ended_by,
            func.row_number().over(partition_by=IncidentRow.grower_id, order_by=newest_first).label("nth"),
        )
        .join(StormIncidentRow, StormIncidentRow.incident_id == IncidentRow.id)
        .where(StormIncidentRow.storm_id == storm.id)
        .subquery()
    )
    broken = {}
    ended: dict[str, int] = {}
    total = 0
    of_each = select(last.c.cause, last.c.is_open, last.c.ended_by, func.count()).where(last.c.nth == 1)
    groups = of_each.group_by(last.c.cause, last.c.is_open, last.c.ended_by)
    for cause, is_open, by, number in await session.execute(groups):
        total += number
        if is_open:
            broken[Cause(cause)] = broken.get(Cause(cause), 0) + number
        elif by is not None:
            ended[by] = ended.get(by, 0) + number
    mine = (
        _broken(storm.id, GrowerRow.owner, func.count()).where(GrowerRow.owner.is_not(None)).group_by(GrowerRow.owner)
    )
    owners = [owner for owner, _ in await session.execute(mine.order_by(func.count().desc(), GrowerRow.owner))]
    untaken = _broken(storm.id, IncidentRow.escalated_to, func.count()).where(IncidentRow.acknowledged_by.is_(None))
    told = await session.execute(untaken.group_by(IncidentRow.escalated_to).order_by(IncidentRow.escalated_to))
    leads = {lead: number for lead, number in told if lead}
    return StormTally(total, broken, ended, await still_in(session, storm, limit=names), owners, leads)


async def around(session: AsyncSession, incident_id: str) -> StormTally | None:
    """How the storm stands that this incident is a part of; None when it is a part of none."""
    storm_id = await of_incident(session, incident_id)
    storm = await get(session, storm_id) if storm_id else None
    return await tally(session, storm, 0) if storm else None


async def still_in(session: AsyncSession, storm: Storm, *, limit: int | None = None, offset: int = 0) -> list[Affected]:
    """The growers who are still broken, or a page of them, in an order that holds while others recover."""
    match storm.kind:
        case StormKind.GROWERS:
            query = _broken(storm.id, GrowerRow, IncidentRow.cause, IncidentRow.opened_at)
        case StormKind.FIELDVIEW:
            query = _unavailable(GrowerRow, ConnectionRow.cause, ConnectionRow.changed_at)
        case StormKind.LEAF:
            return []
    rows = await session.execute(query.order_by(GrowerRow.folded_name, GrowerRow.id).limit(limit).offset(offset))
    found = [(row.to_record(), Cause(cause) if cause else Cause.FIELDVIEW_DOWN, since) for row, cause, since in rows]
    told_apart = await growers.get_many(session, [grower.id for grower, _, _ in found])
    return [Affected(told_apart.get(grower.id, grower), cause, since) for grower, cause, since in found]


def _broken(storm_id: str, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(StormIncidentRow)
        .join(IncidentRow, IncidentRow.id == StormIncidentRow.incident_id)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .where(StormIncidentRow.storm_id == storm_id, IncidentRow.recovered_at.is_(None))
    )


def _unavailable(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(ConnectionRow)
        .join(GrowerRow, GrowerRow.id == ConnectionRow.grower_id)
        .where(ConnectionRow.status == CredentialStatus.UNAVAILABLE, GrowerRow.gone_at.is_(None))
    )
