"""Leaf's log of FieldView's answers, archived: Leaf itself forgets after 30 days or when a credential is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import LeafEvent
from storage.tables import LeafEventRow


async def archive(session: AsyncSession, events: Sequence[LeafEvent]) -> int:
    """Keep the events not kept yet; returns how many were new."""
    known = set(
        await session.scalars(select(LeafEventRow.id).where(LeafEventRow.id.in_([event.id for event in events])))
    )
    fresh = {event.id: event for event in events if event.id not in known}
    session.add_all(
        LeafEventRow(
            id=event.id,
            grower_id=event.grower_id,
            at=event.at,
            status_code=event.status_code,
            summary=event.summary,
        )
        for event in fresh.values()
    )
    await session.flush()
    return len(fresh)


async def of_grower(
    session: AsyncSession, grower_id: str, *, since: datetime | None = None, limit: int = 1000
) -> list[LeafEvent]:
    """A grower's archived events, newest first."""
    query = select(LeafEventRow).where(LeafEventRow.grower_id == grower_id)
    if since is not None:
        query = query.where(LeafEventRow.at >= since)
    rows = await session.scalars(query.order_by(LeafEventRow.at.desc(), LeafEventRow.id.desc()).limit(limit))
    return [row.to_record() for row in rows]
