"""The database: one async engine, short transactions, and SQLite made to behave."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from enum import Enum
from pathlib import Path
from typing import Any

import aiosqlite
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage import sqlite_driver

BUSY_TIMEOUT = 30
"""Seconds a SQLite connection waits for another writer before it gives up."""


_LAST = "what comes last"
"""Where a session keeps what `at_end` was given."""

_asked = itertools.count()
"""Deeds of one rank are done in the order in which they were asked for."""


class UnsupportedDatabase(ValueError):
    """The URL names a database that is neither SQLite nor PostgreSQL."""


class Database:
    """Transactions on SQLite or PostgreSQL, with the same code on both."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _async_engine(self.url, pool_size)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        # SQLite lets one write at a time and its waiting has no order: whoever is unlucky would wait in vain.
        self._turn = asyncio.Lock() if self.is_sqlite else nullcontext()

    @asynccontextmanager
    async def transaction(self, *, for_good: bool = False) -> AsyncIterator[AsyncSession]:
        """Read and write: commits when the block ends, rolls back when it raises. See `at_end`.

        On SQLite they come in turn, so one within another would wait for itself. `for_good`: what is removed there is
        overwritten in its file; see `leave_no_copy`.
        """
        async with self._turn, self._sessions() as session, session.begin():
            if for_good and self.is_sqlite:
                await session.connection(execution_options={"overwrites": True})
            yield session
            await _do_what_comes_last(session)

    @asynccontextmanager
    async def reading(self, *, steady: bool = False) -> AsyncIterator[AsyncSession]:
        """Read only, without waiting for writers on SQLite; `steady` sees one moment throughout on PostgreSQL too."""
        async with self._sessions() as session:
            if self.is_sqlite:
                await session.connection(execution_options={"reads_only": True})
            elif steady:
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    async def leave_no_copy(self) -> bool:
        """Empty SQLite's log of writes, which keeps what was there. False while another connection is in the way."""
        if not self.is_sqlite:
            return True
        async with self._turn, self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            [(busy, _, _)] = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy

    async def close(self) -> None:
        await self._engine.dispose()


def at_end(session: AsyncSession, rank: tuple[int | str, ...], deed: Callable[[], Awaitable[None]]) -> None:
    """Do this when everything else in the transaction is done, in the order of ranks whoever asked first.

    Rows that many transactions lock are locked here, in one order everywhere: so none waits for another in a circle.
    """
    heapq.heappush(session.info.setdefault(_LAST, []), (rank, next(_asked), deed))


async def _do_what_comes_last(session: AsyncSession) -> None:
    """The lowest rank first; what a deed asks for finds its place among those that are left."""
    deeds = session.info.get(_LAST, [])
    while deeds:
        _, _, deed = heapq.heappop(deeds)
        await deed()


def parse(url: str) -> URL:
    """The URL without a driver. Raises UnsupportedDatabase, naming the backend and nothing else of the URL."""
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        # Whatever went wrong quotes a part of the URL, which may be of the password.
        raise UnsupportedDatabase("not a database URL") from None
    backend = parsed.get_backend_name()
    if backend == "postgres":
        backend = "postgresql"
    if backend not in ("sqlite", "postgresql"):
        raise UnsupportedDatabase(f"{backend} is not supported: use sqlite or postgresql")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UnsupportedDatabase("a SQLite database in memory forgets everything: name a file")
    return parsed.set(drivername=backend)


def sync_url(url: URL) -> URL:
    """The same database for synchronous use: migrations and the engine of durable jobs."""
    return url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")


def migrate(url: str) -> None:
    """Bring the schema to the newest version; does nothing when it is there already."""
    engine = _sync_engine(parse(url))
    try:
        with engine.begin() as connection:
            _locked_upgrade(connection)
    finally:
        engine.dispose()


class SchemaState(Enum):
    """How the tables compare to what this program brings along."""

    OLDER = "a migration is missing"
    CURRENT = "what this program needs"
    NEWER = "a later version of this program has migrated it"


def schema_state(url: str) -> SchemaState:
    """Migrations only add, so that this program also works on newer tables."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = _sync_engine(parse(url))
    try:
        with engine.connect() as connection:
            applied = MigrationContext.configure(connection).get_current_heads()
        if _is_newer(applied):
            return SchemaState.NEWER
        heads = ScriptDirectory.from_config(alembic_config()).get_heads()
        return SchemaState.CURRENT if set(applied) == set(heads) else SchemaState.OLDER
    finally:
        engine.dispose()


def _is_newer(applied: Sequence[str]) -> bool:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    return bool(set(applied) - known)


def alembic_config() -> Config:
    """Alembic's configuration for our migrations; put a connection into `attributes["connection"]`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _locked_upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Replicas start together: the second waits here and then finds nothing to do.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7020261124)")
    from alembic.runtime.migration import MigrationContext

    if _is_newer(MigrationContext.configure(connection).get_current_heads()):
        # An old version starts again in the middle of an update, or after it was taken back.
        return
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _sync_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(sync_url(url), connect_args={"timeout": BUSY_TIMEOUT})
        prepare_sqlite(engine)
        return engine
    return create_engine(sync_url(url))


def _async_engine(url: URL, pool_size: int) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url.set(drivername="sqlite+aiosqlite"),
            connect_args={"timeout": BUSY_TIMEOUT, "async_creator_fn": sqlite_driver.connect},
            pool_size=pool_size,
            hide_parameters=True,
        )
        prepare_sqlite(engine.sync_engine)
        _let_go_of_sqlite_when_stopped(engine.sync_engine)
        return engine
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"), pool_size=pool_size, pool_pre_ping=True, hide_parameters=True
    )


def _let_go_of_sqlite_when_stopped(engine: Engine) -> None:
    """Whoever is stopped in the middle of a statement leaves no lock behind.

    SQLite closes a file only when its last statement is given up, which nobody waits for, and until then keeps its
    transaction: so that is rolled back first.
    """

    async def roll_back(connection: aiosqlite.Connection) -> None:
        # Stopped twice: what stopped it first goes on after this, and the file is closed.
        with suppress(asyncio.CancelledError, ValueError, sqlite3.Error):
            await asyncio.shield(connection.rollback())

    @event.listens_for(engine, "invalidate")
    def on_invalidate(dbapi: Any, record: ConnectionPoolEntry, reason: BaseException | None) -> None:
        dbapi.run_async(roll_back)


def prepare_sqlite(engine: Engine) -> None:
    """Write-ahead log, foreign keys, and writers that queue at BEGIN instead of failing at COMMIT."""

    @event.listens_for(engine, "connect")
    def on_connect(dbapi: Any, record: ConnectionPoolEntry) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        reads_only = options.get("reads_only", False)
        if options.get("overwrites", False):
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
