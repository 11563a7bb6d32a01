"""Which process is which: one on a SQLite file, numbered slots on PostgreSQL, and an heir for whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest

from bot.replicas import AlreadyRunning, Place, take_place
from bot.timer import Timer
from storage.database import Database
from tests.databases import execute


@pytest.fixture
async def postgresql(postgresql_url: str) -> AsyncIterator[Database]:
    made = Database(postgresql_url)
    yield made
    await made.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    made = Database(sqlite_url)
    yield made
    await made.close()


@asynccontextmanager
async def replicas(database: Database, count: int) -> AsyncIterator[list[Place]]:
    taken = [await take_place(database) for _ in range(count)]
    yield taken
    for place in taken:
        await place.leave()


class Heir:
    """Counts how often it inherited."""

    def __init__(self) -> None:
        self.inherited = 0

    async def __call__(self) -> None:
        self.inherited += 1


async def test_a_sqlite_file_serves_one_process_and_says_so_to_the_second(sqlite: Database) -> None:
    place = await take_place(sqlite)
    with pytest.raises(AlreadyRunning, match="set DATABASE_URL to a PostgreSQL database"):
        await take_place(sqlite)
    assert await place.is_held()
    assert not await place.while_nobody_holds("slot-7", Heir())
    await place.leave()
    await (await take_place(sqlite)).leave()


async def test_replicas_take_different_slots_and_a_restarted_one_gets_its_own_back(postgresql: Database) -> None:
    async with replicas(postgresql, 3) as (first, second, third):
        assert [first.name, second.name, third.name] == ["slot-0", "slot-1", "slot-2"]
        await second.leave()
        again = await take_place(postgresql)
        assert again.name == "slot-1"
        await again.leave()


async def test_replicas_that_start_at_the_same_moment(postgresql: Database) -> None:
    taken = await asyncio.gather(*(take_place(postgresql) for _ in range(8)))
    assert len({place.name for place in taken}) == 8
    await asyncio.gather(*(place.leave() for place in taken))


async def test_two_databases_on_one_server_do_not_share_slots(databases: object, postgresql: Database) -> None:
    with databases.postgresql() as url:  # type: ignore[attr-defined]
        other = Database(url)
        async with replicas(postgresql, 1) as (here,), replicas(other, 1) as (there,):
            assert here.name == there.name == "slot-0"
        await other.close()


@pytest.mark.parametrize("name", [lambda one, _: one.name, lambda _, other: other.name, lambda *_: "local"])
async def test_nobody_inherits_from_the_living_or_from_a_stranger(
    postgresql: Database, name: Callable[[Place, Place], str]
) -> None:
    heir = Heir()
    async with replicas(postgresql, 2) as (one, other):
        assert not await one.while_nobody_holds(name(one, other), heir)
    assert heir.inherited == 0


async def test_of_several_one_inherits_from_the_dead_and_its_slot_is_free_again(postgresql: Database) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    heir = Heir()

    async def slowly() -> None:
        begun.set()
        await release.wait()
        await heir()

    async with replicas(postgresql, 3) as (first, second, dead):
        await dead.leave()
        inheriting = asyncio.create_task(first.while_nobody_holds(dead.name, slowly))
        await begun.wait()
        assert not await second.while_nobody_holds(dead.name, heir), "one at a time"
        release.set()
        assert await inheriting
        assert heir.inherited == 1
        reborn = await take_place(postgresql)
        assert reborn.name == dead.name
        await reborn.leave()


async def test_an_heir_that_fails_lets_go_of_the_slot(postgresql: Database) -> None:
    async def fails() -> None:
        raise LookupError

    async with replicas(postgresql, 1) as (place,):
        with pytest.raises(LookupError):
            await place.while_nobody_holds("slot-5", fails)
        assert await place.while_nobody_holds("slot-5", Heir())


async def test_a_replica_notices_that_its_connection_was_cut(postgresql: Database) -> None:
    async with replicas(postgresql, 1) as (place,):
        assert await place.is_held()
        execute(
            postgresql.url.render_as_string(hide_password=False),
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 20261124 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        assert not await place.is_held()


async def test_a_replica_that_hears_nothing_counts_its_slot_as_lost(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.replicas.PATIENCE", 0.2)
    async with replicas(postgresql, 1) as (place,):

        async def hangs(self: object, *_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(psycopg.AsyncConnection, "execute", hangs)
        assert not await place.is_held()


async def test_who_lost_their_place_takes_up_nothing_that_counts_as_theirs() -> None:
    """After a long pause another process has the place, and what runs in its name runs there."""

    @dataclass
    class OurPlace:
        name: str = "slot-0"
        held: bool = True

        async def is_held(self) -> bool:
            return self.held

    class Asked:
        times = 0

        async def take_up_dropped(self) -> int:
            self.times += 1
            return 0

    place, jobs, nobody = OurPlace(), Asked(), cast(Any, None)
    timer = Timer(nobody, cast(Any, jobs), cast(Any, place), nobody, timedelta(minutes=5), tends_alerts=False)
    await timer._take_up_dropped()
    place.held = False
    await timer._take_up_dropped()
    assert jobs.times == 1
