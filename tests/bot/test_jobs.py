"""Durable jobs on the real engine, on both databases: started with the transaction, tried until done, unreadable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from bot.jobs import AT_A_TIME, Jobs, Lane, SealedJson
from bot.lookout import Bell, Lookout
from bot.vault import Vault
from storage.database import Database, sync_url
from tests.faults.lines import line_to
from tests.stage import eventually

KEYS = SecretStr(Fernet.generate_key().decode())
HARDLY_EVER = 3600.0
"""Seconds between two looks for jobs that nobody in this process put there or put off."""

Job = Callable[[str], Awaitable[float | None]]


class Work:
    """What was done, in order; `until(n)` waits for it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def __call__(self, subject: str) -> float | None:
        self.done.append(subject)
        return None

    async def until(self, count: int) -> None:
        async def so() -> bool:
            return len(self.done) >= count

        await eventually(so)


class LongWork(Work):
    """Work that goes on until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.release = asyncio.Event(), asyncio.Event()

    async def __call__(self, subject: str) -> float | None:
        self.begun.set()
        await self.release.wait()
        return await super().__call__(subject)


@asynccontextmanager
async def engine(database: Database, *, poll: float = HARDLY_EVER, **jobs: Job) -> AsyncIterator[Jobs]:
    """The engine at work in this process, until the block ends."""
    made = Jobs(database, Vault(KEYS), poll=poll)
    for name, job in jobs.items():
        made.register(name, job)
    await made.start()
    try:
        yield made
    finally:
        await made.stop(grace=5)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    yield made
    await made.close()


async def status_of(database: Database) -> dict[str, str]:
    """Every job's status in the engine's own words."""
    schema = "" if database.is_sqlite else "dbos."
    async with database.reading() as session:
        rows = await session.execute(text(f"SELECT workflow_uuid, status FROM {schema}workflow_status"))  # noqa: S608
        return {str(key): str(status) for key, status in rows}


class Discarded(Exception):
    """Ends a transaction badly."""


async def test_what_waits_or_runs_is_known_by_its_keys_and_what_has_run_for_long_is_not(database: Database) -> None:
    began, over = asyncio.Event(), asyncio.Event()

    async def takes_long(subject: str) -> None:
        began.set()
        await over.wait()

    async def puts_off(subject: str) -> float:
        return 3600

    async with engine(database, takes_long=takes_long, puts_off=puts_off) as jobs:
        moment = datetime.now(UTC) - timedelta(minutes=1)
        await jobs.start_now("takes_long", "a", "long-a")
        await jobs.start_now("puts_off", "b", "off-b")
        await began.wait()

        async def is_put_off() -> bool:
            return await jobs.keys_under_way("puts_off", begun_after=moment) == {"off-b~1"}

        await eventually(is_put_off)
        assert await jobs.keys_under_way("takes_long", begun_after=moment) == {"long-a"}
        assert await jobs.keys_under_way("takes_long", begun_after=datetime.now(UTC) + timedelta(minutes=1)) == set()
        over.set()

        async def is_over() -> bool:
            return await jobs.keys_under_way("takes_long", begun_after=moment) == set()

        await eventually(is_over)


async def test_a_job_starts_with_its_transaction_or_never(database: Database) -> None:
    work = Work()

    async def interrupted() -> None:
        async with database.transaction() as session:
            await jobs.enqueue(session, "work", "rolled back", "k1")
            raise Discarded

    async with engine(database, work=work) as jobs:
        with pytest.raises(Discarded):
            await interrupted()
        async with database.transaction() as session:
            await jobs.enqueue(session, "work", "committed", "k2")
        await work.until(1)
    assert work.done == ["committed"]
    assert set(await status_of(database)) == {"k2"}


async def test_the_same_key_starts_once(database: Database) -> None:
    work = Work()
    async with engine(database, work=work) as jobs:
        for _ in range(3):
            await jobs.start_now("work", "ada", "sweep-1")
        await work.until(1)
        await jobs.start_now("work", "ada", "sweep-1")
        await jobs.start_now("work", "sato", "sweep-2")
        await work.until(2)
    assert work.done == ["ada", "sato"]


async def test_a_job_nobody_registered_is_refused_before_anything_is_written(database: Database) -> None:
    async with engine(database) as jobs:
        with pytest.raises(LookupError):
            await jobs.start_now("nonsense", "ada", "k1")
    assert await status_of(database) == {}


async def test_a_crashing_job_is_tried_again_until_it_is_done(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    work = Work()

    async def crashes_once(subject: str) -> float | None:
        await work(subject)
        if len(work.done) == 1:
            raise RuntimeError("refresh_token=canary-of-the-crash")
        return None

    async with engine(database, work=crashes_once) as jobs:
        await jobs.start_now("work", "ada", "k1")
        await work.until(2)
        await eventually(lambda: all_succeeded(database, {"k1", "k1~1"}))
    assert "job crashed" in "".join(capfd.readouterr())
    assert "canary" not in str(await everything(database))


async def all_succeeded(database: Database, keys: set[str]) -> bool:
    return await status_of(database) == dict.fromkeys(keys, "SUCCESS")


async def test_jobs_that_wait_keep_nobody_else_waiting(database: Database) -> None:
    """Fifty deliveries wait for Slack, which is down; the fifty-first, and a grower's consent, go through."""
    waited, delivered, completed = Work(), Work(), Work()

    async def deliver(subject: str) -> float | None:
        if subject == "to another channel":
            return await delivered(subject)
        await waited(subject)
        return 300.0

    async with engine(database, deliver=deliver, complete=completed) as jobs:
        async with database.transaction() as session:
            for number in range(50):
                await jobs.enqueue(session, "deliver", f"message {number}", f"d-{number}")
        await waited.until(50)
        await jobs.start_now("deliver", "to another channel", "d-50")
        await jobs.start_now("complete", "ada", "c-1")
        await asyncio.gather(delivered.until(1), completed.until(1))
        await eventually(lambda: nobody_runs(jobs))


