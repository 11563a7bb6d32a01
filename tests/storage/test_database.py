"""The database itself: migrations, transactions, moments, and URLs that keep their secrets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import StatementError

from bot import jobs
from storage import database as db
from storage import growers, notices, subscriptions
from storage.database import Database, UnsupportedDatabase, at_end
from storage.records import Grower
from storage.tables import Row
from tests.databases import Databases
from tests.storage.conftest import NOON


class Discarded(Exception):
    """Ends a transaction badly."""


async def test_on_sqlite_who_writes_comes_in_turn_and_whoever_reads_need_not_wait(sqlite_url: str) -> None:
    database, done = Database(sqlite_url, pool_size=1), list[str]()

    async def write(channel: str) -> None:
        async with database.transaction() as session:
            await subscriptions.add(session, channel, "U1", NOON)
            done.append(channel)

    channels = [f"C{number:02}" for number in range(20)]
    try:
        async with asyncio.timeout(10), asyncio.TaskGroup() as writers, database.transaction() as session:
            await subscriptions.add(session, "C", "U1", NOON)
            for channel in channels:
                writers.create_task(write(channel))
                await asyncio.sleep(0)
            async with database.reading() as looking:
                assert await subscriptions.everyone(looking) == []
            assert done == []
        assert done == channels
    finally:
        await database.close()


async def test_whoever_is_stopped_in_the_middle_of_a_statement_leaves_the_database_free(sqlite_url: str) -> None:
    database, loop = Database(sqlite_url), asyncio.get_running_loop()
    writers: list[asyncio.Task[None]] = []

    @event.listens_for(database._engine.sync_engine, "before_cursor_execute")
    def stop(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if statement == "SELECT 1":
            loop.call_soon(writers[-1].cancel)

    async def write() -> None:
        async with database.transaction() as session:
            await subscriptions.add(session, "C1", "U1", NOON)
            await session.execute(text("SELECT 1"))

    try:
        for number in range(100):
            writers.append(asyncio.create_task(write()))
            await asyncio.wait(writers)
            async with asyncio.timeout(10), database.transaction() as session:
                assert await subscriptions.add(session, f"D{number}", "U1", NOON)
        assert writers[0].cancelled()
        async with database.reading() as session:
            assert await subscriptions.get(session, "C1") is None
    finally:
        await database.close()


async def test_what_a_transaction_did_is_there_only_if_it_ended_well(database: Database) -> None:
    async def interrupted() -> None:
        async with database.transaction() as session:
            await subscriptions.add(session, "C1", "U1", NOON)
            raise Discarded

    with pytest.raises(Discarded):
        await interrupted()
    async with database.transaction() as session:
        await subscriptions.add(session, "C2", "U1", NOON)
    async with database.reading() as session:
        assert [item.channel for item in await subscriptions.everyone(session)] == ["C2"]


async def test_what_comes_last_is_done_in_one_order_everywhere_and_not_after_a_failure(database: Database) -> None:
    done: list[str] = []

    async def note(what: str) -> None:
        done.append(what)

    async def decide() -> None:
        done.append("decision")
        at_end(session, (1, "aa"), lambda: note("message that follows from it"))

    async with database.transaction() as session:
        at_end(session, (2,), lambda: note("audit"))
        at_end(session, (0,), decide)
        at_end(session, (1, "b"), lambda: note("second message"))
        at_end(session, (1, "a"), lambda: note("first message"))
        assert done == []
    assert done == ["decision", "first message", "message that follows from it", "second message", "audit"]

    async def interrupted() -> None:
        async with database.transaction() as session:
            at_end(session, (2,), lambda: note("never"))
            raise Discarded

    with pytest.raises(Discarded):
        await interrupted()
    assert "never" not in done


async def test_a_snooze_from_before_is_told_to_whoever_snoozed_it(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'older.db'}")
    with engine.begin() as connection:
        older = db.alembic_config()
        older.attributes["connection"] = connection
        upgrade(older, "0026")
        connection.execute(text("INSERT INTO growers (id, name, folded_name) VALUES ('g', 'Sato', 'sato')"))
        snoozed = """
            INSERT INTO incidents (id, grower_id, grower_name, status, cause, opened_at, missing_scopes, snoozed_by)
            VALUES ('i', 'g', 'Sato', 'broken', 'grower-must-act', '2026-11-24 12:00:00', '[]', 'UGRACE')
        """
        connection.execute(text(snoozed))
        upgrade(older, "head")
        found = connection.execute(text("SELECT snoozed_by, snooze_told_to FROM incidents")).one()
    engine.dispose()
    assert found == ("UGRACE", "UGRACE")


async def test_moments_stay_what_they_were_however_far_the_server_is_from_utc(database: Database) -> None:
    in_tokyo = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    async with database.transaction() as session:
        await subscriptions.add(session, "C1", "U1", in_tokyo)
    async with database.reading() as session:
        [stored] = await subscriptions.everyone(session)
    assert stored.made_at == in_tokyo
    assert stored.made_at.tzinfo is UTC
    assert stored.made_at.isoformat() == "2026-03-28T16:30:00.123456+00:00"


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="needs a time zone"):
        async with database.transaction() as session:
            await subscriptions.add(session, "C1", "U1", NOON.replace(tzinfo=None))


async def test_twenty_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as session:
            await growers.save(session, [Grower(f"g{number}", f"Grower {number}")])
            await notices.raise_once(session, f"kind-{number}", "text", NOON)

    await asyncio.gather(*(write(number) for number in range(20)))
    async with database.reading() as session:
        assert await growers.count(session) == 20


def _sync(url: str) -> str:
    return db.sync_url(db.parse(url)).render_as_string(hide_password=False)


def test_the_migrations_make_exactly_the_tables_we_describe(database_url: str) -> None:
    engine = create_engine(_sync(database_url))
    with engine.connect() as connection:
        # The engine's tables are in the same SQLite file: they are no difference of ours.
        ours = {"include_name": lambda name, kind, _: kind != "table" or name in Row.metadata.tables}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
        assert compare_metadata(context, Row.metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing_and_leaves_the_engines_tables_alone(database_url: str) -> None:
    before = _tables(database_url)
    db.migrate(database_url)
    jobs.migrate(database_url)
    assert _tables(database_url) == before
    assert any("workflow_status" in table for table in before)
    assert db.schema_state(database_url) is db.SchemaState.CURRENT


def _tables(url: str) -> set[str]:
    from sqlalchemy import inspect

    engine = create_engine(_sync(url))
    with engine.connect() as connection:
        inspector = inspect(connection)
        found = {
            f"{schema}.{table}"
            for schema in inspector.get_schema_names()
            for table in inspector.get_table_names(schema)
        }
    engine.dispose()
    return found


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    assert db.schema_state(f"sqlite:///{tmp_path / 'empty.db'}") is db.SchemaState.OLDER


MIGRATE = "import sys; from bot.app import migrate; migrate(sys.argv[1])"


def _migrated_by_three(url: str) -> None:
    """Three processes, as three replicas that start together."""
    processes = [subprocess.Popen([sys.executable, "-c", MIGRATE, url], stderr=subprocess.PIPE) for _ in range(3)]
    told = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], told
    assert db.schema_state(url) is db.SchemaState.CURRENT


def test_processes_that_migrate_one_sqlite_file_at_once_all_succeed(tmp_path: Path) -> None:
    _migrated_by_three(f"sqlite:///{tmp_path / 'a 100% new.db'}")


def test_processes_that_migrate_one_postgresql_database_at_once_all_succeed(
    postgresql_url: str, databases: Databases
) -> None:
    from tests.databases import execute

    server = databases.server.url()
    name = db.parse(postgresql_url).database + "_fresh"  # type: ignore[operator]
    execute(server, f"CREATE DATABASE {name}")
    try:
        _migrated_by_three(db.parse(server).set(database=name).render_as_string(hide_password=False))
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://grace:hunter2secret@db/fieldview",
        "postgresql://grace:hunter2secret@db:hunter2port/fieldview",
        "hunter2secret",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnsupportedDatabase) as refused:
        db.parse(url)
    told = "".join(traceback.format_exception(refused.value))
    assert "hunter2secret" not in told.replace(f"db.parse({url!r})", "")
    assert "hunter2port" not in told


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_postgresql_may_be_spelled_as_people_spell_it(scheme: str) -> None:
    parsed = db.parse(f"{scheme}://grace@db/fieldview")
    assert parsed.drivername == "postgresql"


@pytest.mark.parametrize("deed", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_to_change_the_audit_trail(database: Database, deed: str) -> None:
    from storage import audit
    from storage.records import AuditEntry

    entry = AuditEntry(NOON, "U1", "slash", "connect", "done", "r1")
    async with database.transaction() as session:
        await audit.append(session, entry, lambda seq, _, previous: f"{seq:064d}")
    with pytest.raises(Exception, match="append-only"):
        async with database.transaction() as session:
            await session.execute(text(deed))
    async with database.reading() as session:
        [kept] = await audit.latest(session, limit=10)
    assert kept.entry == entry


async def test_postgresql_refuses_to_empty_the_audit_trail_at_a_stroke(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(Exception, match="append-only"):
        async with database.transaction() as session:
            await session.execute(text("TRUNCATE audit"))
    await database.close()
