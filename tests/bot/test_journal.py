"""The audit trail proves that nobody rewrote it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.journal import Journal
from storage.database import Database

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, pool_size=20)
    yield made
    await made.close()


def journal_of(database: Database, key: str = "key") -> Journal:
    return Journal(database, SecretStr(key), lambda: NOON)


async def written(database: Database, rows: int = 5) -> Journal:
    journal = journal_of(database)
    for number in range(rows):
        await journal.write(f"U{number}", "slash", "connect", "done", f"r{number}", target="g1", detail={"n": "Ü"})
    return journal


async def tamper(database: Database, *statements: str) -> None:
    """Somebody with all rights on the database takes the triggers away first."""
    async with database.transaction() as session:
        if database.is_sqlite:
            for trigger in ("audit_refuses_update", "audit_refuses_delete"):
                await session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        else:
            await session.execute(text("DROP TRIGGER IF EXISTS audit_refuses_change ON audit"))
        for statement in statements:
            await session.execute(text(statement))


async def test_an_untouched_trail_is_whole(database: Database) -> None:
    assert (await journal_of(database).verify()).fault is None
    verdict = await (await written(database)).verify()
    assert (verdict.rows, verdict.fault) == (5, None)


@pytest.mark.parametrize(
    ("deeds", "fault", "sound"),
    [
        (["UPDATE audit SET actor = 'nobody' WHERE seq = 3"], "entry 3 was changed", 2),
        (["UPDATE audit SET detail = NULL WHERE seq = 1"], "entry 1 was changed", 0),
        (["DELETE FROM audit WHERE seq = 2"], "entry 2 is missing", 1),
        (["DELETE FROM audit WHERE seq = 5"], "the trail ends at entry 4, but 5 were written", 4),
        (["DELETE FROM audit"], "the trail ends at entry 0, but 5 were written", 0),
        (
            [
                "UPDATE audit SET seq = 9 WHERE seq = 3",
                "UPDATE audit SET seq = 3 WHERE seq = 4",
                "UPDATE audit SET seq = 4 WHERE seq = 9",
            ],
            "entry 3 does not follow entry 2",
            2,
        ),
        (
            ["UPDATE audit_head SET seq = 3, mac = (SELECT mac FROM audit WHERE seq = 3)"],
            "has 5 entries, but only 3",
            5,
        ),
        (["UPDATE audit_head SET seq = 6"], "the trail ends at entry 5, but 6 were written", 5),
    ],
)
async def test_every_kind_of_tampering_is_found_where_it_is(
    database: Database, deeds: list[str], fault: str, sound: int
) -> None:
    journal = await written(database)
    await tamper(database, *deeds)
    verdict = await journal.verify()
    assert verdict.fault is not None
    assert fault in verdict.fault
    assert verdict.rows == sound


async def test_an_entry_that_somebody_without_the_key_appends_is_found(database: Database) -> None:
    await written(database, 2)
    await journal_of(database, "guessed").write("U9", "slash", "connect", "done", "r9")
    verdict = await journal_of(database).verify()
    assert verdict.fault == "entry 3 was changed or written by somebody else"


async def test_what_is_written_while_we_look_is_no_fault(database: Database) -> None:
    journal = await written(database, 3)

    async def write() -> None:
        for number in range(20):
            await journal.write("U1", "slash", "status", "done", f"more-{number}")

    writing = asyncio.create_task(write())
    verdicts = []
    while not writing.done():
        verdicts.append(await journal.verify())
    await writing
    assert {verdict.fault for verdict in verdicts} == {None}
    assert (await journal.verify()).rows == 23


async def test_a_recorded_deed_is_undone_with_its_transaction(database: Database) -> None:
    journal = journal_of(database)

    async def undone() -> None:
        async with database.transaction() as session:
            await journal.record(session, "U1", "slash", "connect", "done", "r1")
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert (await journal.verify()).rows == 0


async def test_details_survive_and_entries_come_oldest_first(database: Database) -> None:
    journal = await written(database, 2)
    entries = [sealed.entry async for sealed in journal.entries()]
    assert [entry.actor for entry in entries] == ["U0", "U1"]
    assert entries[0].detail == '{"n": "Ü"}'
    assert entries[0].at == NOON
