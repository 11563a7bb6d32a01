"""Looks at all credentials: which is running, how far it is, when the last one ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Sweep
from storage.tables import SweepRow

_LOCK = 7020261125
"""Key of the PostgreSQL advisory lock under which a sweep begins."""


async def start(session: AsyncSession, sweep_id: str, at: datetime, stalled_before: datetime) -> Sweep | None:
    """Begin this sweep or go on with it; None while another one is running and has given a sign of life."""
    if session.get_bind().dialect.name == "postgresql":
        # Two that begin together would both see nobody; on SQLite one transaction writes at a time anyway.
        await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    running = await session.scalar(
        select(SweepRow)
        .where(SweepRow.finished_at.is_(None), SweepRow.id != sweep_id, SweepRow.beat_at >= stalled_before)
        .limit(1)
    )
    if running is not None:
        return None
    row = await session.get(SweepRow, sweep_id)
    if row is None:
        row = SweepRow(id=sweep_id, started_at=at, beat_at=at, page=0, growers=0, found=0, changed=0)
        session.add(row)
        await session.flush()
    return row.to_record()


async def begun(session: AsyncSession, name: str, stalled_before: datetime) -> str | None:
    """The id of a sweep that is called so, has not ended, and keeps others from beginning."""
    found: str | None = await session.scalar(
        select(SweepRow.id)
        .where(SweepRow.id.startswith(name), SweepRow.finished_at.is_(None), SweepRow.beat_at >= stalled_before)
        .limit(1)
    )
    return found


async def abandon(session: AsyncSession, sweep_id: str) -> None:
    """This sweep will not be finished: the next one need not wait for it."""
    await session.execute(delete(SweepRow).where(SweepRow.id == sweep_id, SweepRow.finished_at.is_(None)))


async def note(session: AsyncSession, sweep_id: str, **values: Any) -> None:
    """Remember how far the sweep is."""
    await session.execute(update(SweepRow).where(SweepRow.id == sweep_id).values(**values))


async def get(session: AsyncSession, sweep_id: str) -> Sweep | None:
    row = await session.get(SweepRow, sweep_id, populate_existing=True)
    return row.to_record() if row else None


async def last_finished(session: AsyncSession, *, before: datetime | None = None) -> Sweep | None:
    """The sweep that ended last, of all or of those that ended before that moment."""
    query = select(SweepRow).where(SweepRow.finished_at.is_not(None))
    if before is not None:
        query = query.where(SweepRow.finished_at < before)
    row = await session.scalar(query.order_by(SweepRow.finished_at.desc()).limit(1))
    return row.to_record() if row else None


async def clock_was_set_back(session: AsyncSession, now: datetime, by_more_than: timedelta) -> bool:
    """Whether a sweep began later than now, as far as can be seen: a clock was set back.

    Then those that seem to have ended or given a sign of life in the future did so now.
    """
    ahead = select(SweepRow.id).where(SweepRow.started_at > now + by_more_than).limit(1)
    if await session.scalar(ahead) is None:
        return False
    for at in (SweepRow.finished_at, SweepRow.beat_at):
        await session.execute(update(SweepRow).where(at > now).values({at: now}))
    return True


async def forget(session: AsyncSession, before: datetime) -> None:
    """Drop sweeps started before that moment, but never the last finished one."""
    last = await last_finished(session)
    query = delete(SweepRow).where(SweepRow.started_at < before)
    if last is not None:
        query = query.where(SweepRow.id != last.id)
    await session.execute(query)
