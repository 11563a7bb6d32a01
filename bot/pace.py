"""Spacing requests: so many per second, for one process or for all replicas together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from storage import paces
from storage.database import Database


class Pace(Protocol):
    """Who wants to send waits for its turn."""

    async def turn(self) -> None:
        """Return when the next request may go out."""

    async def hold(self, seconds: float) -> None:
        """Nobody sends for so long: the provider asked for a pause."""


class Unpaced:
    """No limit at all."""

    async def turn(self) -> None:
        return

    async def hold(self, seconds: float) -> None:
        return


class LocalPace:
    """Turns in one process, in the order they were asked for, evenly spaced."""

    def __init__(
        self,
        per_second: float,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._next_at = float("-inf")
        self._seconds = seconds
        self._sleep = sleep

    async def turn(self) -> None:
        now = self._seconds()
        at = max(now, self._next_at)
        self._next_at = at + self._interval
        if at > now:
            await self._sleep(at - now)

    async def hold(self, seconds: float) -> None:
        self._next_at = max(self._next_at, self._seconds() + seconds)


class SharedPace:
    """Turns agreed on in PostgreSQL by all replicas."""

    def __init__(self, database: Database, name: str, per_second: float) -> None:
        self._database = database
        self._name = name
        self._interval = timedelta(seconds=1 / per_second)

    async def turn(self) -> None:
        async with self._database.transaction() as session:
            wait = await paces.reserve(session, self._name, self._interval)
        if wait > 0:
            await asyncio.sleep(wait)

    async def hold(self, seconds: float) -> None:
        async with self._database.transaction() as session:
            await paces.hold(session, self._name, timedelta(seconds=seconds))


def pace_for(database: Database, name: str, per_second: float) -> Pace:
    """SQLite is one process and needs no agreement; PostgreSQL may be many."""
    return LocalPace(per_second) if database.is_sqlite else SharedPace(database, name, per_second)
