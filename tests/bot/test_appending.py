"""Entries that stand alone are written together, and none is lost by another's fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.appending import MOST, Appending
from bot.journal import Deed, Errand, Journal
from storage import audit
from storage.database import Database
from storage.records import AuditEntry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Refused(Exception):
    """What the database says to an entry that it does not take."""


@dataclass
class Book:
    """Takes entries when it is `open`, all or none at a time, and never those of a request called "bad" or "down"."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[list[str]] = field(default_factory=list)
    asked: int = 0

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        await self.open.wait()
        self.asked += 1
        ids = [entry.request_id for entry in entries]
        if "down" in ids:
            raise OperationalError("INSERT", None, ConnectionError())
        if "bad" in ids:
            raise Refused
        self.taken.append(ids)


def entry(request_id: str) -> AuditEntry:
    return AuditEntry(NOON, "U1", "command", "status", "done", request_id)


def adding(appending: Appending, *request_ids: str) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(appending.add(entry(request_id))) for request_id in request_ids]


async def test_whoever_comes_while_one_is_written_goes_into_the_next_together() -> None:
    book = Book()
    appending = Appending(book.write)
    first = adding(appending, "first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = adding(appending, *(f"r{number}" for number in range(MOST + 1)))
    await asyncio.sleep(0)
    assert not any(task.done() for task in [*first, *rest]), "nobody is told before it is written"
    book.open.set()
    await asyncio.gather(*first, *rest)
    assert book.taken == [["first"], [f"r{number}" for number in range(MOST)], [f"r{MOST}"]]


async def test_whoever_is_refused_hears_it_and_the_others_are_written() -> None:
    book = Book()
    appending = Appending(book.write)
    tasks = adding(appending, "one", "bad", "two")
    book.open.set()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(what) for what in said] == [type(None), Refused, type(None)]
    assert book.taken == [["one"], ["two"]]
    await appending.add(entry("later"))
    assert book.taken[-1] == ["later"]


async def test_a_database_that_is_down_is_not_asked_again_for_each() -> None:
    book = Book()
    tasks = adding(Appending(book.write), "one", "down", "two")
    book.open.set()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(what) for what in said] == [OperationalError] * 3
    assert book.asked == 1


async def test_whoever_is_stopped_while_waiting_has_an_entry_all_the_same() -> None:
    book = Book()
    appending = Appending(book.write)
    [stopped, other] = adding(appending, "stopped", "other")
    await asyncio.sleep(0)
    stopped.cancel()
    book.open.set()
    await other
    assert book.taken == [["stopped", "other"]]
    assert stopped.cancelled()


async def test_a_stop_waits_for_the_entry_that_somebody_left_behind() -> None:
    book = Book()
    appending = Appending(book.write)
    [stopped] = adding(appending, "stopped")
    await asyncio.sleep(0)
    stopped.cancel()
    stop = asyncio.create_task(appending.finish())
    await asyncio.sleep(0)
    assert not stop.done()
    book.open.set()
    await stop
    assert book.taken == [["stopped"]]
    await appending.finish()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, pool_size=20)
    yield made
    await made.close()


async def test_replicas_that_append_alone_and_with_changes_at_once_make_one_chain(database: Database) -> None:
    replicas = [Journal(database, SecretStr("key"), lambda: NOON) for _ in range(2)]

    async def alone(number: int) -> None:
        errand = Errand(Deed("U1", "command", "status", f"alone-{number}"))
        await replicas[number % 2].settle(errand, "done")

    async def with_a_change(number: int) -> None:
        async with database.transaction() as session:
            await replicas[number % 2].done(session, Deed("U2", "command", "subscribe", f"change-{number}"))

    await asyncio.gather(*(alone(number) for number in range(40)), *(with_a_change(number) for number in range(10)))
    assert ((await replicas[0].verify()).fault, (await replicas[0].verify()).rows) == (None, 50)
    async with database.reading() as session:
        ids = [sealed.entry.request_id async for sealed in audit.everything(session)]
    expected = [f"alone-{number}" for number in range(40)] + [f"change-{number}" for number in range(10)]
    assert sorted(ids) == sorted(expected)


async def test_without_a_chain_nobody_is_told_that_it_was_written(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM audit_head"))
    journal = Journal(database, SecretStr("key"), lambda: NOON)
    said = await asyncio.gather(
        *(journal.write("U1", "command", "status", "done", f"r{number}") for number in range(3)), return_exceptions=True
    )
    assert [type(what) for what in said] == [LookupError] * 3