async def nobody_runs(jobs: Jobs) -> bool:
    """What waits for its next try is in nobody's name: there is nothing to take over from the dead."""
    return await jobs.owners_of_running() == set()


async def looked_twice(jobs: Jobs) -> int:
    """What was taken up as dropped, with looks of every lane between two questions."""
    taken_up = await jobs.take_up_dropped()
    ended = [lookout.looks for lookout in jobs._lookouts.values()]

    async def again() -> bool:
        for lookout in jobs._lookouts.values():
            lookout.ring()
        return all(lookout.looks > before for lookout, before in zip(jobs._lookouts.values(), ended, strict=True))

    await eventually(again)
    return taken_up + await jobs.take_up_dropped()


async def test_a_job_is_done_though_the_answer_to_the_look_that_took_it_up_was_lost(database: Database) -> None:
    """The database has noted that we run it, and the connection ended before we heard so."""
    work = Work()

    async with engine(database, work=work) as jobs:
        assert jobs._engine is not None
        take_up = jobs._engine._sys_db.start_queued_workflows

        def unheard(*args: Any, **kwargs: Any) -> Any:
            if take_up(*args, **kwargs)[0]:
                heard.set()
                raise OperationalError("COMMIT", {}, OSError("the connection was lost"))
            return [], None

        heard = threading.Event()
        with patch.object(jobs._engine._sys_db, "start_queued_workflows", unheard):
            await jobs.start_now("work", "ada", "k1")
            assert await asyncio.to_thread(heard.wait, 20)
        assert await looked_twice(jobs) == 1
        await work.until(1)
        await eventually(lambda: nobody_runs(jobs))
    assert work.done == ["ada"]


async def test_what_a_look_is_about_to_start_is_left_to_it(database: Database) -> None:
    """It has taken a job up and waits for the database: another replica that got the job would run it, too."""
    work, claimed, go_on = Work(), threading.Event(), threading.Event()

    async with engine(database, work=work) as jobs:
        assert jobs._engine is not None
        statuses = jobs._engine._sys_db.get_workflow_statuses

        def slow(keys: list[str]) -> Any:
            if keys:
                claimed.set()
                assert go_on.wait(20)
            return statuses(keys)

        with patch.object(jobs._engine._sys_db, "get_workflow_statuses", slow):
            await jobs.start_now("work", "ada", "k1")
            assert await asyncio.to_thread(claimed.wait, 20)
            assert [await jobs.take_up_dropped() for _ in range(3)] == [0, 0, 0]
            go_on.set()
        await work.until(1)
        await eventually(lambda: nobody_runs(jobs))
    assert work.done == ["ada"]


async def test_a_job_that_runs_for_long_is_not_started_again(database: Database) -> None:
    long = LongWork()

    async with engine(database, work=long) as jobs:
        await jobs.start_now("work", "ada", "k1")
        await long.begun.wait()
        assert await looked_twice(jobs) == 0
        long.release.set()
        await long.until(1)
        await eventually(lambda: nobody_runs(jobs))
    assert long.done == ["ada"]


async def test_a_job_of_a_later_program_is_left_to_it(database: Database) -> None:
    """Each time that it was taken up here would count as a failure of its own, and after a hundred it is given up."""
    work = Work()

    async with engine(database, later=work) as jobs:
        jobs._stopping = True
        await jobs.start_now("later", "ada", "k1")

        async def is_taken_up() -> bool:
            return (await status_of(database))["k1"] == "PENDING"

        await eventually(is_taken_up)
    async with engine(database, work=work) as jobs:
        jobs._lookouts[Lane.PROMPT].ring()
        await eventually(is_taken_up)
        assert await looked_twice(jobs) == 0
    async with engine(database, later=work):
        await work.until(1)
    assert work.done == ["ada"]


async def test_stopping_lets_what_runs_end_and_the_rest_goes_on_at_the_next_start(database: Database) -> None:
    long = LongWork()

    async with engine(database, work=long) as jobs:
        await jobs.start_now("work", "running", "k1")
        await long.begun.wait()
        stopping = asyncio.create_task(jobs.stop(grace=5))
        await asyncio.sleep(0)
        assert not stopping.done()
        long.release.set()
        await stopping
        assert await asyncio.to_thread(str, 1) == "1", "the loop has threads again"
    assert long.done == ["running"]
    assert (await status_of(database))["k1"] == "SUCCESS"


async def test_what_does_not_end_in_time_is_cut_off_and_done_again_at_the_next_start(database: Database) -> None:
    begun, cut, again = asyncio.Event(), asyncio.Event(), Work()

    async def endless(subject: str) -> float | None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return None

    jobs = Jobs(database, Vault(KEYS))
    jobs.register("work", endless)
    await jobs.start()
    await jobs.start_now("work", "ada", "k1")
    await begun.wait()
    await jobs.stop(grace=0.05)
    assert cut.is_set()
    async with engine(database, work=again):
        await again.until(1)
    assert again.done == ["ada"]


async def test_a_job_put_off_survives_a_restart(database: Database) -> None:
    first, second = Work(), Work()

    async def later(subject: str) -> float | None:
        await first(subject)
        return 1.0

    async with engine(database, work=later) as jobs:
        await jobs.start_now("work", "ada", "k1")
        await first.until(1)
        await eventually(lambda: has_key(database, "k1~1"))
    async with engine(database, poll=0.1, work=second):
        await second.until(1)
    assert second.done == ["ada"]


async def test_a_job_put_off_begins_when_it_is_due_and_not_at_some_later_look(database: Database) -> None:
    work = Work()

    async def twice(subject: str) -> float | None:
        await work(subject)
        return 0.2 if len(work.done) == 1 else None

    async with engine(database, work=twice) as jobs:
        await jobs.start_now("work", "ada", "k1")
        await work.until(2)


async def test_what_waits_because_so_many_run_begins_when_one_of_them_ends(database: Database) -> None:
    work = Work()
    async with engine(database, work=work) as jobs:
        async with database.transaction() as session:
            for number in range(3 * AT_A_TIME):
                await jobs.enqueue(session, "work", str(number), f"k{number}")
        await work.until(3 * AT_A_TIME)


async def test_a_patient_job_lets_others_pass_but_does_not_wait_for_ever(database: Database) -> None:
    begun, release, order = asyncio.Event(), asyncio.Event(), Work()

    async def prompt(subject: str) -> None:
        begun.set()
        await release.wait()
        await order("prompt")

    async with engine(database, prompt=prompt) as jobs:
        await jobs.let_pass()
        await jobs.start_now("prompt", "an alert", "k1")
        await begun.wait()
        await jobs.let_pass()
        assert order.done == [], "this one takes too long to be waited for"
        asyncio.get_running_loop().call_soon(release.set)
        await jobs.let_pass()
        assert order.done == ["prompt"]


async def test_what_a_process_left_that_died_is_found_by_another(database: Database) -> None:
    """The dead one cannot ring for it."""
    work = Work()
    async with engine(database, poll=0.1, work=work) as jobs:
        with patch.object(Lookout, "ring"):
            await jobs.start_now("work", "ada", "k1")
            await work.until(1)


async def has_key(database: Database, key: str) -> bool:
    return key in await status_of(database)


