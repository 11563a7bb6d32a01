"""Eight writers who append to the audit trail at once."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite
import psycopg
from pydantic import SecretStr

from benchmarks.figures.replicas import postgresql
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.table import Row, ratio_at_least
from bot.app import migrate
from bot.journal import Journal
from storage.database import BUSY_TIMEOUT, Database

WRITERS = 8
COLUMNS = "at, actor, via, action, outcome, request_id"
VALUES = (datetime.now(UTC).isoformat(), "U123", "command", "status", "done", "0123456789ab")
TABLE = f"CREATE TABLE bare ({', '.join(f'{column} TEXT' for column in COLUMNS.split(', '))})"

Write = Callable[[], Awaitable[None]]
Take = Callable[[int], Awaitable[float]]


async def appended(scale: Scale) -> list[Row]:
    """Beside one INSERT per transaction by the driver alone, with the same durability, on both databases."""
    with tempfile.TemporaryDirectory(prefix="fieldview-bench-") as folder:
        path = Path(folder) / "audit.db"
        rows = [await _compared("SQLite", f"sqlite:///{path}", lambda number: _bare_sqlite(path, number), scale)]
    with postgresql() as url:
        rows.append(await _compared("PostgreSQL", url, lambda number: _bare_postgresql(url, number), scale))
    return rows


async def _compared(name: str, url: str, bare: Take, scale: Scale) -> Row:
    await asyncio.to_thread(migrate, url)
    ours, theirs = [], []
    for _ in range(scale.rounds):
        theirs.append(await bare(scale.entries))
        ours.append(await _journal(url, scale.entries))
    return ratio_at_least(
        f"audit, {WRITERS} writers, {name}: entries per second", median(ours), median(theirs), 0.5, "/s"
    )


async def _journal(url: str, entries: int) -> float:
    database = Database(url)
    journal = Journal(database, SecretStr("k" * 32), lambda: datetime.now(UTC))

    async def write() -> None:
        await journal.write("U123", "command", "status", "done", "0123456789ab")

    try:
        before = (await journal.verify()).rows
        rate = await _rate([write] * WRITERS, entries)
        verdict = await journal.verify()
        assert (verdict.fault, verdict.rows) == (None, before + entries), verdict
        return rate
    finally:
        await database.close()


async def _bare_sqlite(path: Path, entries: int) -> float:
    connections = [await aiosqlite.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None) for _ in range(WRITERS)]
    for connection in connections:
        await connection.execute("PRAGMA synchronous=NORMAL")
    await connections[0].execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))

    def writer(connection: aiosqlite.Connection) -> Write:
        async def write() -> None:
            await connection.execute(f"INSERT INTO bare ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", VALUES)  # noqa: S608

        return write

    try:
        return await _rate([writer(connection) for connection in connections], entries)
    finally:
        for connection in connections:
            await connection.close()


async def _bare_postgresql(url: str, entries: int) -> float:
    connections = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(WRITERS)]
    await connections[0].execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS").encode())

    def writer(connection: psycopg.AsyncConnection[tuple[str, ...]]) -> Write:
        async def write() -> None:
            await connection.execute(f"INSERT INTO bare ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)".encode(), VALUES)  # noqa: S608

        return write

    try:
        return await _rate([writer(connection) for connection in connections], entries)
    finally:
        for connection in connections:
            await connection.close()


async def _rate(writers: list[Write], entries: int) -> float:
    """Entries per second when each writer makes its share, one after the other."""
    share = entries // len(writers)

    async def work(write: Write) -> None:
        for _ in range(share):
            await write()

    before = time.perf_counter()
    await asyncio.gather(*(work(write) for write in writers))
    return share * len(writers) / (time.perf_counter() - before)
