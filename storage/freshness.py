"""How fresh each grower's data is at Leaf, one row per grower: what was told last, and whom to ask next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Connection, CredentialStatus, Freshness, Grower
from storage.tables import ConnectionRow, FreshnessRow, GrowerRow, SilenceRow
from storage.upserts import insert

AT_ONCE = 500
"""Rows of one statement: SQLite bounds the number of its parameters."""


async def get(session: AsyncSession, grower_id: str) -> Freshness | None:
    row = await session.get(FreshnessRow, grower_id, populate_existing=True)
    return row.to_record() if row else None


async def save(session: AsyncSession, read: Sequence[Freshness]) -> None:
    """Believe what Leaf told, unless something newer is known; what is known of the use stays as it is."""
    rows = [asdict(each) for each in sorted(read, key=lambda each: each.grower_id)]
    for start in range(0, len(rows), AT_ONCE):
        statement = insert(session, FreshnessRow).values(rows[start:][:AT_ONCE])
        newer = {name: statement.excluded[name] for name in ("synced_at", "farms", "fields", "read_at")}
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=[FreshnessRow.grower_id],
                set_=newer,
                where=FreshnessRow.read_at <= statement.excluded.read_at,
            )
        )


async def note_use(session: AsyncSession, grower_id: str, used_at: datetime | None, read_at: datetime) -> None:
    """Remember when FieldView last served Leaf for this grower, as far as Leaf's events tell."""
    await session.execute(
        update(FreshnessRow).where(FreshnessRow.grower_id == grower_id).values(used_at=used_at, use_read_at=read_at)
    )


async def watched(session: AsyncSession) -> int:
    """How many growers have a healthy connection."""
    return await session.scalar(_healthy(select(func.count()))) or 0


async def due(session: AsyncSession, before: datetime) -> int:
    """How many of them were not read since that moment."""
    return await session.scalar(_due(select(func.count()), before)) or 0


async def next_due(session: AsyncSession, before: datetime, limit: int) -> list[str]:
    """Who was not read since that moment, the longest-waiting first."""
    query = _due(select(GrowerRow.id), before)
    return list(
        await session.scalars(query.order_by(FreshnessRow.read_at.asc().nulls_first(), GrowerRow.id).limit(limit))
    )


async def with_data(session: AsyncSession) -> set[str]:
    """Growers with a healthy connection of whom Leaf has told before that data came in."""
    return set(await session.scalars(_healthy(select(GrowerRow.id)).where(FreshnessRow.synced_at.is_not(None))))


async def healthy_ids(session: AsyncSession) -> set[str]:
    """All growers with a healthy connection."""
    return set(await session.scalars(_healthy(select(GrowerRow.id))))


async def quiet(
    session: AsyncSession, *, before: datetime, read_since: datetime
) -> list[tuple[Grower, Connection, Freshness]]:
    """Healthy connections whose newest data is older than `before`, as far as Leaf was asked since `read_since`."""
    newest = func.coalesce(FreshnessRow.synced_at, ConnectionRow.connected_at, ConnectionRow.changed_at)
    query = _healthy(select(GrowerRow, ConnectionRow, FreshnessRow)).where(
        FreshnessRow.read_at >= read_since, newest <= before
    )
    rows = await session.execute(query.order_by(newest, GrowerRow.id))
    return [(grower.to_record(), known.to_record(), read.to_record()) for grower, known, read in rows]


async def of_silent(session: AsyncSession) -> dict[str, tuple[Grower, Connection | None, Freshness | None]]:
    """What is known of everybody whose silence was told and is not over, by the silence's id."""
    query: Select[*tuple[Any, ...]] = (
        select(SilenceRow.id, GrowerRow, ConnectionRow, FreshnessRow)
        .join(GrowerRow, GrowerRow.id == SilenceRow.grower_id)
        .outerjoin(ConnectionRow, ConnectionRow.grower_id == GrowerRow.id)
        .outerjoin(FreshnessRow, FreshnessRow.grower_id == GrowerRow.id)
        .where(SilenceRow.ended_at.is_(None))
    )
    return {
        silence: (grower.to_record(), known.to_record() if known else None, read.to_record() if read else None)
        for silence, grower, known, read in await session.execute(query)
    }


def _healthy(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(GrowerRow)
        .join(ConnectionRow, ConnectionRow.grower_id == GrowerRow.id)
        .outerjoin(FreshnessRow, FreshnessRow.grower_id == GrowerRow.id)
        .where(ConnectionRow.status == CredentialStatus.HEALTHY, GrowerRow.gone_at.is_(None))
    )


def _due(query: Select[*tuple[Any, ...]], before: datetime) -> Select[*tuple[Any, ...]]:
    return _healthy(query).where(or_(FreshnessRow.read_at.is_(None), FreshnessRow.read_at < before))
