"""The newest deeds are found however many people only looked since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from bot.health import BARE_LOOKS, LOOKS
from storage import audit
from storage.database import Database
from storage.tables import MERE_LOOKS


def test_the_index_of_deeds_leaves_out_nothing_but_looks() -> None:
    """An action that it leaves out and that history does not count as a look would never be shown."""
    assert set(MERE_LOOKS) == set(LOOKS), "a new look needs a migration, or it fills the index"


async def test_deeds_are_not_looked_for_among_looks(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    asked: list[tuple[str, Any]] = []

    async with database.reading() as session:
        connection = (await session.connection()).sync_connection
        event.listen(connection, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        await audit.latest(session, looks=LOOKS, bare_looks=BARE_LOOKS, limit=21)
        assert "ix_audit_deeds" in await _plan(session, *asked[0])
        await audit.latest(session, limit=21)
        assert "ix_audit_deeds" not in await _plan(session, *asked[-1]), "who wants looks, too, gets them"
        await audit.latest(session, actions=("disconnect",), limit=21)
        assert "ix_audit_deeds" in await _plan(session, *asked[-1])
        await audit.latest(session, actions=("status",), limit=21)
        assert "ix_audit_deeds" not in await _plan(session, *asked[-1])
    await database.close()


async def _plan(session: AsyncSession, statement: str, values: Any) -> str:
    rows = await (await session.connection()).exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return str(rows.all())
