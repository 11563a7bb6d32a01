"""Entries of the audit trail that stand alone, without a change that they come with: written together by whoever waits.

One transaction of the trail ends before the next one may append, so that eight writers would wait eight times for the
disk. Whoever comes while one is under way goes into the next, all of them in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.records import AuditEntry

MOST = 100
"""Entries in one transaction, so that others who append do not wait for long."""

LAST_WORDS = 5.0
"""Seconds that entries left behind get at a stop."""

NOBODYS_FAULT = (OperationalError, InterfaceError, PoolTimeout, OSError)
"""The database does not answer: it is not asked again for each."""


class Appending:
    """`add` returns when the entry is committed, and raises what kept it from that."""

    def __init__(self, write: Callable[[Sequence[AuditEntry]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[AuditEntry, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, entry: AuditEntry) -> None:
        """Whoever is stopped while waiting leaves the entry behind: it is written all the same."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_them())
        await written

    async def finish(self) -> None:
        """Wait until everything is written that somebody left behind, unless the database takes too long for it."""
        if self._writer is not None:
            await asyncio.wait({self._writer}, timeout=LAST_WORDS)

    async def _write_them(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write_some(together)
        finally:
            self._writer = None

    async def _write_some(self, together: Sequence[tuple[AuditEntry, asyncio.Future[None]]]) -> None:
        """Together, or one by one when one of them may be at fault: nobody's entry is lost by another's."""
        failure: Exception | None = None
        try:
            await self._write([entry for entry, _ in together])
        except Exception as raised:
            failure = raised
        if failure is not None and len(together) > 1 and not isinstance(failure, NOBODYS_FAULT):
            for one in together:
                await self._write_some([one])
            return
        for _, written in together:
            _tell(written, failure)


def _tell(written: asyncio.Future[None], failure: Exception | None) -> None:
    if written.done():
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)
