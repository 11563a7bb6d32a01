"""Growers that are being created at Leaf at this moment: each by one at a time, also when somebody clicks twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import CreationRow
from storage.upserts import insert


async def claim(session: AsyncSession, key: str, now: datetime, *, lost_before: datetime) -> bool:
    """Whether nobody else is at it; whoever began before `lost_before` is taken for dead."""
    statement = insert(session, CreationRow).values(key=key, began_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=[CreationRow.key], set_={"began_at": now}, where=CreationRow.began_at < lost_before
    )
    return await session.scalar(statement.returning(CreationRow.key)) is not None


async def release(session: AsyncSession, key: str, claimed_at: datetime) -> None:
    """It is done, or surely was not. Whoever was taken for dead and came back leaves the next one's claim alone."""
    await session.execute(delete(CreationRow).where(CreationRow.key == key, CreationRow.began_at == claimed_at))
