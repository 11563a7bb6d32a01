"""What the operators were told once and are told again when it is over."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.audit_keeping import ERASED
from storage.records import Notice
from storage.tables import NoticeRow
from storage.upserts import insert


async def raise_once(session: AsyncSession, kind: str, text: str, at: datetime) -> Notice | None:
    """A new notice, or None while one of this kind stands."""
    statement = insert(session, NoticeRow).values(id=uuid.uuid4().hex, kind=kind, text=text, raised_at=at)
    row = await session.scalar(statement.on_conflict_do_nothing().returning(NoticeRow))
    return row.to_record() if row else None


async def over(session: AsyncSession, kind: str, at: datetime, text: str | None = None) -> Notice | None:
    """End the standing notice of this kind, with other words if given; None when there is none."""
    row = await session.scalar(
        update(NoticeRow)
        .where(NoticeRow.kind == kind, NoticeRow.over_at.is_(None))
        .values({"over_at": at} | ({"text": text} if text else {}))
        .returning(NoticeRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def get(session: AsyncSession, notice_id: str) -> Notice | None:
    row = await session.get(NoticeRow, notice_id, populate_existing=True)
    return row.to_record() if row else None


async def standing(session: AsyncSession) -> list[Notice]:
    rows = await session.scalars(select(NoticeRow).where(NoticeRow.over_at.is_(None)).order_by(NoticeRow.raised_at))
    return [row.to_record() for row in rows]


async def forget(session: AsyncSession, names: Sequence[str]) -> None:
    """Take these names out of every notice, as they were written there."""
    for row in await session.scalars(select(NoticeRow)):
        for name in names:
            row.text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", ERASED, row.text, flags=re.IGNORECASE)
