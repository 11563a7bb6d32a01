"""One trip to SQLite's thread for each statement, and what SQLAlchemy relies on all the same."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storage import sqlite_driver
from storage.database import Database
from storage.sqlite_driver import Connection


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    made = Database(sqlite_url)
    yield made
    await made.close()


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    made = await sqlite_driver.connect(str(tmp_path / "bare.db"), timeout=1, check_same_thread=False)
    yield made
    await made.close()


async def test_a_reading_takes_three_trips(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin, to ask, and to end."""
    trips: list[object] = []
    go = Connection._execute

    async def counted(self: Connection, deed: Any, *arguments: Any) -> Any:
        trips.append(deed)
        return await go(self, deed, *arguments)

    async with database.reading() as session:
        await session.execute(text("SELECT 1"))
    monkeypatch.setattr(Connection, "_execute", counted)
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM growers")) == 0
    assert len(trips) == 3, trips


async def test_rows_counts_and_what_was_returned_come_back(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE fields (id INTEGER PRIMARY KEY, name TEXT)")
    assert (cursor.description, await cursor.fetchone()) == (None, None)
    await cursor.execute("INSERT INTO fields (name) VALUES (?)", ["North"])
    assert (cursor.rowcount, cursor.lastrowid) == (1, 1)
    await cursor.executemany("INSERT INTO fields (name) VALUES (?)", [["East"], ["South"], ["West"]])
    assert cursor.rowcount == 3
    await cursor.execute("UPDATE fields SET name = 'by ' || name WHERE id < 4 RETURNING name")
    assert [name for (name,) in await cursor.fetchall()] == ["by North", "by East", "by South"]
    assert (cursor.rowcount, list(await cursor.fetchall())) == (3, [])
    await cursor.execute("SELECT id FROM fields ORDER BY id")
    assert cursor.description[0][0] == "id"
    assert (await cursor.fetchone(), await cursor.fetchmany(2), await cursor.fetchmany(9)) == (
        (1,),
        [(2,), (3,)],
        [(4,)],
    )


async def test_a_statement_that_fails_leaves_nothing_behind(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE fields (id INTEGER PRIMARY KEY)")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await cursor.execute("SELECT * FROM farms")
    await cursor.execute("INSERT INTO fields DEFAULT VALUES")
    await connection.commit()
    assert cursor.rowcount == 1


async def test_a_transaction_that_cannot_be_committed_is_rolled_back(database: Database) -> None:
    """A commit that fails leaves SQLite's transaction open: what counts as ended would keep its lock."""

    async def of_nobody() -> None:
        async with database.transaction() as session:
            await session.execute(text("PRAGMA defer_foreign_keys = ON"))
            await session.execute(text("INSERT INTO grower_tags (grower_id, tag) VALUES ('nobody', 'north')"))

    with pytest.raises(IntegrityError):
        await of_nobody()
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM grower_tags")) == 0


async def test_what_is_rolled_back_after_a_commit_is_what_came_since(connection: Connection) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE fields (id INTEGER PRIMARY KEY)")
    await connection.commit()
    await cursor.execute("BEGIN")
    await cursor.execute("INSERT INTO fields DEFAULT VALUES")
    await connection.rollback()
    await cursor.execute("SELECT count(*) FROM fields")
    assert list(await cursor.fetchall()) == [(0,)]


async def test_a_connection_that_nobody_holds_lets_go_of_its_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "bare.db")
    held = [await sqlite_driver.connect(path, timeout=1, check_same_thread=False, isolation_level=None)]
    await held[0].cursor().execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        held.clear()
        gc.collect()

    with pytest.warns(ResourceWarning, match="deleted before being closed"):
        let_go()
    other = await sqlite_driver.connect(path, timeout=5, check_same_thread=False, isolation_level=None)
    await other.cursor().execute("BEGIN IMMEDIATE")
    await other.close()


@pytest.mark.parametrize("way", ["execute", "execute_fetchall", "executescript"])
async def test_every_way_to_begin_is_rolled_back(connection: Connection, way: str) -> None:
    connection.isolation_level = None
    await connection.commit()
    await getattr(connection, way)("BEGIN IMMEDIATE")
    await connection.rollback()
    assert not connection.in_transaction
