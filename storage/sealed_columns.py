"""Every column that holds encrypted text, to be read through and encrypted anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import column, inspect, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.tables import ConsentRow, SealedValueRow


@dataclass(frozen=True)
class SealedColumn:
    """Where encrypted text is: `name` for people, the column, and the key of its row."""

    name: str
    key: InstrumentedAttribute[str]
    column: InstrumentedAttribute[Any]


SEALED = (
    SealedColumn("own secrets", SealedValueRow.name, SealedValueRow.ciphertext),
    SealedColumn("authorization codes", ConsentRow.id, ConsentRow.authorization_code),
    SealedColumn("refresh tokens", ConsentRow.id, ConsentRow.refresh_token),
)


async def page(session: AsyncSession, sealed: SealedColumn, after: str, limit: int) -> list[tuple[str, str]]:
    """Keys and encrypted texts behind that key, in order."""
    query = select(sealed.key, sealed.column).where(sealed.key > after, sealed.column.is_not(None))
    return [(row[0], row[1]) for row in await session.execute(query.order_by(sealed.key).limit(limit))]


async def exchange(session: AsyncSession, sealed: SealedColumn, key: str, old: str, new: str) -> bool:
    """Put the new text in the place of the old one; False when it is not there any more."""
    statement = update(sealed.column.class_).where(sealed.key == key, sealed.column == old)
    changed = await session.scalar(statement.values({sealed.column.key: new}).returning(sealed.key))
    return changed is not None


async def of_engine(session: AsyncSession) -> list[str]:
    """What the engine for durable jobs stores of their arguments; nothing before it ever ran."""
    schema = None if session.get_bind().dialect.name == "sqlite" else "dbos"
    connection = await session.connection()
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("workflow_input", schema=schema)):
        return []
    arguments = table("workflow_input", column("inputs"), schema=schema)
    return list(await session.scalars(select(arguments.c.inputs).where(arguments.c.inputs.is_not(None))))
