"""What each thing remembers, on both databases; and what happens when many write it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage import (
    audit,
    connections,
    consents,
    creations,
    growers,
    handovers,
    incidents,
    leaf_events,
    notices,
    outbox,
    sealed_values,
    subscriptions,
    sweeps,
)
from storage.consents import LATER_LINKS
from storage.database import Database
from storage.records import (
    Announcement,
    AnnouncementKind,
    AuditEntry,
    Cause,
    Connection,
    Consent,
    ConsentState,
    CredentialStatus,
    Grower,
    Incident,
    LeafEvent,
)
from tests.stage import eventually
from tests.storage.conftest import NOON

T = TypeVar("T")
ADA = Grower("g-ada", "Ada O’Hara & Söhne", "Ada@Example.com", "L-1815")
HOUR = timedelta(hours=1)
HEALTHY, BROKEN, ABSENT = CredentialStatus.HEALTHY, CredentialStatus.BROKEN, CredentialStatus.ABSENT


async def write(database: Database, deed: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async with database.transaction() as session:
        return await deed(session)


async def all_at_once(database: Database, deed: Callable[[AsyncSession], Awaitable[T]], times: int = 20) -> list[T]:
    """The same deed in that many transactions at the same moment."""
    return await asyncio.gather(*(write(database, deed) for _ in range(times)))


@pytest.fixture
async def ada(database: Database) -> Grower:
    await write(database, lambda session: growers.save(session, [ADA]))
    return ADA


# Growers


@pytest.mark.parametrize(
    "typed",
    ["g-ada", "l-1815", " ADA@example.COM ", "ada o'hara & sohne", "Ada O`HARA  &  Söhne", "Ada O’Hara & Söhne"],
)
async def test_a_grower_is_found_however_they_are_spelled(database: Database, ada: Grower, typed: str) -> None:
    async with database.reading() as session:
        assert [found.id for found in await growers.find_exactly(session, typed)] == [ada.id]


async def test_an_id_wins_over_a_name_and_growers_of_one_name_are_all_found(database: Database) -> None:
    same = [Grower("1", "Green Acres"), Grower("2", "green acres"), Grower("3", "1")]
    await write(database, lambda session: growers.save(session, same))
    async with database.reading() as session:
        assert [found.id for found in await growers.find_exactly(session, "1")] == ["1"]
        assert {found.id for found in await growers.find_exactly(session, "Green  Acres")} == {"1", "2"}


async def test_what_one_is_called_and_another_has_as_external_id_means_both(database: Database) -> None:
    two = [Grower("1", "Green Acres", None, "Smith"), Grower("2", "Smith")]
    await write(database, lambda session: growers.save(session, two))
    async with database.reading() as session:
        assert {found.id for found in await growers.find_exactly(session, "smith")} == {"1", "2"}
        answering = await growers.answering(session, ["smith", "Green Acres", "2", "nobody"])
    found = {word: {grower.id for grower in those} for word, those in answering.items()}
    assert found == {"smith": {"1", "2"}, "Green Acres": {"1"}, "2": {"2"}}


async def test_whoever_has_another_address_by_now_may_be_another_person(database: Database, ada: Grower) -> None:
    await write(database, lambda session: growers.set_slack_user(session, ada.id, "U1"))
    await write(database, lambda session: growers.save(session, [replace(ada, email="bob@example.com")]))
    async with database.reading() as session:
        assert await growers.by_slack_user(session, "U1") is None


async def test_percent_and_underscore_are_letters_like_others(database: Database) -> None:
    named = [
        Grower("1", "100% Corn"),
        Grower("2", "1000 Corn"),
        Grower("3", "A_B"),
        Grower("4", "AXB"),
        Grower("5", r"C:\x"),
    ]
    await write(database, lambda session: growers.save(session, named))
    async with database.reading() as session:
        assert [found.id for found in await growers.find_similar(session, "0%", 10)] == ["1"]
        assert [found.id for found in await growers.find_similar(session, "a_b", 10)] == ["3"]
        assert [found.id for found in await growers.find_similar(session, "\\x", 10)] == ["5"]
        assert await growers.find_similar(session, "  ", 10) == []


async def test_names_that_begin_with_it_come_first(database: Database) -> None:
    named = [Grower("1", "Old Miller"), Grower("2", "Miller Farms"), Grower("3", "Zed", "miller@example.com")]
    await write(database, lambda session: growers.save(session, named))
    async with database.reading() as session:
        found = [grower.id for grower in await growers.find_similar(session, "mill", 10)]
    assert found == ["2", "1", "3"]


async def test_saving_keeps_the_slack_user_and_brings_back_who_was_gone(database: Database, ada: Grower) -> None:
    await write(database, lambda session: growers.set_slack_user(session, ada.id, "U1"))
    await write(database, lambda session: growers.mark_gone(session, ada.id, NOON))
    async with database.reading() as session:
        assert await growers.ids(session) == set()
        assert await growers.find_exactly(session, ada.name) == []
        assert await growers.by_slack_user(session, "U1") is None
        gone = await growers.get(session, ada.id)
    assert gone is not None
    assert gone.gone_at == NOON
    await write(database, lambda session: growers.save(session, [replace(ada, name="Ada Ltd", email=None)]))
    async with database.reading() as session:
        back = await growers.by_slack_user(session, "U1")
        assert await growers.names(session, 10) == [(ada.id, "ada ltd")]
        assert await growers.count(session) == 1
        assert list(await growers.get_many(session, [ada.id, "nobody"])) == [ada.id]
    assert back == Grower(ada.id, "Ada Ltd", None, "L-1815", "U1")


async def test_the_same_growers_saved_by_many_at_once_end_as_one_each(database: Database) -> None:
    page = [Grower(f"g{number}", f"Grower {number}") for number in range(30)]
    await asyncio.gather(
        *(write(database, lambda session: growers.save(session, page)) for _ in range(5)),
        *(write(database, lambda session: growers.save(session, page[::-1])) for _ in range(5)),
    )
    async with database.reading() as session:
        assert await growers.count(session) == 30
    await write(database, lambda session: growers.save(session, []))


# Connections


def connection(status: CredentialStatus = HEALTHY, **more: object) -> Connection:
    return replace(Connection(ADA.id, status, NOON, NOON, credential_id="c1", missing_scopes=("a", "b")), **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("ada")
async def test_of_twenty_who_find_the_same_change_one_is_first(database: Database) -> None:
    assert (
        sum(await all_at_once(database, lambda session: connections.change(session, connection(), None, "sweep"))) == 1
    )
    broken = connection(BROKEN, cause=Cause.GROWER_MUST_ACT, changed_at=NOON + HOUR)
    won = await all_at_once(database, lambda session: connections.change(session, broken, HEALTHY, "alert"))
    assert sum(won) == 1
    async with database.reading() as session:
        assert await connections.get(session, ADA.id) == broken
        assert [(each.before, each.after) for each in await connections.transitions(session, ADA.id)] == [
            (HEALTHY, BROKEN),
            (None, HEALTHY),
        ]


@pytest.mark.usefixtures("ada")
async def test_whose_a_credential_was_is_known_when_it_is_long_gone(database: Database) -> None:
    await write(database, lambda session: connections.change(session, connection(), None, "sweep"))
    await write(database, lambda session: connections.refresh(session, connection(credential_id="c2")))
    gone = connection(ABSENT, credential_id=None)
    await write(database, lambda session: connections.change(session, gone, HEALTHY, "disconnect"))
    async with database.reading() as session:
        assert await connections.grower_of_credential(session, "c1") == ADA.id
        assert await connections.grower_of_credential(session, "c2") == ADA.id
        assert await connections.grower_of_credential(session, "c3") is None


@pytest.mark.usefixtures("ada")
async def test_details_are_refreshed_only_while_the_status_is_the_same(database: Database) -> None:
    await write(database, lambda session: connections.change(session, connection(), None, "sweep"))
    await write(database, lambda session: connections.refresh(session, connection(BROKEN, raw_status="INVALID")))
    await write(database, lambda session: connections.set_disconnecting(session, ADA.id, NOON))
    async with database.reading() as session:
        stored = (await connections.get_many(session, [ADA.id]))[ADA.id]
        assert len(await connections.transitions(session, ADA.id)) == 1
    assert (stored.status, stored.raw_status, stored.disconnecting_at) == (HEALTHY, None, NOON)


async def test_the_overview_counts_growers_that_were_never_connected_and_leaves_out_who_is_gone(
    database: Database,
) -> None:
    people = [Grower(name, name) for name in ("healthy", "broken", "never", "gone")]
    await write(database, lambda session: growers.save(session, people))
    for name, status in (("healthy", HEALTHY), ("broken", BROKEN), ("gone", BROKEN)):
        known = Connection(name, status, NOON, NOON)
        await write(database, lambda session, known=known: connections.change(session, known, None, "sweep"))  # type: ignore[misc]
    await write(database, lambda session: growers.mark_gone(session, "gone", NOON))
    async with database.reading() as session:
        assert await connections.counts(session) == {HEALTHY: 1, BROKEN: 1, ABSENT: 1}
        assert [grower.id for grower, _ in await connections.needing_someone(session, 10)] == ["broken"]


@pytest.mark.usefixtures("ada")
async def test_the_status_of_any_moment_can_be_told(database: Database) -> None:
    await write(database, lambda session: connections.change(session, connection(), None, "sweep"))
    later = connection(BROKEN, changed_at=NOON + HOUR)
    await write(database, lambda session: connections.change(session, later, HEALTHY, "sweep"))
    async with database.reading() as session:
        told = [await connections.status_at(session, ADA.id, NOON + hours * HOUR) for hours in (-1, 0, 1)]
        assert len(await connections.transitions(session, ADA.id, since=NOON + HOUR / 2)) == 1
    assert told == [None, HEALTHY, BROKEN]


# Consents


def consent(number: int = 1, **more: object) -> Consent:
    made = Consent(f"c{number}", ADA.id, ADA.name, "U1", "Grace", "C1", "red-barn", NOON, NOON + HOUR)
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("ada")
async def test_a_link_moves_on_once_however_many_press(database: Database) -> None:
    await write(database, lambda session: consents.add(session, consent(), "hash"))
    opened, next_state = ConsentState.OPEN, ConsentState.EXCHANGING
    moved = await all_at_once(
        database, lambda session: consents.move(session, "c1", opened, next_state, authorization_code="sealed")
    )
    assert [each.state for each in moved if each] == [next_state]
    async with database.reading() as session:
        assert await consents.by_token(session, "hash") == consent(state=next_state)
        assert await consents.by_token(session, "other") is None
        assert await consents.sealed_code(session, "c1") == ("sealed", None)


@pytest.mark.usefixtures("ada")
async def test_a_consent_is_found_by_its_first_link_and_by_the_newest_of_the_later_ones(database: Database) -> None:
    await write(database, lambda session: consents.add(session, consent(1), "first"))
    await write(database, lambda session: consents.add(session, consent(2), "another"))

    async def made(session: AsyncSession, number: int) -> None:
        await consents.add_link(session, "c1", f"later-{number}", NOON + number * timedelta(seconds=1))

    for number in range(LATER_LINKS + 1):
        await write(database, lambda session, number=number: made(session, number))  # type: ignore[misc]
    await write(database, lambda session: consents.add_link(session, "c2", "another-later", NOON - HOUR))
    async with database.reading() as session:
        for good in ("first", "later-1", f"later-{LATER_LINKS}"):
            assert await consents.by_token(session, good) == consent(1), good
        for good in ("another", "another-later"):
            assert await consents.by_token(session, good) == consent(2), good
        assert await consents.by_token(session, "later-0") is None


@pytest.mark.usefixtures("ada")
async def test_links_made_at_the_same_moment_all_work(database: Database) -> None:
    await write(database, lambda session: consents.add(session, consent(), "first"))
    hashes = iter([f"later-{number}" for number in range(20)])
    await all_at_once(database, lambda session: consents.add_link(session, "c1", next(hashes), NOON))
    async with database.reading() as session:
        assert all([await consents.by_token(session, f"later-{number}") for number in range(20)])


@pytest.mark.usefixtures("ada")
async def test_a_state_is_spent_once_in_its_own_browser_and_in_time(database: Database) -> None:
    await write(database, lambda session: consents.add(session, consent(), "hash"))
    until = NOON + HOUR
    for state in ("s1", "s2"):
        await write(
            database,
            lambda session, state=state: consents.begin_attempt(session, "c1", state, "browser", NOON, until),  # type: ignore[misc]
        )
    assert await write(database, lambda session: consents.spend_attempt(session, "s1", ["foreign"], NOON)) is None
    assert await write(database, lambda session: consents.spend_attempt(session, "s2", ["browser"], until)) is None
    spent = await all_at_once(database, lambda session: consents.spend_attempt(session, "s1", ["browser"], NOON))
    assert sorted(spent, key=str) == sorted([None] * 19 + ["c1"], key=str)
    async with database.reading() as session:
        of_browser = await consents.latest_of_browser(session, ["browser"])
        assert await consents.latest_of_browser(session, ["foreign"]) is None
    assert of_browser is not None
    assert of_browser.begun_at == NOON


@pytest.mark.usefixtures("ada")
async def test_the_consents_of_a_grower(database: Database) -> None:
    async def add(session: AsyncSession) -> None:
        await consents.add(session, consent(1), "h1")
        await consents.add(session, consent(2, created_at=NOON + HOUR, incident_id="i1"), "h2")
        await consents.add(session, consent(3, created_at=NOON - HOUR, state=ConsentState.DECLINED), "h3")

    await write(database, add)
    await write(database, lambda session: consents.note(session, "c1", refresh_token="sealed", handing_over=True))
    async with database.reading() as session:
        assert [each.id for each in await consents.open_of_grower(session, ADA.id)] == ["c2", "c1"]
        newest = await consents.latest_of_grower(session, ADA.id)
        repairing = await consents.foremost_for_incident(session, "i1")
        assert await consents.foremost_for_incident(session, "i2") is None
        assert await consents.waiting(session, NOON) == 1
        assert await consents.waiting(session, NOON + HOUR) == 0
        assert await consents.being_handed_over(session, ADA.id) is None
        assert await consents.sealed_refresh_token(session, "c1") == ("sealed", None, True)
    assert newest is not None
    assert repairing is not None
    await write(database, lambda session: consents.move(session, "c1", ConsentState.OPEN, ConsentState.HELD))
    async with database.reading() as session:
        foremost = await consents.foremost_of(session, [ADA.id, "nobody"])
    await write(database, lambda session: consents.move(session, "c1", ConsentState.HELD, ConsentState.OPEN))
    assert (newest.id, {of: each.id for of, each in foremost.items()}) == ("c2", {ADA.id: "c1"})
    assert (newest.id, repairing.id) == ("c2", "c2")
    await write(database, lambda session: consents.move(session, "c1", ConsentState.OPEN, ConsentState.DELIVERING))
    async with database.reading() as session:
        under_way = await consents.being_handed_over(session, ADA.id)
    assert under_way is not None
    assert under_way.id == "c1"


# Incidents


def incident(number: int = 1) -> Incident:
    return Incident(f"i{number}", ADA.id, ADA.name, BROKEN, Cause.GROWER_MUST_ACT, NOON, "INVALID", ("a",))


@pytest.mark.usefixtures("ada")
async def test_a_grower_has_one_open_incident(database: Database) -> None:
    await write(database, lambda session: incidents.open_new(session, incident()))
    with pytest.raises(IntegrityError):
        await write(database, lambda session: incidents.open_new(session, incident(2)))
    ended = await all_at_once(database, lambda session: incidents.end(session, "i1", NOON + HOUR, "repair", "c1"))
    assert sum(ended) == 1
    await write(database, lambda session: incidents.open_new(session, incident(2)))
    cause = Cause.SCOPE_MISSING
    await write(
        database,
        lambda session: incidents.restate(session, "i2", CredentialStatus.LIMITED, cause, "LIMITED", ("x",)),
    )
    async with database.reading() as session:
        open_now = await incidents.open_of_grower(session, ADA.id)
        over = await incidents.get(session, "i1")
        assert await incidents.count_open(session) == 1
    assert open_now == replace(
        incident(2), status=CredentialStatus.LIMITED, cause=cause, raw_status="LIMITED", missing_scopes=("x",)
    )
    assert over == replace(incident(), recovered_at=NOON + HOUR, ended_by="repair", repaired_by_consent="c1")


# Channels, notices, events, secrets


async def test_a_channel_is_subscribed_once_and_made_whole_when_it_was_broken(database: Database) -> None:
    assert sum(await all_at_once(database, lambda session: subscriptions.add(session, "C1", "U1", NOON))) == 1
    assert await write(database, lambda session: subscriptions.mark_broken(session, "C1", "is_archived"))
    assert not await write(database, lambda session: subscriptions.mark_broken(session, "C1", "is_archived"))
    assert not await write(database, lambda session: subscriptions.mark_broken(session, "C2", "is_archived"))
    assert await write(database, lambda session: subscriptions.add(session, "C1", "U2", NOON))
    async with database.reading() as session:
        whole = await subscriptions.get(session, "C1")
    assert whole is not None
    assert (whole.made_by, whole.broken_reason) == ("U1", None)
    assert await write(database, lambda session: subscriptions.remove(session, "C1"))
    assert not await write(database, lambda session: subscriptions.remove(session, "C1"))


async def test_a_notice_stands_once_and_may_come_again_when_it_is_over(database: Database) -> None:
    raised = await all_at_once(database, lambda session: notices.raise_once(session, "leaf-login", "text", NOON))
    [notice] = [each for each in raised if each]
    over = await write(database, lambda session: notices.over(session, "leaf-login", NOON + HOUR))
    assert over == replace(notice, over_at=NOON + HOUR)
    assert await write(database, lambda session: notices.over(session, "leaf-login", NOON)) is None
    again = await write(database, lambda session: notices.raise_once(session, "leaf-login", "text", NOON))
    assert again is not None
    async with database.reading() as session:
        assert await notices.get(session, notice.id) == over


async def test_events_are_kept_once_whoever_looks_at_the_same_time(database: Database) -> None:
    events = [LeafEvent(f"e{number}", ADA.id, NOON - number * HOUR, 400, "Unauthorized") for number in range(700)]
    kept = await all_at_once(database, lambda session: leaf_events.archive(session, events + events[:5]), times=5)
    assert sum(kept) == 700
    async with database.reading() as session:
        newest = await leaf_events.of_grower(session, ADA.id, limit=2)
        assert len(await leaf_events.of_grower(session, ADA.id, since=NOON - 2 * HOUR)) == 3
    assert newest == events[:2]


async def test_processes_that_start_together_agree_on_one_secret(database: Database) -> None:
    numbers = iter(range(20))
    agreed = await all_at_once(
        database, lambda session: sealed_values.get_or_add(session, "audit-key", f"sealed {next(numbers)}")
    )
    assert len(set(agreed)) == 1


# The outbox


INCIDENT = AnnouncementKind.INCIDENT


async def test_one_message_per_subject_and_channel_however_many_want_it(database: Database) -> None:
    wanted = await all_at_once(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    assert sorted(each.wanted for each in wanted) == list(range(1, 21))
    assert len({each.id for each in wanted}) == 1
    async with database.reading() as session:
        assert await outbox.depth(session) == 1


async def test_news_reach_also_the_message_that_was_added_while_they_waited(postgresql_url: str) -> None:
    """A grower gets an owner, who is sent a card of their own, while somebody acknowledges the alert."""
    database = Database(postgresql_url)
    await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))

    async def acknowledges() -> list[Announcement]:
        return await write(database, lambda session: outbox.want_update(session, INCIDENT, "i1", NOON))

    async def waits_or_is_through() -> bool:
        async with database.reading() as session:
            waiting = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(waiting) or acknowledging.done()

    async with database.transaction() as session:
        await outbox.want_update(session, INCIDENT, "i1", NOON)
        acknowledging = asyncio.create_task(acknowledges())
        await eventually(waits_or_is_through)
        await outbox.want(session, INCIDENT, "i1", "UOWNER", NOON)
    assert {each.channel for each in await acknowledging} == {"C1", "UOWNER"}
    await database.close()


async def test_of_many_deliverers_one_gets_the_message(database: Database) -> None:
    owed = await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    claimants = iter(f"slot-0/{number}" for number in range(20))
    claimed = await all_at_once(database, lambda session: outbox.claim(session, owed.id, next(claimants), NOON))
    assert len([each for each in claimed if each]) == 1
    late = NOON + outbox.CLAIM + timedelta(seconds=1)
    assert await write(database, lambda session: outbox.claim(session, owed.id, "slot-1/x", late)) is not None
    await write(database, lambda session: outbox.drop_claims(session, "slot-1"))
    assert await write(database, lambda session: outbox.claim(session, owed.id, "slot-0/y", NOON)) is not None


async def test_the_claims_of_slot_1_are_not_those_of_slot_10(database: Database) -> None:
    owed = await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    await write(database, lambda session: outbox.claim(session, owed.id, "slot-10/x", NOON))
    await write(database, lambda session: outbox.drop_claims(session, "slot-1"))
    assert await write(database, lambda session: outbox.claim(session, owed.id, "slot-2/y", NOON)) is None


async def test_a_message_that_changed_while_it_was_delivered_is_owed_again(database: Database) -> None:
    owed = await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    await write(database, lambda session: outbox.claim(session, owed.id, "me", NOON))
    [newer] = await write(database, lambda session: outbox.want_update(session, INCIDENT, "i1", NOON))
    assert newer.wanted == 2
    assert not await write(database, lambda session: outbox.showed(session, owed.id, 1, "C1", "1.1", NOON))
    again = await write(database, lambda session: outbox.claim(session, owed.id, "me", NOON))
    assert again is not None
    assert (again.shown, again.wanted, again.ts) == (1, 2, "1.1")
    assert await write(database, lambda session: outbox.showed(session, owed.id, 2, "C1", "1.1", NOON))
    assert await write(database, lambda session: outbox.claim(session, owed.id, "me", NOON)) is None
    async with database.reading() as session:
        assert not await outbox.is_owed(session, owed.id)


async def test_failures_are_counted_until_something_was_shown(database: Database) -> None:
    owed = await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    await write(database, lambda session: outbox.claim(session, owed.id, "me", NOON))
    assert [await write(database, lambda session: outbox.failed(session, owed.id)) for _ in range(2)] == [1, 2]
    claimed = await write(database, lambda session: outbox.claim(session, owed.id, "somebody else", NOON))
    assert claimed is not None, "a failure frees the message"
    await write(database, lambda session: outbox.showed(session, owed.id, 1, "C1", "1.1", NOON))
    await write(database, lambda session: outbox.forget_message(session, owed.id))
    async with database.reading() as session:
        stored = await outbox.get(session, owed.id)
    assert stored is not None
    assert (stored.failures, stored.reposts, stored.ts, stored.posted_channel) == (0, 1, None, None)


async def test_what_was_given_up_is_owed_to_nobody_until_there_is_news(database: Database) -> None:
    owed = await write(database, lambda session: outbox.want(session, INCIDENT, "i1", "C1", NOON))
    await write(database, lambda session: outbox.give_up(session, owed.id, "is_archived"))
    async with database.reading() as session:
        assert await outbox.owed(session) == []
        assert await outbox.depth(session) == 0
    assert await write(database, lambda session: outbox.claim(session, owed.id, "me", NOON)) is None
    await write(database, lambda session: outbox.want_update(session, INCIDENT, "i1", NOON))
    async with database.reading() as session:
        assert [each.id for each in await outbox.owed(session)] == [owed.id]
        assert await outbox.owed(session, before=NOON) == []


# Sweeps


async def test_of_sweeps_that_begin_together_one_runs(database: Database) -> None:
    names = iter(f"sweep-{number}" for number in range(20))
    stalled = NOON - timedelta(minutes=3)
    begun = await all_at_once(database, lambda session: sweeps.start(session, next(names), NOON, stalled))
    assert len([each for each in begun if each]) == 1


async def test_a_sweep_goes_on_where_it_was_and_a_stalled_one_blocks_nobody(database: Database) -> None:
    stalled = NOON - timedelta(minutes=3)
    await write(database, lambda session: sweeps.start(session, "a", NOON, stalled))
    await write(database, lambda session: sweeps.note(session, "a", page=7, growers=700))
    again = await write(database, lambda session: sweeps.start(session, "a", NOON + HOUR, stalled))
    assert again is not None
    assert (again.page, again.growers, again.started_at) == (7, 700, NOON)
    assert await write(database, lambda session: sweeps.start(session, "b", NOON, stalled)) is None
    assert await write(database, lambda session: sweeps.start(session, "b", NOON, NOON + HOUR)) is not None


async def test_an_abandoned_sweep_blocks_nobody_and_a_finished_one_stays(database: Database) -> None:
    stalled = NOON - HOUR
    await write(database, lambda session: sweeps.start(session, "a", NOON, stalled))
    await write(database, lambda session: sweeps.abandon(session, "a"))
    await write(database, lambda session: sweeps.start(session, "b", NOON, stalled))
    await write(database, lambda session: sweeps.note(session, "b", finished_at=NOON + HOUR))
    await write(database, lambda session: sweeps.abandon(session, "b"))
    await write(database, lambda session: sweeps.start(session, "c", NOON, stalled))
    await write(database, lambda session: sweeps.forget(session, NOON + HOUR))
    async with database.reading() as session:
        last = await sweeps.last_finished(session)
        assert [await sweeps.get(session, name) for name in ("a", "c")] == [None, None]
    assert last is not None
    assert last.id == "b"


async def test_what_seems_to_lie_ahead_when_a_clock_was_set_back_keeps_nobody_waiting(database: Database) -> None:
    ahead, minute = NOON + 3 * HOUR, HOUR / 60
    await write(database, lambda session: sweeps.start(session, "ended", ahead, NOON))
    await write(database, lambda session: sweeps.note(session, "ended", finished_at=ahead))
    await write(database, lambda session: sweeps.start(session, "died", ahead, NOON))

    async def was_set_back(at: datetime) -> bool:
        return await write(database, lambda session: sweeps.clock_was_set_back(session, at, minute))

    assert not await was_set_back(ahead - minute)
    assert await was_set_back(NOON)
    later = NOON + 2 * minute
    assert await write(database, lambda session: sweeps.start(session, "now", later, later - minute)) is not None
    await write(database, lambda session: sweeps.note(session, "now", finished_at=later))
    async with database.reading() as session:
        last = await sweeps.last_finished(session)
    assert last is not None
    assert (last.id, last.finished_at) == ("now", later)


# The audit trail


async def test_eight_writers_at_once_make_one_chain_without_gaps(database: Database) -> None:
    def seal(seq: int, entry: AuditEntry, previous: str) -> str:
        return f"{seq}:{entry.request_id}".rjust(64, "0")

    async def many(writer: int) -> None:
        for number in range(5):
            entry = AuditEntry(NOON, f"U{writer}", "slash", "status", "done", f"{writer}-{number}", target=f"g{writer}")
            await write(database, lambda session, entry=entry: audit.append(session, entry, seal))  # type: ignore[misc]

    await asyncio.gather(*(many(writer) for writer in range(8)))
    async with database.reading() as session:
        chain = [sealed async for sealed in audit.everything(session, page=7)]
        newest = await audit.latest(session, target="g3", limit=2)
        assert await audit.head(session) == (40, chain[-1].mac)
        assert [each.seq for each in await audit.latest(session, limit=3, before=10)] == [9, 8, 7]
    assert [sealed.seq for sealed in chain] == list(range(1, 41))
    assert [sealed.previous for sealed in chain] == [audit.GENESIS, *(sealed.mac for sealed in chain[:-1])]
    assert [each.entry.request_id for each in newest] == ["3-4", "3-3"]


async def test_whoever_was_taken_for_dead_leaves_the_claim_of_the_next_one_alone(database: Database) -> None:
    async def claimed(at: datetime) -> creations.Claim:
        return await write(database, lambda session: creations.claim(session, "rosa", at, lost_before=at - HOUR))

    slow, quick = NOON, NOON + 2 * HOUR
    assert await claimed(slow) is creations.Claim.FIRST
    assert await write(database, lambda session: creations.renew(session, "rosa", slow, slow))
    assert await claimed(quick) is creations.Claim.AFTER_A_LOST_ONE
    assert not await write(database, lambda session: creations.renew(session, "rosa", slow, slow))
    await write(database, lambda session: creations.release(session, "rosa", slow))
    assert await claimed(quick) is creations.Claim.TAKEN
    await write(database, lambda session: creations.release(session, "rosa", quick))
    assert await claimed(quick) is creations.Claim.FIRST


async def test_whoever_died_before_asking_leaf_leaves_nothing_that_may_have_been_created(database: Database) -> None:
    async def lost(at: datetime) -> set[str]:
        return await write(database, lambda session: creations.lost(session, at))

    first, second = NOON, NOON + 2 * HOUR
    for at in (first, second):
        claim = await write(
            database,
            lambda session, at=at: creations.claim(session, "rosa", at, lost_before=at - HOUR),  # type: ignore[misc]
        )
        assert claim is creations.Claim.FIRST
        assert await lost(at + HOUR) == set()
    assert await write(database, lambda session: creations.renew(session, "rosa", second, second))
    assert await lost(second + HOUR) == {"rosa"}


async def test_a_handover_and_a_new_link_of_a_grower_with_two_do_not_wait_in_a_circle(
    postgresql_url: str,
) -> None:
    """One takes the older links out of use, the newest first; the other gives the same links away, by id."""
    database = Database(postgresql_url)
    await write(database, lambda session: growers.save(session, [ADA]))
    await write(database, lambda session: consents.add(session, consent(1), "older"))
    await write(database, lambda session: consents.add(session, consent(2), "newer"))
    async with database.transaction() as session:
        await growers.lock(session, ADA.id)
        await consents.lock(session, "c2")
        giving = asyncio.create_task(write(database, lambda other: handovers.move(other, "U1", "U2", "Linus")))
        await asyncio.wait({giving}, timeout=0.5)
        await consents.lock(session, "c1")
    assert (await giving).links == ("c1", "c2")
    await database.close()
