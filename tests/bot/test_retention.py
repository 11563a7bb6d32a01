"""Old entries go, names are erased, and the trail that is left is still proved; its end is anchored outside."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import logs
from bot import retention as policy
from bot.anchors import Anchors
from bot.auditing import anchor as given_as_anchor
from bot.journal import Journal
from bot.messages import needs
from bot.retention import Retention
from bot.sealing import Anchor
from bot.verifying import Broken
from storage import audit, audit_keeping, bulks, consents, growers, notices
from storage import database as connecting
from storage.database import Database
from storage.records import Bulk, BulkLine, BulkState, Consent, ConsentState, Grower, LineFate
from storage.tables import IncidentRow, Row
from tests.bot.test_journal import COPY, tamper

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ADA = Grower("g-ada", "Ada Lovelace Farms", "ada@example.com", "L-1815")
BOB = Grower("g-bob", "Bob's Barn", "bob@example.com")


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Archive:
    """A trail, its keeper, and a clock that the test turns."""

    database: Database
    journal: Journal
    retention: Retention
    clock: Clock
    anchors: Anchors
    path: Path

    async def writes(self, *about: Grower | str) -> None:
        """One entry for each: about a grower, or with what somebody typed."""
        for whom in about:
            grower = whom if isinstance(whom, Grower) else None
            await self.journal.write(
                *("U1", "command", "status", "done" if grower else "refused", "r1"),
                target=grower.id if grower else None,
                target_name=grower.name if grower else None,
                typed=None if isinstance(whom, Grower) else whom,
            )

    async def fault(self) -> str | None:
        return (await self.journal.verify()).fault

    async def words(self) -> list[str | None]:
        """The personal words of every entry that can have some, oldest first."""
        entries = [sealed.entry async for sealed in self.journal.entries()]
        return [entry.target_name or entry.typed for entry in entries if entry.action == "status"]

    async def everything(self) -> str:
        return await everything(self.database)


async def everything(database: Database) -> str:
    """The whole database as text."""
    found = []
    async with database.reading() as session:
        for table in Row.metadata.tables:
            found += [repr(tuple(row)) for row in await session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
    return "\n".join(found)


@pytest.fixture
async def archive(database_url: str, tmp_path: Path) -> AsyncIterator[Archive]:
    database, clock, path = Database(database_url, pool_size=20), Clock(), tmp_path / "anchors"
    path.touch()
    journal = Journal(database, SecretStr("key"), clock, path)
    yield Archive(
        database,
        journal,
        Retention(database, journal, clock, days=30),
        clock,
        Anchors(database, clock, path),
        path,
    )
    await database.close()


# Time


async def test_entries_older_than_the_policy_are_replaced_by_a_checkpoint(archive: Archive) -> None:
    await archive.writes(ADA, ADA, BOB)
    archive.clock.now += 20 * DAY
    await archive.writes(BOB)
    archive.clock.now += 15 * DAY
    assert await archive.retention.remove_old() == 3
    entries = [sealed async for sealed in archive.journal.entries()]
    assert [(sealed.seq, sealed.entry.action) for sealed in entries] == [(4, "status"), (5, "audit-retention")]
    verdict = await archive.journal.verify()
    assert (verdict.rows, verdict.fault) == (2, None)
    assert await archive.retention.remove_old() == 0, "the rest is young"
    archive.clock.now += 40 * DAY
    assert await archive.retention.remove_old() == 2, "and so on, checkpoint by checkpoint"
    await archive.writes(ADA)
    assert await archive.fault() is None


async def test_a_year_goes_in_batches_and_never_a_young_entry_with_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BATCH", 4)
    await archive.writes(*[ADA] * 10)
    archive.clock.now += 40 * DAY
    await archive.writes(BOB)
    assert await archive.retention.remove_old() == 10
    assert await archive.words() == ["Bob's Barn"]
    assert await archive.fault() is None


async def test_without_a_policy_everything_stays(archive: Archive) -> None:
    await archive.writes(ADA)
    archive.clock.now += 4000 * DAY
    assert await Retention(archive.database, archive.journal, archive.clock).remove_old() == 0


async def test_replicas_that_tidy_up_at_once_remove_everything_once(archive: Archive) -> None:
    await archive.writes(*[ADA] * 6)
    archive.clock.now += 40 * DAY
    removed = await asyncio.gather(*(archive.retention.remove_old() for _ in range(4)), archive.writes(BOB))
    assert sorted(count for count in removed if count) == [6]
    assert await archive.fault() is None


@pytest.mark.parametrize(
    ("deed", "fault"),
    [
        ("DELETE FROM audit WHERE seq = 4", "entry 4 is missing"),
        ("DELETE FROM audit_checkpoints", "entry 1 is missing: the next one is number 4"),
        ("UPDATE audit_checkpoints SET seq = 4, mac = (SELECT mac FROM audit WHERE seq = 4)", "checkpoint is not ours"),
        ("UPDATE audit SET seq = 2 WHERE seq = 4", "entry 2 was put in"),
    ],
)
async def test_a_checkpoint_hides_nothing_but_what_it_stands_for(archive: Archive, deed: str, fault: str) -> None:
    await archive.writes(ADA, ADA, BOB)
    archive.clock.now += 40 * DAY
    await archive.writes(BOB)
    await archive.retention.remove_old()
    for trigger in ("audit_checkpoints_refuses_update", "audit_checkpoints_refuses_delete"):
        if archive.database.is_sqlite:
            await run(archive.database, f"DROP TRIGGER {trigger}")
    if not archive.database.is_sqlite:
        await run(archive.database, "DROP TRIGGER audit_checkpoints_refuses_emptying ON audit_checkpoints")
    await tamper(archive.database, deed)
    assert fault in (await archive.fault() or "")


async def run(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement))


@pytest.mark.parametrize(
    "deed",
    [
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE audit SET target_name = NULL WHERE seq = 1",
        "UPDATE audit SET target_name = NULL, typed = NULL, salt = NULL, actor = 'U2' WHERE seq = 1",
        "UPDATE audit SET target_name = 'Bob', typed = NULL, salt = NULL WHERE seq = 1",
        "UPDATE audit_checkpoints SET seq = 9",
        "DELETE FROM audit_checkpoints",
    ],
)
async def test_the_database_lets_go_of_nothing_else(archive: Archive, deed: str) -> None:
    await archive.writes(BOB)
    archive.clock.now += 40 * DAY
    await archive.retention.remove_old()
    await archive.writes(ADA)
    deed = deed.replace("seq = 1", "seq = 3")
    with pytest.raises(Exception, match="append-only"):
        await run(archive.database, deed)
    assert await archive.fault() is None


@pytest.mark.parametrize("seq", [0, -7, 3])
async def test_the_database_takes_no_entry_below_the_first_or_in_the_place_of_another(
    archive: Archive, seq: int
) -> None:
    await archive.writes(ADA, BOB, ADA)
    forged = COPY.format(seq=seq)
    with pytest.raises(DBAPIError, match=r"append-only|duplicate key"):
        await run(archive.database, forged)
    if archive.database.is_sqlite:
        for kind in ("REPLACE", "INSERT OR IGNORE", "INSERT OR REPLACE"):
            with pytest.raises(IntegrityError, match="append-only"):
                await run(archive.database, forged.replace("INSERT", kind, 1))
    assert await archive.fault() is None
    assert await archive.words() == [ADA.name, BOB.name, ADA.name]


async def test_a_checkpoint_is_not_replaced_by_another_of_its_number(archive: Archive) -> None:
    await archive.writes(ADA)
    archive.clock.now += 40 * DAY
    await archive.retention.remove_old()
    kind = "REPLACE" if archive.database.is_sqlite else "INSERT"
    forged = f"{kind} INTO audit_checkpoints (seq, mac, at, seal) SELECT seq, mac, at, mac FROM audit_checkpoints"  # noqa: S608
    with pytest.raises(IntegrityError):
        await run(archive.database, forged)
    assert await archive.fault() is None


async def test_a_trail_of_which_nothing_is_old_is_not_read_through(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every replica asks every few minutes, and a trail may have millions of entries."""
    await archive.writes(ADA, BOB)
    read: list[str] = []
    erasures = audit_keeping.erasures

    async def noted(session: Any, action: str) -> Any:
        read.append(action)
        return await erasures(session, action)

    monkeypatch.setattr(audit_keeping, "erasures", noted)
    assert await archive.retention.remove_old() == 0
    assert read == []
    archive.clock.now += 40 * DAY
    assert await archive.retention.remove_old() == 2
    assert len(read) == 1


