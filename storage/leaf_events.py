"""Leaf's log of FieldView's answers, archived: Leaf itself forgets after 30 days or when a credential is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import LeafEvent
from storage.tables import LeafEventRow
from storage.upserts import insert


async def archive(session: AsyncSession, events: Sequence[LeafEvent]) -> int:
    """Keep the events not kept yet; returns how many were new."""
    rows = [asdict(event) for _, event in sorted({event.id: event for event in events}.items())]
    fresh = 0
    for start in range(0, len(rows), 500):
        statement = insert(session, LeafEventRow).values(rows[start:][:500]).on_conflict_do_nothing()
        fresh += len((await session.scalars(statement.returning(LeafEventRow.id))).all())
    return fresh


async def of_grower(
    session: AsyncSession, grower_id: str, *, since: datetime | None = None, limit: int = 1000
) -> list[LeafEvent]:
    """A grower's archived events, newest first."""
    query = select(LeafEventRow).where(LeafEventRow.grower_id == grower_id)
    if since is not None:
        query = query.where(LeafEventRow.at >= since)
    rows = await session.scalars(query.order_by(LeafEventRow.at.desc(), LeafEventRow.id.desc()).limit(limit))
    return [row.to_record() for row in rows]


async def count(session: AsyncSession, grower_id: str) -> int:
    """How many of the grower's events are archived."""
    query = select(func.count()).select_from(LeafEventRow).where(LeafEventRow.grower_id == grower_id)
    return await session.scalar(query) or 0


async def newest_success(session: AsyncSession, grower_id: str) -> datetime | None:
    """When FieldView last served Leaf for this grower, as far as the archive tells."""
    return await session.scalar(
        select(LeafEventRow.at)
        .where(LeafEventRow.grower_id == grower_id, LeafEventRow.status_code.between(200, 299))
        .order_by(LeafEventRow.at.desc())
        .limit(1)
    )
