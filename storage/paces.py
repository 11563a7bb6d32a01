"""One pace for all replicas: who may send next is agreed on in one row."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import func

from storage.tables import PaceRow


async def reserve(session: AsyncSession, name: str, interval: timedelta) -> float:
    """Take the next free slot of this pace; returns the seconds until it comes. PostgreSQL only, by its clock."""
    now = func.clock_timestamp()
    slot = func.greatest(PaceRow.next_at, now)
    statement = (
        insert(PaceRow)
        .values(name=name, next_at=now + interval)
        .on_conflict_do_update(index_elements=[PaceRow.name], set_={"next_at": slot + interval})
        .returning(func.extract("epoch", PaceRow.next_at - func.clock_timestamp()))
    )
    until_next: float = await session.scalar(statement) or 0.0
    return max(0.0, float(until_next) - interval.total_seconds())


async def hold(session: AsyncSession, name: str, span: timedelta) -> None:
    """Nobody sends for so long: the provider asked for a pause. PostgreSQL only, by its clock."""
    statement = insert(PaceRow).values(name=name, next_at=func.clock_timestamp() + span)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[PaceRow.name], set_={"next_at": func.greatest(PaceRow.next_at, statement.excluded.next_at)}
        )
    )