LONG_AGO = "UPDATE audit SET at = '2025-01-01 00:00:00.000000{zone}' WHERE seq <= 3"


@pytest.mark.parametrize(
    ("days", "deed", "fault"),
    [
        (0, LONG_AGO, "entry 1 was changed or written by somebody else"),
        (40, "UPDATE audit SET actor = 'U9' WHERE seq = 3", "entry 3 was changed or written by somebody else"),
        (40, "UPDATE audit SET target_name = 'Bob' WHERE seq = 3", "entry 3 was changed: the name or the words"),
        (40, "DELETE FROM audit WHERE seq = 2", "entry 2 is missing"),
        (40, COPY.format(seq=-7), "entry -7 was put in"),
        (
            40,
            "INSERT INTO audit_checkpoints (seq, mac, at, seal) SELECT seq, mac, at, mac FROM audit WHERE seq = 1",
            "their checkpoint is not ours",
        ),
    ],
)
async def test_nothing_is_removed_that_is_not_what_was_written(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, days: int, deed: str, fault: str
) -> None:
    monkeypatch.setattr(policy, "BATCH", 2)
    await archive.writes(ADA, BOB, ADA)
    await archive.anchors.drop()
    archive.clock.now += days * DAY
    await archive.writes(BOB)
    await tamper(archive.database, deed.format(zone="" if archive.database.is_sqlite else "+00:00"))
    there = await archive.everything()
    for _ in range(2):
        with pytest.raises(Broken, match=fault):
            await archive.retention.remove_old()
    assert await archive.everything() == there, "not even the batch before it"
    assert fault in (await archive.fault() or "")


