"""Status, events and the end of connections, asked of the service itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.errors import ProviderUnavailable
from bot.health import PAGE, STRIP, strip
from bot.monitor import Reading
from bot.reports import TimelineFact
from storage.records import CredentialStatus, Grower, Transition
from tests.stage import Stage

HANA = "hana@sato.example"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def went(days_ago: float, after: CredentialStatus) -> Transition:
    return Transition("g", NOON - timedelta(days=days_ago), None, after, None, None, "sweep")


def test_the_strip_shows_thirty_days_each_by_its_worst_moment() -> None:
    newest_first = [
        went(2, CredentialStatus.HEALTHY),
        went(2.1, CredentialStatus.BROKEN),
        went(10, CredentialStatus.HEALTHY),
    ]
    days = strip(NOON, newest_first, None)
    assert len(days) == STRIP
    assert days[-1] == (date(2026, 6, 30), CredentialStatus.HEALTHY)
    assert days[0] == (date(2026, 6, 1), None)
    shown = dict(days)
    assert shown[date(2026, 6, 19)] is None
    assert shown[date(2026, 6, 20)] is CredentialStatus.HEALTHY
    assert shown[date(2026, 6, 28)] is CredentialStatus.BROKEN
    assert shown[date(2026, 6, 29)] is CredentialStatus.HEALTHY


def test_a_status_goes_on_until_it_changes_also_from_before_the_strip() -> None:
    assert {status for _, status in strip(NOON, [], CredentialStatus.BROKEN)} == {CredentialStatus.BROKEN}
    assert {status for _, status in strip(NOON, [], None)} == {None}


async def hana(stage: Stage) -> Grower:
    await stage.sweeps_now()
    return await stage.running.bot.directory.find(HANA)


async def test_looking_does_not_push_deeds_out_of_the_story(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    await bot.journal.write("U1", "command", "connect", "done", "r0", target=grower.id)
    for number in range(PAGE + 5):
        await bot.journal.write("U1", "command", "status", "done", f"r{number + 1}", target=grower.id)
    told = await bot.health.timeline(grower, 30, 0)
    assert [fact.action for fact in told.facts if hasattr(fact, "action")] == ["connect"]
    assert not told.has_older


async def test_pages_follow_one_another_without_gap_or_repetition(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    for number in range(50):
        stage.world.clock.advance(timedelta(minutes=1))
        await bot.journal.write("U1", "button", "connect", "done", f"r{number}", target=grower.id)
        stage.world.leaf.log_event(HANA, 404, f"number {number}")
    pages: list[TimelineFact] = []
    page = 0
    while True:
        told = await bot.health.timeline(grower, 30, page)
        pages += told.facts
        if not told.has_older:
            break
        page += 1
    assert len(pages) == len(set(pages))
    assert [fact.at for fact in pages] == sorted((fact.at for fact in pages), reverse=True)
    assert len([fact for fact in pages if hasattr(fact, "summary") and "number" in fact.summary]) == 50


async def test_the_story_is_told_from_the_archive_when_leaf_is_down(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    stage.world.leaf.log_event(HANA, 404, "long ago")
    await bot.health.timeline(grower, 30, 0)
    stage.world.leaf.faults.outage()
    told = await bot.health.timeline(grower, 30, 0)
    assert "long ago" in repr(told.facts)
    assert told.why_archived_only


async def test_a_sweep_that_looked_before_the_delete_and_speaks_after_it_raises_no_alarm(stage: Stage) -> None:
    """The sweep's page was read with the credential on it, and is believed while we wait for Leaf to delete it."""
    grower, bot = await hana(stage), stage.running.bot
    asked_at = stage.world.clock()
    credential = await bot.health._leaf.credential(grower.id)
    slow = stage.world.leaf.faults.slow(0.3, "^DELETE")
    ending = asyncio.create_task(bot.health.disconnect(grower))
    await stage.world.slack.until(lambda: slow.hits)
    await bot.monitor.observe(Reading(grower.id, credential, asked_at), "sweep")
    assert await ending
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == []


async def test_an_end_nobody_confirmed_is_called_that(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    stage.world.leaf.faults.outage("^DELETE")
    with pytest.raises(ProviderUnavailable) as doubt:
        await bot.health.disconnect(grower)
    assert doubt.value.in_doubt
    assert "Nothing was changed" not in str(doubt.value)
    stage.world.leaf.faults.heal()
    assert await bot.health.disconnect(grower), "and it can be tried again"
    assert not await bot.health.disconnect(grower), "there is nothing left"


async def test_what_leaf_will_not_delete_stays_ours_to_watch(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    stage.world.leaf.faults.outage("^DELETE", status=429)
    with pytest.raises(ProviderUnavailable) as refused:
        await bot.health.disconnect(grower)
    assert not refused.value.in_doubt
    stage.world.leaf.faults.heal()
    stage.world.leaf.disconnect(HANA)
    await stage.sweeps_now()
    await stage.until_status(HANA, "broken")


async def test_ending_what_somebody_else_has_just_ended_is_no_alarm(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    stage.world.leaf.disconnect(HANA)
    assert not await bot.health.disconnect(grower)
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == []
