"""Words of ours by which growers are grouped: Leaf has none that could be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import GrowerRow, GrowerTagRow
from storage.upserts import insert


async def of(session: AsyncSession, grower_id: str) -> tuple[str, ...]:
    """The grower's tags, in alphabetical order."""
    found = await session.scalars(select(GrowerTagRow.tag).where(GrowerTagRow.grower_id == grower_id))
    return tuple(sorted(found))


async def of_many(session: AsyncSession, grower_ids: Sequence[str]) -> dict[str, set[str]]:
    """The tags of each of these who has any."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(grower_ids), 500):
        theirs = GrowerTagRow.grower_id.in_(grower_ids[start : start + 500])
        for row in await session.scalars(select(GrowerTagRow).where(theirs)):
            found.setdefault(row.grower_id, set()).add(row.tag)
    return found


async def add(session: AsyncSession, grower_id: str, tags: Iterable[str]) -> None:
    rows = [{"grower_id": grower_id, "tag": tag} for tag in tags]
    if rows:
        await session.execute(insert(session, GrowerTagRow).values(rows).on_conflict_do_nothing())


async def remove(session: AsyncSession, grower_id: str, tags: Iterable[str]) -> None:
    theirs = GrowerTagRow.grower_id == grower_id
    await session.execute(delete(GrowerTagRow).where(theirs, GrowerTagRow.tag.in_(list(tags))))


async def counts(session: AsyncSession) -> dict[str, int]:
    """Every tag that somebody has who is still at Leaf, in alphabetical order, and how many have it."""
    query = (
        select(GrowerTagRow.tag, func.count())
        .join(GrowerRow, GrowerRow.id == GrowerTagRow.grower_id)
        .where(GrowerRow.gone_at.is_(None))
        .group_by(GrowerTagRow.tag)
    )
    return dict(sorted((tag, number) for tag, number in await session.execute(query)))