async def test_finished_jobs_are_forgotten_by_when_they_finished(database: Database) -> None:
    work = Work()

    async def never(subject: str) -> float | None:
        return 3600.0

    async with engine(database, work=work, waiting=never) as jobs:
        await jobs.start_now("work", "ada", "finished")
        await jobs.start_now("waiting", "ada", "waits")
        await eventually(lambda: has_key(database, "waits~1"))
        await eventually(lambda: is_status(database, "finished", "SUCCESS"))
        now = datetime.now(UTC)
        assert await jobs.forget_finished(now - timedelta(days=7)) == 0
        await created_long_ago(database)
        assert await jobs.forget_finished(now - timedelta(days=7)) == 0, "begun long ago, ended just now"
        assert await jobs.forget_finished(now + timedelta(minutes=1)) == 2
    assert set(await status_of(database)) == {"waits~1"}


async def is_status(database: Database, key: str, status: str) -> bool:
    return (await status_of(database)).get(key) == status


async def created_long_ago(database: Database) -> None:
    schema = "" if database.is_sqlite else "dbos."
    async with database.transaction() as session:
        await session.execute(text(f"UPDATE {schema}workflow_status SET created_at = 1"))  # noqa: S608


async def everything(database: Database) -> list[object]:
    """Every cell of every table, the engine's among them."""
    cells: list[object] = []
    made = create_engine(sync_url(database.url))
    with made.connect() as connection:
        found = inspect(connection)
        for schema in [None] if database.is_sqlite else ["public", "dbos"]:
            for table in found.get_table_names(schema):
                name = f'"{schema}"."{table}"' if schema else f'"{table}"'
                cells += [list(row) for row in connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
    made.dispose()
    return cells


async def test_what_a_job_is_about_cannot_be_read_in_the_database(database: Database) -> None:
    work = Work()
    async with engine(database, work=work) as jobs:
        await jobs.start_now("work", "subject-canary", "k1")
        await work.until(1)
        await eventually(lambda: is_status(database, "k1", "SUCCESS"))
    cells = str(await everything(database))
    assert "k1" in cells
    assert "subject-canary" not in cells
    assert "gASV" not in cells, "no pickle, which would run code on reading"


@pytest.mark.parametrize("value", [None, 1.5, "ü", [1, [2]], {"a": {"b": None}}, datetime(2026, 11, 24, tzinfo=UTC)])
def test_what_the_engine_stores_comes_back(value: object) -> None:
    sealed = SealedJson(Vault(KEYS))
    stored = sealed.serialize(value)
    assert sealed.deserialize(stored) == value
    assert "2026" not in stored


def test_of_an_error_only_its_kind_is_stored() -> None:
    sealed = SealedJson(Vault(KEYS))
    back = sealed.deserialize(sealed.serialize(ValueError("token=canary")))
    assert isinstance(back, RuntimeError)
    assert str(back) == "ValueError"


def test_what_is_no_plain_value_is_refused_without_being_shown() -> None:
    with pytest.raises(TypeError, match="not SecretStr") as refused:
        SealedJson(Vault(KEYS)).serialize({"token": SecretStr("canary")})
    assert "canary" not in str(refused.value)


async def test_a_database_that_is_away_keeps_no_process_from_ending(postgresql_url: str) -> None:
    """Who asks the engine waits in a thread until the database is back; at the end nobody waits any more."""
    url = make_url(postgresql_url)
    socket = Path(str(url.query["host"])) / f".s.PGSQL.{url.port or 5432}"
    async with line_to(socket) as line:
        there = url.set(host="127.0.0.1", port=line.proxy.port, query={}).render_as_string(hide_password=False)
        database = Database(there)
        async with engine(database) as jobs:
            await jobs.owners_of_running()
            await line.suffers(lambda proxy, _: proxy.down(), None)
            asks = asyncio.create_task(jobs.owners_of_running())
            await asyncio.wait([asks], timeout=1)
            assert not asks.done(), "it would be no proof if nobody waited"
        with pytest.raises(SQLAlchemyError):
            await asyncio.wait_for(asks, timeout=30)
        await database.close()


def test_a_bell_that_is_rung_while_nobody_waits_ends_the_next_wait() -> None:
    bell = Bell(HARDLY_EVER)
    bell.ring()
    assert bell.wait(HARDLY_EVER) is False
    bell.set()
    assert bell.wait(HARDLY_EVER) is True


def test_a_bell_is_not_waited_for_longer_than_the_longest_time_there_is() -> None:
    """The engine doubles its interval each time that replicas got into each other's way."""
    assert Bell(longest=0.01).wait(HARDLY_EVER) is False
