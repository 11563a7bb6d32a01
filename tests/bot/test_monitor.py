"""Watching: what Leaf says becomes what we believe, and each change is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, insert, text
from starlette.responses import JSONResponse, PlainTextResponse

from bot.errors import ProviderError, ProviderGibberish, ProviderRefusedUs, ProviderUnavailable
from bot.flaps import QUIET
from bot.leaf.models import Credential
from bot.messages.needs import Need
from bot.reducer import Reading
from bot.sandbox.leaf import Leaf
from storage import connections, growers, sweeps
from storage.records import Cause, Grower
from storage.tables import ConnectionRow
from tests.bot.watching import LIST, ONE, Watch, together, watching
from tests.stage import eventually


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        yield made


@pytest.fixture
async def alone(sqlite_url: str) -> AsyncIterator[Watch]:
    """On SQLite only, for what does not depend on the database."""
    async with watching(sqlite_url) as made:
        yield made


# Finding out


async def test_what_is_healthy_at_first_sight_is_no_news(watch: Watch) -> None:
    await watch.settles()
    assert await watch.status() == "healthy"
    assert watch.posts() == watch.posts(watch.alerts) == []


@pytest.mark.parametrize("embeds", ["full", "without_status", "empty", "null"])
async def test_a_dead_connection_is_found_however_much_leaf_embeds(watch: Watch, embeds: str) -> None:
    watch.world.leaf.switch(embeds=embeds)
    watch.world.leaf.add_user("Never Connected", "never@example.com")
    await watch.settles()
    assert await watch.status() == "healthy"
    watch.world.leaf.set_status(watch.ada, "UNAUTHENTICATED")
    await watch.settles()
    assert await watch.status() == "broken"
    assert len(watch.posts()) == len(watch.posts(watch.alerts)) == 1
    assert watch.ada.name in watch.posts()[0].text
    assert await watch.count_incidents() == 1, "who was never connected is not broken"


async def test_one_request_for_a_hundred_growers_when_leaf_embeds_the_status(alone: Watch) -> None:
    alone.world.leaf.populate(298)
    await alone.sweeps()
    assert (alone.asked(LIST), alone.asked(ONE)) == (3, 0)


async def test_one_request_more_for_each_grower_whose_status_is_not_embedded(alone: Watch) -> None:
    alone.world.leaf.switch(embeds="without_status")
    alone.world.leaf.populate(98)
    await alone.sweeps()
    assert (alone.asked(LIST), alone.asked(ONE)) == (1, 100)


async def test_leaf_going_quiet_about_credentials_is_not_their_removal(alone: Watch) -> None:
    await alone.settles()
    alone.world.leaf.switch(embeds="null")
    await alone.settles()
    assert await alone.status() == "healthy"
    late = alone.world.leaf.add_user("Late Farms", "late@example.com")
    alone.world.leaf.connect(late, status="UNAUTHENTICATED")
    await alone.settles()
    assert await alone.status(late) == "broken", "an empty page told nothing of somebody new"


async def test_a_page_without_the_total_is_followed_by_the_next(alone: Watch) -> None:
    leaf = alone.world.leaf
    leaf.populate(148)
    everybody = [user.as_json(leaf.embedded(user)) for user in leaf.users.select({}, "id,asc")]
    leaf.faults.answer(JSONResponse(everybody[:100]), LIST, times=1)
    leaf.faults.answer(JSONResponse(everybody[100:]), LIST, times=1)
    sweep = await alone.sweeps()
    assert (sweep.growers, sweep.found, alone.asked(LIST)) == (150, 150, 2)


# Telling


async def test_a_failure_is_told_once_and_its_recovery_edits_the_same_message(watch: Watch) -> None:
    await watch.settles()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    await watch.settles()
    [post], [alert] = watch.posts(), watch.posts(watch.alerts)
    assert (len(post.versions), len(alert.versions)) == (1, 1)
    assert (await watch.incident()) is not None
    watch.world.leaf.restore(watch.ada)
    await watch.settles()
    assert await watch.incident() is None
    assert watch.posts() == [post]
    assert (len(post.versions), len(alert.versions)) == (2, 2)


async def test_another_cause_edits_the_message(watch: Watch) -> None:
    await watch.settles()
    await watch.world.leaf.limit(watch.ada)
    await watch.settles()
    [post] = watch.posts()
    opened = await watch.incident()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    changed = await watch.incident()
    assert opened is not None
    assert changed is not None
    assert (opened.id, opened.cause, changed.cause) == (changed.id, Cause.SCOPE_MISSING, Cause.GROWER_MUST_ACT)
    assert watch.posts() == [post]
    assert post.edits == 1


async def test_an_unknown_word_is_shown_to_the_operators_alone_and_once(watch: Watch) -> None:
    await watch.settles()
    watch.world.leaf.set_status(watch.ada, "PURPLE_MONDAY")
    await watch.settles()
    await watch.settles()
    assert await watch.status() == "unknown"
    assert watch.posts() == []
    [alert] = watch.posts(watch.alerts)
    assert "PURPLE_MONDAY" in repr(alert.blocks) + alert.text


async def test_what_was_unknown_and_turns_out_broken_reaches_the_channels(watch: Watch) -> None:
    await watch.settles()
    watch.world.leaf.set_status(watch.ada, "PURPLE_MONDAY")
    await watch.settles()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    [card], [notice, alert] = watch.posts(), watch.posts(watch.alerts)
    assert "PURPLE_MONDAY" in notice.text
    assert card.text == alert.text
    assert watch.ada.name in card.text


async def test_fieldview_being_down_is_no_alarm_and_repairs_nothing(watch: Watch) -> None:
    await watch.settles()
    watch.world.leaf.fail(watch.ada)
    await watch.settles()
    assert await watch.status() == "unavailable"
    assert watch.posts() == watch.posts(watch.alerts) == []
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    watch.world.leaf.fail(watch.ada)
    await watch.settles()
    assert await watch.incident() is not None


async def test_a_credential_that_somebody_removed_at_leaf_is_missed(watch: Watch) -> None:
    await watch.settles()
    watch.world.leaf.disconnect(watch.ada)
    await watch.settles()
    incident = await watch.incident()
    assert incident is not None
    assert incident.cause is Cause.REMOVED_AT_LEAF
    assert len(watch.posts()) == 1


async def test_everything_is_written_into_the_audit_trail(watch: Watch) -> None:
    await watch.settles()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    watch.world.leaf.restore(watch.ada)
    await watch.settles()
    entries = [sealed.entry async for sealed in watch.journal.entries()]
    assert [(entry.action, entry.actor, entry.target) for entry in entries] == [
        ("incident-opened", "job:sweep", watch.ada.id),
        ("incident-recovered", "job:sweep", watch.ada.id),
    ]
    assert (await watch.journal.verify()).fault is None


# Disconnecting


async def begin_to_disconnect(watch: Watch) -> None:
    async with watch.database.transaction() as session:
        await connections.set_disconnecting(session, watch.ada.id, watch.world.clock())


async def test_what_we_removed_ourselves_is_missed_by_nobody_however_the_looks_fall(watch: Watch) -> None:
    await watch.settles()
    await begin_to_disconnect(watch)
    await watch.monitor.check(watch.ada.id, "status")
    watch.world.leaf.disconnect(watch.ada)
    await watch.settles()
    assert await watch.status() == "absent"
    assert watch.posts() == []


async def test_disconnecting_what_was_removed_already_ends_the_incident(watch: Watch) -> None:
    await watch.settles()
    watch.world.leaf.disconnect(watch.ada)
    await watch.settles()
    await begin_to_disconnect(watch)
    await watch.reducer.observe(Reading(watch.ada.id, None, watch.world.clock()), "disconnect")
    await watch.delivers()
    assert (await watch.status(), await watch.incident()) == ("absent", None)
    assert watch.posts()[0].edits == 1


async def test_a_removal_that_did_not_happen_excuses_no_later_one(watch: Watch) -> None:
    await watch.settles()
    await begin_to_disconnect(watch)
    watch.world.clock.advance(timedelta(hours=2))
    await watch.settles()
    known = await watch.connection()
    assert known is not None
    assert known.disconnecting_at is None
    watch.world.leaf.disconnect(watch.ada)
    await watch.settles()
    assert await watch.status() == "broken"


# Growers come and go


async def test_a_grower_deleted_at_leaf_is_gone_and_their_incident_over(watch: Watch) -> None:
    await watch.settles()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    watch.world.leaf.users.remove(watch.ada)
    await watch.settles()
    async with watch.database.reading() as session:
        assert watch.ada.id not in await growers.ids(session)
    assert (await watch.status(), await watch.count_incidents()) == ("absent", 0)
    assert watch.posts()[0].edits == 1, "the card says that it is over"
    again = watch.world.leaf.add_user(watch.ada.name, watch.ada.email)
    watch.world.leaf.connect(again)
    await watch.settles()
    assert await watch.status(again) == "healthy"
    assert len(watch.posts()) == 1


async def test_who_is_missing_from_the_list_is_gone_only_when_leaf_says_so_directly(alone: Watch) -> None:
    await alone.settles()
    leaf = alone.world.leaf
    others = [user.as_json(leaf.embedded(user)) for user in leaf.users if user is not alone.ada]
    leaf.faults.answer(JSONResponse(others, headers={"X-Total-Count": "1"}), LIST, times=1)
    await alone.settles()
    async with alone.database.reading() as session:
        assert alone.ada.id in await growers.ids(session)
    assert await alone.status() == "healthy"


# Bad days

BAD_DAYS: dict[str, tuple[Callable[[Leaf], object], type[ProviderError]]] = {
    "outage": (lambda leaf: leaf.faults.outage(), ProviderUnavailable),
    "too many requests": (lambda leaf: leaf.limit_rate(0), ProviderUnavailable),
    "gateway": (lambda leaf: leaf.faults.html(), ProviderUnavailable),
    "a page that says 200": (lambda leaf: leaf.faults.html(status=200), ProviderGibberish),
    "a page that says 404": (lambda leaf: leaf.faults.html(status=404), ProviderGibberish),
    "half an answer": (lambda leaf: leaf.faults.answer(PlainTextResponse('[{"id": "x'), LIST), ProviderGibberish),
    "forbidden": (lambda leaf: leaf.faults.forbid(LIST), ProviderRefusedUs),
}


@pytest.mark.parametrize("day", BAD_DAYS)
@pytest.mark.parametrize("embeds", ["full", "without_status"])
async def test_a_bad_day_at_leaf_is_no_growers_fault_and_passes(alone: Watch, day: str, embeds: str) -> None:
    spoil, error = BAD_DAYS[day]
    alone.world.leaf.switch(embeds=embeds)
    await alone.settles()
    spoil(alone.world.leaf)
    with pytest.raises(error):
        await alone.sweeps()
    with pytest.raises(ProviderError):
        await alone.sweeps()
    await alone.delivers()
    assert (await alone.status(), await alone.count_incidents(), alone.posts()) == ("healthy", 0, [])
    alone.world.leaf.faults.heal()
    alone.world.leaf.limit_rate(None)
    await alone.world.leaf.revoke(alone.ada)
    assert await alone.sweeps() is not None, "the sweep that failed keeps nobody waiting"
    assert await alone.status() == "broken"


async def test_single_credentials_that_a_gateway_hides_are_not_gone(alone: Watch) -> None:
    alone.world.leaf.switch(embeds="null")
    await alone.settles()
    alone.world.leaf.faults.html(ONE, status=404)
    with pytest.raises(ProviderGibberish):
        await alone.sweeps()
    assert await alone.status() == "healthy"


@pytest.mark.parametrize(("day", "names"), [("login", "LEAF_PASSWORD"), ("page", "changed how it answers")])
async def test_operators_are_told_once_why_nothing_is_watched_and_when_it_is_over(
    alone: Watch, day: str, names: str
) -> None:
    await alone.settles()
    leaf, password = alone.world.leaf, alone.world.leaf.password
    if day == "login":
        leaf.password = "changed"
        leaf.stale_logins()
    else:
        leaf.faults.html(status=200)
    for number in range(3):
        assert await alone.monitor.sweep_job(f"bad-{number}") is None
    await alone.delivers()
    [notice] = alone.posts(alone.alerts)
    assert names in notice.text + repr(notice.blocks)
    assert alone.posts() == []
    leaf.faults.heal()
    leaf.password = password
    # A refused login is left alone for half a minute; a new process asks at once.
    alone.leaf._refused_until = 0
    await alone.monitor.sweep_job("good")
    await alone.delivers()
    assert [notice] == alone.posts(alone.alerts)
    assert notice.edits == 1


# At the same moment


async def test_sweep_alert_and_question_at_the_same_moment_make_one_incident(watch: Watch) -> None:
    await watch.settles()
    credential = watch.world.leaf.find(watch.ada).credential
    assert credential is not None
    await watch.world.leaf.revoke(watch.ada)
    await together(
        watch.sweeps,
        *[lambda: watch.monitor.alert_job(credential.id)] * 5,
        *[lambda: watch.monitor.check(watch.ada.id, "status")] * 5,
    )
    await watch.delivers()
    assert await watch.count_incidents() == 1
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]
    assert (await watch.journal.verify()).rows == 1


async def test_a_grower_met_for_the_first_time_by_many_at_once(watch: Watch) -> None:
    watch.world.leaf.set_status(watch.ada, "INVALID")
    await together(watch.sweeps, *[lambda: watch.monitor.check(watch.ada.id, "status")] * 9)
    await watch.delivers()
    assert (await watch.count_incidents(), len(watch.posts())) == (1, 1)


async def test_of_two_sweeps_one_looks(watch: Watch) -> None:
    swept = await together(watch.sweeps, watch.sweeps)
    assert len([each for each in swept if each]) == 1


async def test_many_growers_changing_from_all_sides_end_in_the_truth_without_a_deadlock(watch: Watch) -> None:
    leaf = watch.world.leaf
    leaf.populate(8)
    await watch.settles()
    people = list(leaf.users)

    async def trouble(turn: int) -> None:
        for user in people[turn % 3 :: 2]:
            leaf.set_status(user, ("UNAUTHENTICATED", "MISSING_PERMISSION", "OK", "ODD")[turn % 4])
            await watch.monitor.check(user.id, "status")

    async def notices() -> None:
        for number in range(5):
            await watch.announcer.tell_operators(Need(f"kind-{number}", "text"))
            await watch.journal.write("U1", "slash", "status", "done", "r")
            await watch.announcer.all_clear(f"kind-{number}")

    await asyncio.gather(*(trouble(turn) for turn in range(8)), notices(), notices(), watch.sweeps(), watch.delivers())
    for user in people:
        leaf.set_status(user, "OK")
    await watch.settles()
    # Who came and went too often for a day's peace is still called flapping: hours without news end that.
    watch.world.clock.advance(QUIET)
    await watch.settles()
    while await watch.owed():
        await watch.delivers_again()
    assert await watch.count_incidents() == 0
    assert (await watch.journal.verify()).fault is None


# Old news


async def test_a_page_from_before_a_consent_does_not_undo_it(watch: Watch) -> None:
    await watch.settles()
    before = watch.world.clock()
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    watch.world.clock.advance(timedelta(minutes=1))
    fresh = watch.world.leaf.connect(watch.ada)
    await watch.settles()
    await watch.reducer.observe(Reading(watch.ada.id, Credential(id="old", status="UNAUTHENTICATED"), before), "sweep")
    await watch.reducer.observe(Reading(watch.ada.id, None, before), "sweep")
    known = await watch.connection()
    assert known is not None
    assert (known.status, known.credential_id) == ("healthy", fresh.id)


@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(days=3)])
async def test_after_a_clock_was_set_back_what_happens_is_believed(alone: Watch, back: timedelta) -> None:
    alone.world.clock.advance(back)
    await alone.settles()
    alone.world.clock.set_back(back)
    await alone.world.leaf.revoke(alone.ada)
    await alone.settles()
    assert await alone.status() == "broken"
    alone.world.leaf.restore(alone.ada)
    await alone.settles()
    assert await alone.status() == "healthy"


async def test_old_news_that_waited_for_newer_news_is_not_believed(postgresql_url: str) -> None:
    """Two at the same grower: the second reads what the first wrote, not what was there before."""
    async with watching(postgresql_url) as watch:
        await watch.settles()
        earlier = watch.world.clock()
        later = watch.world.clock.advance(timedelta(minutes=1))
        old = Reading(watch.ada.id, Credential(id="old", status="UNAUTHENTICATED"), earlier)
        async with watch.database.transaction() as session:
            fresh = Reading(watch.ada.id, Credential(id="fresh", status="OK"), later)
            await watch.reducer.apply(session, fresh, "consent")
            waiting = asyncio.create_task(watch.reducer.observe(old, "sweep"))
            await eventually(lambda: somebody_waits(watch))
        await waiting
        known = await watch.connection()
        assert known is not None
        assert (known.status, known.credential_id) == ("healthy", "fresh")


async def somebody_waits(watch: Watch) -> bool:
    async with watch.database.reading() as session:
        return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


async def test_an_alert_that_comes_late_for_a_replaced_credential_alarms_nobody(watch: Watch) -> None:
    await watch.settles()
    old = watch.world.leaf.find(watch.ada).credential
    assert old is not None
    watch.world.leaf.connect(watch.ada)
    await watch.settles()
    lists = watch.asked(LIST)
    assert await watch.monitor.alert_job(old.id) is None
    await watch.delivers()
    assert watch.posts(watch.alerts) == []
    assert watch.asked(LIST) == lists


async def test_an_alert_for_a_credential_not_met_yet_is_found_by_looking_at_everybody(watch: Watch) -> None:
    credential = watch.world.leaf.connect(watch.ada, status="UNAUTHENTICATED")
    assert await watch.monitor.alert_job(credential.id) is None
    await watch.delivers()
    assert (await watch.status(), len(watch.posts())) == ("broken", 1)


async def test_an_alert_for_nobodys_credential_goes_to_the_operators_once_however_often_it_comes(watch: Watch) -> None:
    for _ in range(3):
        assert await watch.monitor.alert_job("c-unknown") is None
    await watch.delivers()
    [notice] = watch.posts(watch.alerts)
    assert "c-unknown" in notice.text + repr(notice.blocks)
    assert watch.posts() == []


async def test_an_alert_waits_while_leaf_is_down_and_while_another_sweep_runs(alone: Watch) -> None:
    alone.world.leaf.faults.outage()
    wait = await alone.monitor.alert_job("c-unknown")
    assert wait is not None
    alone.world.leaf.faults.heal()
    now = alone.world.clock()
    async with alone.database.transaction() as session:
        await sweeps.start(session, "busy", now, now)
    assert await alone.monitor.alert_job("c-unknown") == 10.0


async def test_an_alert_whose_look_at_everybody_was_cut_off_goes_on_with_it_and_keeps_no_sweep_waiting(
    watch: Watch,
) -> None:
    """As after a kill: the job is run again, and so is the sweep that came due meanwhile."""
    credential = watch.world.leaf.connect(watch.ada, status="UNAUTHENTICATED")
    slow = watch.world.leaf.faults.slow(60.0)
    killed = asyncio.create_task(watch.monitor.alert_job(credential.id))

    async def has_asked() -> bool:
        return slow.hits > 0

    await eventually(has_asked)
    async with asyncio.timeout(20):
        assert await watch.monitor.alert_job(credential.id) == 10.0, (
            "another alert for it waits until the look has ended"
        )
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    watch.world.leaf.faults.heal()
    assert await watch.sweeps("timed-1") is None, "one sweep at a time: it is not known to be dead"
    assert await watch.monitor.alert_job(credential.id) is None
    assert await watch.status() == "broken"
    assert await watch.sweeps("timed-2") is not None
    async with watch.database.reading() as session:
        assert await sweeps.begun(session, "", watch.world.clock() - timedelta(days=1)) is None


async def test_checking_waits_for_what_is_pending_and_gives_up_on_who_is_unknown(alone: Watch) -> None:
    alone.world.leaf.connect(alone.ada, status="PENDING")
    assert await alone.monitor.check_job(alone.ada.id) == 5.0
    alone.world.clock.advance(timedelta(hours=1))
    assert await alone.monitor.check_job(alone.ada.id) is None
    assert await alone.monitor.check_job("nobody-at-all") is None
    alone.world.leaf.faults.outage()
    assert await alone.monitor.check_job(alone.ada.id) == 30.0


# Large, and interrupted


@contextmanager
def counted(watch: Watch) -> Iterator[list[str]]:
    """The statements that change something."""
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *more: object) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            statements.append(statement)

    engine = watch.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def remember_everybody(watch: Watch) -> None:
    """As sweeps would have left it, only quicker: one connection per statement takes them half a minute."""
    now = watch.world.clock()
    known = await watch.connection()
    assert known is not None
    everybody = [user for user in watch.world.leaf.users if user.credential]
    async with watch.database.transaction() as session:
        await growers.save(session, [Grower(user.id, user.name, user.email, user.external_id) for user in everybody])
        await session.execute(delete(ConnectionRow))
        rows = [
            {
                **asdict(replace(known, grower_id=user.id, changed_at=now, checked_at=now)),
                "credential_id": user.credential.id if user.credential else None,
            }
            for user in everybody
        ]
        await session.execute(insert(ConnectionRow), rows)


async def test_ten_thousand_growers_without_news_cost_no_more_writing_than_two(alone: Watch) -> None:
    await alone.sweeps()
    with counted(alone) as for_two:
        await alone.sweeps()
    alone.world.leaf.populate(9_998)
    await remember_everybody(alone)
    with counted(alone) as for_many:
        sweep = await alone.sweeps()
    assert sweep.found == 10_000
    assert len(for_many) == len(for_two) <= 3, for_many


async def test_a_sweep_that_was_cut_off_goes_on_at_the_page_it_noted(watch: Watch) -> None:
    watch.world.leaf.populate(298)
    now = watch.world.clock()
    async with watch.database.transaction() as session:
        await sweeps.start(session, "sweep-7", now, now)
        await sweeps.note(session, "sweep-7", page=2, growers=200, found=200)
    swept = await watch.sweeps("sweep-7")
    assert (swept.growers, swept.found, watch.asked(LIST)) == (300, 300, 1)
    assert await watch.sweeps("sweep-7") is None, "what is done is not done again"


async def test_a_long_sweep_gives_signs_of_life(alone: Watch) -> None:
    alone.world.leaf.populate(298)
    began = alone.world.clock()
    pages = 0

    def each_page_takes_long(*_: object) -> None:
        nonlocal pages
        pages += 1
        alone.world.clock.advance(timedelta(seconds=30))

    event.listen(alone.database._engine.sync_engine, "commit", each_page_takes_long)
    with counted(alone) as statements:
        await alone.sweeps("long")
    assert any("page" in statement and statement.startswith("UPDATE sweeps") for statement in statements[:-1])
    async with alone.database.reading() as session:
        swept = await sweeps.get(session, "long")
    assert swept is not None
    assert swept.beat_at > began
