"""Who in the team looks after a grower, and which channel hears of it besides the subscribed ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Grower
from storage.tables import GrowerRow


async def claim(session: AsyncSession, grower_id: str, owner: str) -> Grower | None:
    """Become the owner of a grower who has none; None when there is one."""
    return await _set(session, grower_id, GrowerRow.owner.is_(None), owner=owner)


async def release(session: AsyncSession, grower_id: str, owner: str) -> Grower | None:
    """The grower has no owner any more; None when it was somebody else."""
    return await _set(session, grower_id, GrowerRow.owner == owner, owner=None)


async def give(session: AsyncSession, grower_id: str, owner: str) -> Grower | None:
    """This person looks after the grower, whoever did; None when it was so already."""
    return await _set(session, grower_id, GrowerRow.owner.is_distinct_from(owner), owner=owner)


async def set_channel(session: AsyncSession, grower_id: str, channel: str | None) -> Grower | None:
    """Its alerts also go there, or with None to the subscribed channels alone; None when it was so already."""
    return await _set(session, grower_id, GrowerRow.channel.is_distinct_from(channel), channel=channel)


async def everybody(session: AsyncSession) -> list[str]:
    """All who look after somebody that is still at Leaf."""
    query = select(GrowerRow.owner).where(GrowerRow.owner.is_not(None), GrowerRow.gone_at.is_(None)).distinct()
    return sorted(owner for owner in await session.scalars(query) if owner)


async def owned(session: AsyncSession, owner: str) -> list[Grower]:
    """Everybody this person looks after that is still at Leaf, by name."""
    rows = await session.scalars(
        select(GrowerRow)
        .where(GrowerRow.owner == owner, GrowerRow.gone_at.is_(None))
        .order_by(GrowerRow.folded_name, GrowerRow.id)
    )
    return [row.to_record() for row in rows]


async def _set(session: AsyncSession, grower_id: str, if_: ColumnElement[bool], **values: Any) -> Grower | None:
    row = await session.scalar(
        update(GrowerRow)
        .where(GrowerRow.id == grower_id, if_)
        .values(**values)
        .returning(GrowerRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None
