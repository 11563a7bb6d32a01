"""Secrets the program made for itself; only their ciphertext is ever here."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import SealedValueRow


async def get(session: AsyncSession, name: str) -> str | None:
    row = await session.get(SealedValueRow, name)
    return row.ciphertext if row else None


async def get_or_add(session: AsyncSession, name: str, ciphertext: str) -> str:
    """The ciphertext stored under this name; stores the given one when there is none."""
    row = await session.get(SealedValueRow, name)
    if row is not None:
        return row.ciphertext
    try:
        async with session.begin_nested():
            session.add(SealedValueRow(name=name, ciphertext=ciphertext))
    except IntegrityError:
        existing = await session.get(SealedValueRow, name, populate_existing=True)
        if existing is None:
            raise
        return existing.ciphertext
    return ciphertext
