"""Which process is which: on SQLite there is one, on PostgreSQL each replica holds a numbered slot.

A slot is a PostgreSQL advisory lock on a connection of its own. Whoever can take a slot that still has work under its
name knows that its owner is dead, and takes the work over. A process that loses its lock must stop.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Protocol

import psycopg
import structlog

from storage.database import Database

log = structlog.get_logger(__name__)

LOCK_SPACE = 20261124
"""The first key of every advisory lock of ours; the second is the slot's number."""

MOST_REPLICAS = 64

PATIENCE = 10.0
"""Seconds without an answer after which the connection, and with it our lock, counts as lost."""


class AlreadyRunning(Exception):
    """Another process has this SQLite file: two would not know of each other's work."""

    def __str__(self) -> str:
        return (
            "Another process of this bot already uses this SQLite file. SQLite serves one process; "
            "set DATABASE_URL to a PostgreSQL database to run several."
        )


class Place(Protocol):
    """This process's place among the replicas. `name` is unique among the living."""

    name: str

    async def is_held(self) -> bool:
        """Whether the place is still ours; if not, this process must stop."""

    async def while_nobody_holds(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do the work if the process that had that name is dead; False when it lives."""

    async def leave(self) -> None: ...


class OnlyPlace:
    """The only process on a SQLite file."""

    name = "slot-0"

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    async def is_held(self) -> bool:
        return True

    async def while_nobody_holds(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        return False

    async def leave(self) -> None:
        self._file.close()


class Slot:
    """One of several processes on a PostgreSQL database."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[bool]], number: int) -> None:
        self._connection = connection
        self.name = f"slot-{number}"

    async def is_held(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True

    async def while_nobody_holds(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        number = name.removeprefix("slot-")
        if name == self.name or not number.isdecimal() or not await _try_lock(self._connection, int(number)):
            return False
        try:
            await work()
        finally:
            await self._connection.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_SPACE, int(number)))
        return True

    async def leave(self) -> None:
        await self._connection.close()


async def take_place(database: Database) -> Place:
    """Take the lowest free slot, or the only one on SQLite. Raises AlreadyRunning."""
    if database.is_sqlite:
        return _only_place(Path(str(database.url.database)))
    url = database.url.set(drivername="postgresql")
    connection = await psycopg.AsyncConnection.connect(url.render_as_string(hide_password=False), autocommit=True)
    for number in range(MOST_REPLICAS):
        if await _try_lock(connection, number):
            return Slot(connection, number)
    await connection.close()
    raise AlreadyRunning


def _only_place(database_file: Path) -> OnlyPlace:
    # The lock lives on a file beside the database: SQLite's own locks on the database must stay its own.
    lock = open(f"{database_file}.lock", "w", encoding="ascii")  # noqa: SIM115 - open for as long as we live
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise AlreadyRunning from None
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return OnlyPlace(lock)


async def _try_lock(connection: psycopg.AsyncConnection[tuple[bool]], number: int) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_SPACE, number))
    row = await cursor.fetchone()
    return bool(row and row[0])
