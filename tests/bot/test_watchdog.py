"""Silence is a fault: when nobody looks any more, operators hear of it once, and once that it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.sandbox.slack.workspace import Message
from bot.watchdog import Watchdog
from tests.bot.watching import Watch, watching
from tests.stage import text_of

INTERVAL = timedelta(minutes=5)
HOURS = timedelta(hours=3)


@pytest.fixture
async def watch(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.sweeps()
        yield made


def started(watch: Watch) -> Watchdog:
    """The watchdog of a process that starts now."""
    return Watchdog(watch.database, watch.announcer, watch.world.clock, INTERVAL)


async def looks(watch: Watch, *dogs: Watchdog) -> list[Message]:
    for dog in dogs:
        await dog.look()
    await watch.delivers()
    return watch.posts(watch.alerts)


async def test_a_look_that_ends_in_time_is_nothing_to_tell(watch: Watch) -> None:
    dog = started(watch)
    watch.world.clock.advance(2 * INTERVAL)
    assert await looks(watch, dog) == []


async def test_twice_the_interval_without_a_look_is_told_once_and_its_end_with_how_long(watch: Watch) -> None:
    dog = started(watch)
    watch.world.clock.advance(2 * INTERVAL + timedelta(seconds=61))
    [told] = await looks(watch, dog, dog)
    assert "Nobody has looked at all connections since" in text_of(told)
    assert "This bot runs" in text_of(told)
    watch.world.clock.advance(HOURS)
    assert len(await looks(watch, dog)) == 1
    await watch.sweeps()
    [over] = await looks(watch, dog, dog)
    assert over is told
    assert "for 3 h 11 min" in text_of(over)
    assert over.edits == 1


async def test_several_replicas_tell_it_once(watch: Watch) -> None:
    dogs = [started(watch), started(watch)]
    watch.world.clock.advance(HOURS)
    assert len(await looks(watch, *dogs)) == 1


async def test_the_next_start_tells_how_long_it_was_blind(watch: Watch) -> None:
    watch.world.clock.advance(HOURS)
    [told] = await looks(watch, started(watch))
    assert "which is 3 h" in text_of(told)
    assert "was not running" in text_of(told)


async def test_a_restart_within_the_allowance_says_nothing(watch: Watch) -> None:
    watch.world.clock.advance(INTERVAL)
    assert await looks(watch, started(watch)) == []


async def test_a_first_start_has_missed_nothing(sqlite_url: str) -> None:
    async with watching(sqlite_url) as watch:
        assert await looks(watch, started(watch)) == []


async def test_when_leaf_refuses_our_login_that_one_message_is_enough(watch: Watch) -> None:
    dog = started(watch)
    watch.world.leaf.password = "changed"
    watch.world.leaf.stale_logins()
    watch.world.clock.advance(HOURS)
    await watch.monitor.sweep_job("sweep-refused")
    [told] = await looks(watch, dog)
    assert "LEAF_PASSWORD" in text_of(told)
