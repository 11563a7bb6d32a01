"""SQLite's driver with one trip to its thread for each statement.

aiosqlite goes there four times: to make a cursor, to execute, to fetch and to close. Each trip waits for two threads to
wake up, which takes longer than most of our statements do.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Self

import aiosqlite

Parameters = Sequence[Any]


async def connect(path: str, **options: Any) -> Connection:
    """Open the file, with the options of `sqlite3.connect`."""
    connection = Connection(partial(sqlite3.connect, path, **options), iter_chunk_size=64)
    # A process that ends does not wait for a connection that nobody closed.
    connection._thread.daemon = True
    await connection
    return connection


class Connection(aiosqlite.Connection):
    """One file, and a thread of its own."""

    _trips = 0
    _ended_by = 0
    """The trip that ended a transaction: while none has followed, SQLAlchemy rolls back once more for nothing."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._trips += 1
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]

    async def commit(self) -> None:
        await self._end(super().commit())

    async def rollback(self) -> None:
        if self._trips != self._ended_by:
            await self._end(super().rollback())

    async def _end(self, transaction: Coroutine[Any, Any, None]) -> None:
        its_trip = self._trips + 1
        await transaction
        self._ended_by = its_trip

    def cursor(self) -> Cursor:  # type: ignore[override] # where the other is waited for, this one is there
        return Cursor(self)

    async def at_once(self, deed: Callable[[sqlite3.Cursor], object]) -> Executed:
        """Do this with a cursor in the connection's thread, and bring back everything that came of it."""

        # Not this object, which the thread would keep alive when nobody else does.
        connection = self._conn

        def trip() -> Executed:
            with closing(connection.cursor()) as cursor:
                deed(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return Executed(rows, cursor.description, cursor.rowcount, cursor.lastrowid)

        done: Executed = await self._execute(trip)
        return done


class Executed:
    """What came of a statement. `description` names the columns as PEP 249 has it, None when there are no rows."""

    def __init__(self, rows: Sequence[Any], description: Any, rowcount: int, lastrowid: int | None) -> None:
        self.rows = deque(rows)
        self.description = description
        self.rowcount = rowcount
        self.lastrowid = lastrowid


class Cursor:
    """What SQLAlchemy asks of a cursor: it executes in one trip, and then has all rows. So nothing can be streamed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._done = Executed([], None, -1, None)
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._done.lastrowid

    async def execute(self, statement: str, parameters: Parameters = ()) -> Self:
        self._done = await self._connection.at_once(lambda cursor: cursor.execute(statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Iterable[Parameters]) -> Self:
        self._done = await self._connection.at_once(lambda cursor: cursor.executemany(statement, parameters))
        return self

    async def fetchone(self) -> Any:
        return self._done.rows.popleft() if self._done.rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        rows = self._done.rows
        return [rows.popleft() for _ in range(min(size or self.arraysize, len(rows)))]

    async def fetchall(self) -> Sequence[Any]:
        rows, self._done.rows = self._done.rows, deque()
        return rows

    async def close(self) -> None:
        self._done.rows.clear()
