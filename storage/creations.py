"""Growers that are being created at Leaf at this moment: each by one at a time, also when somebody clicks twice."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import CreationRow
from storage.upserts import insert


class Claim(Enum):
    """Whether it may be created: somebody else is at it, or nobody, or nobody any more who may have done it."""

    TAKEN = "taken"
    FIRST = "first"
    AFTER_A_LOST_ONE = "after a lost one"


async def claim(session: AsyncSession, key: str, now: datetime, *, lost_before: datetime) -> Claim:
    """Begin to create it; whoever began before `lost_before` is taken for dead."""
    statement = insert(session, CreationRow).values(key=key, began_at=now, asked=False)
    statement = statement.on_conflict_do_update(
        index_elements=[CreationRow.key], set_={"began_at": now}, where=CreationRow.began_at < lost_before
    )
    mine = (await session.execute(statement.returning(CreationRow.asked))).first()
    if mine is None:
        return Claim.TAKEN
    return Claim.FIRST if mine.asked is False else Claim.AFTER_A_LOST_ONE


async def renew(session: AsyncSession, key: str, claimed_at: datetime, now: datetime) -> bool:
    """Go on, and ask Leaf for it; False for whoever was taken for dead meanwhile."""
    mine = update(CreationRow).where(CreationRow.key == key, CreationRow.began_at == claimed_at)
    return await session.scalar(mine.values(began_at=now, asked=True).returning(CreationRow.key)) is not None


async def lost(session: AsyncSession, before: datetime) -> set[str]:
    """What somebody asked Leaf for before then, or may have, and nobody knows whether it was done."""
    return set(await session.scalars(select(CreationRow.key).where(*_lost(before))))


async def end_lost(session: AsyncSession, key: str, before: datetime) -> bool:
    """It is there; True for one of those who find out."""
    ended = delete(CreationRow).where(CreationRow.key == key, *_lost(before))
    return await session.scalar(ended.returning(CreationRow.key)) is not None


async def release(session: AsyncSession, key: str, claimed_at: datetime) -> None:
    """It is done, or surely was not. Whoever was taken for dead and came back leaves the next one's claim alone."""
    await session.execute(delete(CreationRow).where(CreationRow.key == key, CreationRow.began_at == claimed_at))


async def put_back(session: AsyncSession, key: str, claimed_at: datetime, began_at: datetime) -> None:
    """Whoever came after a lost one found nothing out: it is as lost as before."""
    mine = update(CreationRow).where(CreationRow.key == key, CreationRow.began_at == claimed_at)
    await session.execute(mine.values(began_at=began_at))


def _lost(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return CreationRow.began_at < before, CreationRow.asked.is_not(False)
