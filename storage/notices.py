"""What the operators were told once and are told again when it is over."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Notice
from storage.tables import NoticeRow


async def raise_once(session: AsyncSession, kind: str, text: str, at: datetime) -> Notice | None:
    """A new notice, or None while one of this kind stands."""
    standing = await session.scalar(select(NoticeRow.id).where(NoticeRow.kind == kind, NoticeRow.over_at.is_(None)))
    if standing is not None:
        return None
    row = NoticeRow(id=uuid.uuid4().hex, kind=kind, text=text, raised_at=at)
    session.add(row)
    await session.flush()
    return row.to_record()


async def over(session: AsyncSession, kind: str, at: datetime) -> Notice | None:
    """End the standing notice of this kind; None when there is none."""
    row = await session.scalar(
        update(NoticeRow)
        .where(NoticeRow.kind == kind, NoticeRow.over_at.is_(None))
        .values(over_at=at)
        .returning(NoticeRow)
    )
    return row.to_record() if row else None


async def get(session: AsyncSession, notice_id: str) -> Notice | None:
    row = await session.get(NoticeRow, notice_id, populate_existing=True)
    return row.to_record() if row else None


async def standing(session: AsyncSession) -> list[Notice]:
    rows = await session.scalars(select(NoticeRow).where(NoticeRow.over_at.is_(None)).order_by(NoticeRow.raised_at))
    return [row.to_record() for row in rows]