async def test_what_is_not_what_was_anchored_is_not_removed(archive: Archive) -> None:
    await archive.writes(ADA, BOB, ADA)
    await archive.anchors.drop()
    await cut_off(archive.database, 1)
    await archive.writes(ADA, ADA)
    archive.clock.now += 40 * DAY
    with pytest.raises(Broken, match="entry 3 is not the one that was anchored"):
        await archive.retention.remove_old()
    archive.path.unlink()
    with pytest.raises(Broken, match="the file of anchors cannot be read"):
        await archive.retention.remove_old()


async def test_whose_words_were_erased_goes_when_its_time_is_over(archive: Archive) -> None:
    await archive.writes(ADA, "ada lovelace farms")
    archive.clock.now += 40 * DAY
    await archive.retention.erase(ADA, "cli", "r9")
    assert await archive.retention.remove_old() == 2
    assert await archive.fault() is None


async def test_an_erasure_that_somebody_else_wrote_excuses_no_words_that_are_missing(archive: Archive) -> None:
    await archive.writes(ADA)
    archive.clock.now += 40 * DAY
    await archive.writes(BOB)
    erasure = COPY.format(seq=9).replace("SELECT 9, at, actor, via, action", "SELECT 9, at, actor, via, 'erase-grower'")
    erasure = erasure.replace("request_id,", "request_id, target,")
    wordless = "UPDATE audit SET target_name = NULL, typed = NULL, salt = NULL WHERE seq = 1"
    await tamper(archive.database, erasure, wordless)
    with pytest.raises(Broken, match="entry 1 was changed: the words in it were removed"):
        await archive.retention.remove_old()


# Names


async def test_a_grower_is_forgotten_and_the_chain_is_whole(archive: Archive) -> None:
    async with archive.database.transaction() as session:
        await growers.save(session, [ADA, BOB])
        later = NOON + DAY
        consent = Consent("c1", ADA.id, ADA.name, "U1", "Grace", "C1", "red-barn", NOON, later, account_email=ADA.email)
        await consents.add(session, consent, "hash")
    await archive.writes(ADA, BOB, "ada lovelace frams", "ÁDA LOVELACE FARMS now", "the other one")
    erased = await archive.retention.erase(ADA, "cli", "r9")
    assert (erased.entries, erased.typed) == (1, 1)
    assert await archive.words() == [None, "Bob's Barn", "ada lovelace frams", None, "the other one"]
    assert await archive.fault() is None
    await archive.retention.erase(ADA, "cli", "r9", also=["frams"])
    assert "lovelace" not in (await archive.everything()).lower()
    assert "ada@example.com" not in await archive.everything()
    assert "Bob's Barn" in (await archive.everything()).replace('"', "'")
    assert await archive.fault() is None


