"""The audit trail proves that nobody rewrote it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bot.journal import Deed, Errand, Journal
from bot.sealing import canonical, commitment_to, committed
from storage import audit
from storage.database import Database
from storage.records import AuditEntry, Grower

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ADA = Grower("g1", "Ada")


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
        about = {"target": "g1", "target_name": "Ada Farms"} if number % 2 else {"typed": "Ada Fams"}
        await journal.write(f"U{number}", "slash", "connect", "done", f"r{number}", detail={"n": "Ü"}, **about)
    return journal


async def tamper(database: Database, *statements: str) -> None:
    """Somebody with all rights on the database takes the triggers away first."""
    async with database.transaction() as session:
        if database.is_sqlite:
            for trigger in ("audit_refuses_update", "audit_refuses_delete", "audit_refuses_insert"):
                await session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        else:
            for trigger in ("audit_refuses_change", "audit_refuses_insert"):
                await session.execute(text(f"DROP TRIGGER IF EXISTS {trigger} ON audit"))
        for statement in statements:
            await session.execute(text(statement))


COPY = (
    "INSERT INTO audit (seq, at, actor, via, action, outcome, request_id, previous, mac) "
    "SELECT {seq}, at, actor, via, action, outcome, request_id, previous, mac FROM audit WHERE seq = 1"
)
"""An entry that somebody puts in at this number."""


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
        ([COPY.format(seq=0)], "entry 0 was put in: the first one has the number 1", 0),
        ([COPY.format(seq=-7)], "entry -7 was put in: the first one has the number 1", 0),
        (["UPDATE audit SET target_name = 'Bob Farms' WHERE seq = 2"], "entry 2 was changed: the name", 1),
        (["UPDATE audit SET typed = 'Bob' WHERE seq = 3"], "entry 3 was changed: the name or the words", 2),
        (["UPDATE audit SET salt = NULL WHERE seq = 2"], "entry 2 was changed: words were put", 1),
        (
            ["UPDATE audit SET target_name = NULL, salt = NULL WHERE seq = 4"],
            "entry 4 was changed: the words in it were removed, and nobody asked",
            3,
        ),
        (["UPDATE audit SET typed = NULL, salt = NULL WHERE seq = 1"], "entry 1 was changed: the words in it", 0),
        (
            ["UPDATE audit SET commitment = NULL, salt = NULL, target_name = NULL WHERE seq = 2"],
            "entry 2 was changed or written by somebody else",
            1,
        ),
        (
            [
                "INSERT INTO audit_checkpoints (seq, mac, at, seal) SELECT seq, mac, at, mac FROM audit WHERE seq = 2",
                "DELETE FROM audit WHERE seq <= 2",
            ],
            "entries up to 2 were removed by somebody else",
            0,
        ),
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


async def test_an_entry_from_before_words_could_be_erased_is_sound_too(database: Database) -> None:
    """An old replica writes such entries while the new one starts."""
    journal = journal_of(database)
    entry = AuditEntry(NOON, "U1", "slash", "connect", "done", "r1", target="g1", target_name="Ada Farms")
    async with database.transaction() as session:
        await audit.append(session, entry, journal.seal.of_entry)
    assert (await journal.verify()).fault is None
    await tamper(database, "UPDATE audit SET typed = 'slander'")
    assert "what was typed was put in" in ((await journal.verify()).fault or "")


def test_the_bytes_that_are_sealed_are_the_documented_ones() -> None:
    entry = AuditEntry(NOON, "U1", "command", "connect", "done", "r1", "C1", "g1", "Ada", '{"n": "Ü"}')
    before = canonical(7, entry, "00")
    assert before == (
        b'{"action":"connect","actor":"U1","at":"2026-11-24T12:00:00.000000+00:00","channel":"C1",'
        b'"detail":"{\\"n\\": \\"\\u00dc\\"}","outcome":"done","previous":"00","request_id":"r1","seq":7,'
        b'"target":"g1","target_name":"Ada","via":"command"}'
    )
    sealed = canonical(7, committed(entry), "00")
    assert b"Ada" not in sealed
    assert b'"commitment":"' in sealed


@pytest.mark.parametrize("change", [{"target_name": "Bob"}, {"typed": "Ada"}, {"salt": "0" * 64}])
def test_a_commitment_opens_to_its_own_words_only(change: dict[str, str]) -> None:
    entry = committed(AuditEntry(NOON, "U1", "command", "connect", "done", "r1", target_name="Ada"))
    assert commitment_to(entry) == entry.commitment
    assert commitment_to(replace(entry, **change)) != entry.commitment  # type: ignore[arg-type]
    again = committed(AuditEntry(NOON, "U1", "command", "connect", "done", "r1", target_name="Ada"))
    assert again.commitment != entry.commitment, "equal names do not show as equal"


# One row for each request


ERRAND = Errand(Deed("U1", "command", "connect", "r1", "C1"), lambda: ADA)


async def rows(database: Database) -> list[tuple[str, str | None]]:
    return [(sealed.entry.outcome, sealed.entry.target_name) async for sealed in journal_of(database).entries()]


async def test_the_service_writes_the_row_in_its_own_transaction_and_the_edge_none(database: Database) -> None:
    journal, errand = journal_of(database), replace(ERRAND)
    with journal.errand(errand):
        async with database.transaction() as session:
            await journal.fulfil(session)
            await journal.fulfil(session)
        assert await rows(database) == [("done", "Ada")], "there before anybody settles"
        await journal.settle(errand, "crashed")
    assert await rows(database) == [("done", "Ada")]


async def test_an_effect_that_was_rolled_back_leaves_the_row_to_the_edge(database: Database) -> None:
    journal, errand = journal_of(database), replace(ERRAND)

    async def undone() -> None:
        async with database.transaction() as session:
            await journal.fulfil(session)
            raise LookupError

    with journal.errand(errand):
        with pytest.raises(LookupError):
            await undone()
        await journal.settle(errand, "crashed")
    assert await rows(database) == [("crashed", "Ada")]


async def test_outside_of_a_request_nothing_is_fulfilled(database: Database) -> None:
    journal = journal_of(database)
    with journal.errand(replace(ERRAND)):
        pass
    async with database.transaction() as session:
        await journal.fulfil(session)
    assert await rows(database) == []


async def test_a_service_that_is_handed_the_deed_settles_the_same_errand(database: Database) -> None:
    journal, errand = journal_of(database), replace(ERRAND)
    with journal.errand(errand):
        async with database.transaction() as session:
            await journal.done(session, Deed("U2", "job", "end-snooze", "other"), ADA)
        async with database.transaction() as session:
            await journal.done(session, errand.deed, ADA, newly=True)
        await journal.settle(errand, "crashed")
    assert [outcome for outcome, _ in await rows(database)] == ["done", "done"]
