"""Consents that were completed, followed until Leaf shows data of theirs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import FirstData
from storage.tables import FirstDataRow
from storage.upserts import insert


async def begin(session: AsyncSession, consent_id: str, grower_id: str, at: datetime) -> None:
    """The grower is connected since then; beginning twice is no error."""
    row = {"consent_id": consent_id, "grower_id": grower_id, "since": at, "farms": 0, "fields": 0}
    await session.execute(insert(session, FirstDataRow).values(**row).on_conflict_do_nothing())


async def get(session: AsyncSession, consent_id: str) -> FirstData | None:
    row = await session.get(FirstDataRow, consent_id, populate_existing=True)
    return row.to_record() if row else None


async def came(session: AsyncSession, consent_id: str, at: datetime, farms: int, fields: int) -> bool:
    """The first data is there; False when that was known."""
    found = await session.scalar(
        update(FirstDataRow)
        .where(FirstDataRow.consent_id == consent_id, FirstDataRow.came_at.is_(None))
        .values(came_at=at, farms=farms, fields=fields)
        .returning(FirstDataRow.consent_id)
    )
    return found is not None


async def missed(session: AsyncSession, consent_id: str, at: datetime) -> bool:
    """Until that moment nothing came; False when that was noted, or something has come."""
    found = await session.scalar(
        update(FirstDataRow)
        .where(FirstDataRow.consent_id == consent_id, FirstDataRow.came_at.is_(None), FirstDataRow.missed_at.is_(None))
        .values(missed_at=at)
        .returning(FirstDataRow.consent_id)
    )
    return found is not None