async def test_what_is_typed_while_the_trail_is_looked_through_is_erased_too(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with archive.database.transaction() as session:
        await growers.save(session, [ADA])
    monkeypatch.setattr(audit_keeping, "PAGE", 2)
    await archive.writes(*[f"{word} ada lovelace farms" for word in ("one", "two", "three")], "nobody")
    look = audit_keeping.typed_with
    looked: list[int] = []

    async def meanwhile(session: Any, words: Any, behind: int = 0) -> tuple[list[int], int]:
        found = await look(session, words, behind)
        looked.append(behind)
        if len(looked) == 1:
            await archive.writes("four ada lovelace farms")
        return found

    monkeypatch.setattr(audit_keeping, "typed_with", meanwhile)
    erased = await archive.retention.erase(ADA, "cli", "r9")
    assert erased.typed == 4
    assert await archive.words() == [None, None, None, "nobody", None]
    assert looked == [0, 4], "the second look begins where the first one ended"
    assert await archive.fault() is None


async def test_what_tells_of_a_grower_on_rows_of_others_is_erased_too(archive: Archive) -> None:
    account, later = "ada.private@home.example", NOON + DAY
    async with archive.database.transaction() as session:
        await growers.save(session, [ADA, BOB])
        hers = Consent("c1", ADA.id, "Ada's Old Barn", "U1", "Grace", "C1", "red-barn", NOON, later)
        held = Consent("c2", BOB.id, BOB.name, "U1", "Grace", "C1", "blue-barn", NOON, later)
        own = Consent("c3", BOB.id, BOB.name, "U1", "Grace", "C1", "old-barn", NOON, later)
        for consent in (hers, held, own):
            await consents.add(session, consent, f"hash-{consent.id}")
        await consents.move(session, "c1", ConsentState.OPEN, ConsentState.CONNECTED, account_email=account)
        await consents.move(session, "c2", ConsentState.OPEN, ConsentState.HELD, account_email=account)
        await consents.move(session, "c3", ConsentState.OPEN, ConsentState.REVOKED, account_email=BOB.email)
        lines = [
            BulkLine(1, f"Ada Lovelace Farms;{BOB.email}", LineFate.AMBIGUOUS, note=f"Not the same: Ada, {BOB.email}."),
            BulkLine(2, "Ada's Barn;a@x.example", LineFate.TO_INVITE, ADA.id, ADA.name, note="Nobody has a@x.example."),
            BulkLine(3, "Nobody;ada.PRIVATE@home.example", LineFate.UNKNOWN, words=("Nobody", account)),
            BulkLine(4, "Bob's Barn;Canada Farms", LineFate.CONNECTED, BOB.id, BOB.name, note="As he said."),
        ]
        await bulks.add(session, Bulk("b1", "Ada's old barn.csv", "U1", "C1", NOON, BulkState.PLANNED), lines)
        incident = IncidentRow(
            id="i1", grower_id=BOB.id, grower_name=BOB.name, status="broken", cause="revoked", opened_at=NOON,
            missing_scopes=[], snooze_reason="Ada Lovelace Farms asked for it", assignment_reason="knows him",
        )  # fmt: skip
        session.add(incident)
    for typed in (account, "Canada", "the Lovelace one"):
        await archive.journal.write(
            "U1", "button", "refuse-account", "done", "r1", target=BOB.id, target_name=BOB.name, typed=typed
        )
    erased = await archive.retention.erase(replace(ADA, name="Ada"), "cli", "r9", also=["Ada Lovelace Farms"])
    assert erased.typed == 1
    left = (await archive.everything()).replace("\\'", "'").lower()
    for word in (account, ADA.name, "old barn", "a@x.example", "ada's"):
        assert word.lower() not in left, word
    assert "bob's barn;canada farms" in left, "a longer word is another one"
    assert "as he said." in left
    assert f"{BOB.email}" in left
    assert "lovelace" in left, "a part of a name is known to nobody: the command says so"
    assert await archive.fault() is None
    await archive.retention.erase(ADA, "cli", "r9", also=["Lovelace"])
    assert "lovelace" not in (await archive.everything()).lower()
    assert await archive.fault() is None


async def test_an_address_that_two_growers_share_is_not_taken_from_the_other(archive: Archive) -> None:
    later, ids = NOON + DAY, ("c0", "c1")
    async with archive.database.transaction() as session:
        await growers.save(session, [ADA, BOB])
        for id, whose in zip(ids, (ADA, BOB), strict=True):
            consent = Consent(id, whose.id, whose.name, "U1", "Grace", "C1", f"barn-{id}", NOON, later)
            await consents.add(session, consent, f"hash-{id}")
            await consents.move(session, id, ConsentState.OPEN, ConsentState.CONNECTED, account_email=BOB.email)
    await archive.retention.erase(ADA, "cli", "r9")
    async with archive.database.reading() as session:
        left = [await consents.get(session, id) for id in ids]
    assert [consent and consent.account_email for consent in left] == [None, BOB.email]


def in_files(database_url: str) -> str:
    """What the database's files hold, whether SQLite still counts it or not."""
    path = Path(make_url(database_url).database or "")
    return " ".join(file.read_bytes().decode("latin-1") for file in sorted(path.parent.glob(f"{path.name}*")))


async def test_nothing_of_a_grower_stays_in_the_files_while_the_bot_runs(sqlite_url: str) -> None:
    bot, command = Database(sqlite_url), Database(sqlite_url)

    @event.listens_for(command._engine.sync_engine, "connect")
    def as_most_are_built(connection: Any, record: object) -> None:
        connection.cursor().execute("PRAGMA secure_delete=OFF")

    journal = Journal(bot, SecretStr("key"), Clock())
    async with bot.transaction() as session:
        await growers.save(session, [ADA, BOB])
    await journal.write("U1", "command", "status", "done", "r1", target=ADA.id, target_name=ADA.name)
    assert "Lovelace" in in_files(sqlite_url)
    assert (await Retention(command, journal, Clock()).erase(ADA, "cli", "r9")).nowhere_else
    assert "Lovelace" not in in_files(sqlite_url)
    assert "L-1815" not in in_files(sqlite_url)
    assert BOB.name in in_files(sqlite_url)
    await bot.close()
    await command.close()


async def test_it_is_said_when_somebody_keeps_the_log_of_writes_from_being_emptied(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT", 0.1)
    command, reader = Database(sqlite_url), Database(sqlite_url)
    retention = Retention(command, Journal(command, SecretStr("key"), Clock()), Clock())
    async with command.transaction() as session:
        await growers.save(session, [ADA])
    async with reader.reading() as session:
        assert await growers.get(session, ADA.id)
        assert not (await retention.erase(ADA, "cli", "r9")).nowhere_else
    assert (await retention.erase(ADA, "cli", "r9")).nowhere_else
    assert "Lovelace" not in in_files(sqlite_url)
    await command.close()
    await reader.close()


async def test_notices_to_operators_forget_a_grower_by_each_name(archive: Archive) -> None:
    growth = replace(ADA, name="Ada `Lovelace`  Farms")
    told = "Linus has left and still looks after 3 growers (Ada 'Lovelace' Farms, ada's old barn and Bob's Barn)."
    async with archive.database.transaction() as session:
        await growers.save(session, [growth, BOB])
        await notices.raise_once(session, "left:U1", told, NOON)
        await notices.raise_once(session, "left:U2", "Grace looks after Newadaland.", NOON)
    await archive.retention.erase(growth, "cli", "r9", also=["Ada's Old Barn", "Ada"])
    async with archive.database.reading() as session:
        assert [notice.text for notice in await notices.standing(session)] == [
            "Linus has left and still looks after 3 growers (Erased grower, Erased grower and Bob's Barn).",
            "Grace looks after Newadaland.",
        ]


@pytest.mark.parametrize("told_apart", ["ada@example.com", "L-1815", "Leaf id ada"])
async def test_notices_forget_what_told_a_grower_apart_from_another_of_the_name(
    archive: Archive, told_apart: str
) -> None:
    ada = replace(ADA, id="ada", email="ada@example.com", external_id="L-1815")
    email = ada.email if "@" in told_apart else None
    external_id = None if "Leaf" in told_apart else ada.external_id
    then = replace(ada, email=email, external_id=external_id, has_namesake=True)
    need = needs.unknown_word("HALF_ASLEEP", then)
    assert told_apart in need.text
    async with archive.database.transaction() as session:
        await growers.save(session, [ada])
        await notices.raise_once(session, need.kind, need.text, NOON)
    await archive.retention.erase(ada, "cli", "r9")
    async with archive.database.reading() as session:
        [notice] = await notices.standing(session)
    assert "The first one is that of Erased grower. I do not count" in notice.text


async def test_what_is_written_after_an_erasure_is_not_covered_by_it(archive: Archive) -> None:
    await archive.writes(ADA)
    await archive.retention.erase(ADA, "cli", "r9")
    await archive.writes(ADA)
    assert await archive.fault() is None
    await run(archive.database, "UPDATE audit SET target_name = NULL, typed = NULL, salt = NULL WHERE seq = 3")
    assert "entry 3 was changed: the words in it were removed" in (await archive.fault() or "")


async def test_erasures_between_entries_of_eight_writers_leave_no_gap(archive: Archive) -> None:
    async def many() -> None:
        for _ in range(4):
            await archive.writes(ADA, BOB)

    async def erasures() -> None:
        for _ in range(4):
            await archive.retention.erase(ADA, "cli", "r9")

    await asyncio.gather(*(many() for _ in range(8)), erasures())
    assert await archive.fault() is None


async def test_who_is_gone_from_leaf_can_still_be_named(archive: Archive) -> None:
    async with archive.database.transaction() as session:
        await growers.save(session, [ADA, BOB])
        await growers.mark_gone(session, ADA.id, NOON)
    for named in (ADA.id, ADA.name, "ADA@example.com", "l-1815"):
        assert [grower.id for grower in await archive.retention.whom(named)] == [ADA.id]
    assert await archive.retention.whom("Nobody") == []


def test_every_column_that_may_name_a_grower_is_known_to_be_erased() -> None:
    """A new one must be added here or there."""
    telling = re.compile(r"name|email|reason|summary|typed|\btext|detail|note|words")
    found = {(table.name, column.name) for table in Row.metadata.tables.values() for column in table.columns}
    suspicious = {(table, column) for table, column in found if telling.search(column)}
    erased = {"growers", "leaf_events", "notices", "thread_notes"} | {
        table for table, column in suspicious if column in audit_keeping.PARTICULARS
    }
    # What is not theirs alone is searched for their words.
    suspicious -= {(table.__tablename__, name) for table, names in audit_keeping.MENTIONS.items() for name in names}
    harmless = {
        ("announcements", "gave_up_reason"),
        # Sealed: what is personal stands in `typed` (`journal.PERSONAL`).
        ("audit", "detail"),
        ("audit", "target_name"),
        ("audit", "typed"),
        ("consents", "asked_by_name"),
        ("paces", "name"),
        ("sealed_values", "name"),
        ("subscriptions", "broken_reason"),
    }
    assert {(table, column) for table, column in suspicious if table not in erased} <= harmless


# The end


async def cut_off(database: Database, after: int) -> None:
    """Somebody puts back a copy of the database from when it had fewer entries: nothing in it contradicts itself."""
    await tamper(
        database,
        f"DELETE FROM audit WHERE seq > {after}",  # noqa: S608 - a number
        f"UPDATE audit_head SET seq = {after}, mac = (SELECT mac FROM audit WHERE seq = {after})",  # noqa: S608
    )


async def test_a_tail_that_is_cut_off_cleanly_is_missed_by_the_anchor(archive: Archive) -> None:
    await archive.writes(ADA, BOB, ADA)
    await archive.anchors.drop()
    await archive.writes(BOB)
    assert await archive.fault() is None
    await cut_off(archive.database, 2)
    assert await archive.fault() == (
        "the trail ends at entry 2, but 3 were written by 2026-11-24T12:00:00+00:00: what came after was cut off"
    )
    archive.path.write_text("")
    assert await archive.fault() is None, "without an anchor nobody could know"


async def test_a_trail_rewritten_with_the_key_itself_is_not_the_anchored_one(archive: Archive) -> None:
    await archive.writes(ADA, BOB, ADA)
    await archive.anchors.drop()
    await cut_off(archive.database, 1)
    await archive.writes(ADA, ADA)
    assert await archive.fault() == "entry 3 is not the one that was anchored at 2026-11-24T12:00:00+00:00"


async def test_an_anchor_is_dropped_when_there_is_news_only(archive: Archive) -> None:
    await archive.anchors.drop()
    assert archive.path.read_text() == ""
    await archive.writes(ADA)
    await archive.anchors.drop()
    await archive.anchors.drop()
    async with archive.database.reading() as session:
        seq, mac = await audit.head(session)
    assert archive.path.read_text() == f"2026-11-24T12:00:00+00:00 {seq} {mac}\n"


async def test_anchors_of_what_retention_removed_say_nothing_and_that_of_the_checkpoint_does(archive: Archive) -> None:
    for _ in range(3):
        await archive.writes(ADA)
        await archive.anchors.drop()
    archive.clock.now += 40 * DAY
    await archive.writes(BOB)
    await archive.retention.remove_old()
    async with archive.database.reading() as session:
        kept = await audit_keeping.checkpoint(session)
    assert kept is not None
    assert kept.seq == 3
    verdict = await archive.journal.verify()
    assert (verdict.fault, verdict.idle) == (None, 2), "and it is said how many"
    lines = archive.path.read_text().replace(kept.mac, "f" * 64)
    archive.path.write_text(lines)
    assert "entry 3 is not the one that was anchored" in (await archive.fault() or "")


async def test_an_anchor_kept_by_hand_is_as_good_as_the_file(archive: Archive) -> None:
    await archive.writes(ADA, BOB, ADA)
    noted = Anchor.of([sealed async for sealed in archive.journal.entries()][-1])
    assert Anchor.parse(str(noted)) == noted
    await cut_off(archive.database, 1)
    assert (await archive.journal.verify()).fault is None
    assert "but 3 were written" in ((await archive.journal.verify(noted=[noted])).fault or "")
    await archive.writes(BOB, BOB)
    assert "entry 3 is not the one" in ((await archive.journal.verify(noted=[noted])).fault or "")


@pytest.mark.parametrize("form", ["json", "console"])
async def test_an_anchor_read_out_of_the_log_is_as_good_as_the_file(
    archive: Archive, form: Literal["json", "console"], monkeypatch: pytest.MonkeyPatch, put_back_logging: None
) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("info", form)
    await archive.writes(ADA, BOB, ADA)
    await Anchors(archive.database, archive.clock, None).drop()
    [logged] = [line for line in stream.getvalue().splitlines() if "audit anchor" in line]
    found = re.search(r"2026-11-24T12:00:00\+00:00 3 [0-9a-f]+", logged)
    assert found is not None, "the line that `audit verify --anchor` takes"
    noted = given_as_anchor(found.group())
    assert (await archive.journal.verify(noted=[noted])).fault is None
    await cut_off(archive.database, 1)
    assert (await archive.journal.verify()).fault is None
    assert "but 3 were written" in ((await archive.journal.verify(noted=[noted])).fault or "")


async def test_a_channel_is_owed_the_end_of_the_days_before_and_never_the_same_entry_twice(archive: Archive) -> None:
    owed: list[str] = []

    async def owe(session: AsyncSession, *, subject: str) -> None:
        owed.append(subject)

    anchors = Anchors(archive.database, archive.clock, None, owe)
    await archive.writes(ADA, BOB)
    await anchors.drop()
    assert owed == [], "today goes on"
    archive.clock.now += DAY
    await archive.writes(ADA)
    await anchors.drop()
    assert owed == ["2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "line 1 of the file of anchors is not an anchor"),
        (None, "the file of anchors cannot be read"),
        (f"x 1 {'0' * 64}\nx 1 {'1' * 64}\n", "there are two anchors of entry 1, and they contradict each other"),
    ],
)
async def test_a_spoiled_file_of_anchors_is_no_proof(archive: Archive, content: str | None, said: str) -> None:
    await archive.writes(ADA)
    archive.path.unlink() if content is None else archive.path.write_text(content)
    assert said in (await archive.fault() or "")
