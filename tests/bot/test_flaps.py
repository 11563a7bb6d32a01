"""What comes and goes has one card with a count, and a line every six hours instead of a message for each change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from storage.records import CredentialStatus, Incident
from tests.bot.watching import Watch, watching
from tests.stage import text_of


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        await made.settles()
        yield made


async def changes(watch: Watch, times: int, *, apart: timedelta = timedelta(minutes=30)) -> None:
    """Ada's connection breaks and mends by itself in turn, and each change is seen."""
    for _ in range(times):
        works = await watch.status() == "healthy"
        watch.world.leaf.set_status(watch.ada, "UNAUTHENTICATED" if works else "OK")
        watch.world.clock.advance(apart)
        await watch.settles()


async def open_incident(watch: Watch) -> Incident:
    incident = await watch.incident()
    assert incident is not None
    return incident


async def test_three_changes_are_two_cards_and_the_fourth_is_flapping_on_the_second(watch: Watch) -> None:
    await changes(watch, 3)
    first, second = watch.posts()
    assert "comes and goes" not in text_of(second)
    await changes(watch, 1)
    assert "changed *4 times*" in text_of(second)
    assert "Right now it works" in text_of(second)
    await changes(watch, 9)
    assert watch.posts() == [first, second]
    assert "changed *13 times*" in text_of(second)
    assert "Right now it does not" in text_of(second)
    actions = [sealed.entry.action async for sealed in watch.journal.entries()]
    assert actions.count("incident-flapping") == 1


async def test_a_line_in_the_thread_every_six_hours_and_no_more(watch: Watch) -> None:
    await changes(watch, 4)
    [*_, card] = watch.posts()
    await changes(watch, 24, apart=timedelta(minutes=30))
    replies = watch.world.slack.thread(card)
    summaries = [text_of(reply) for reply in replies if "in the last 6 hours" in text_of(reply)]
    assert len(summaries) == 2
    assert "It changed 12 times in the last 6 hours" in summaries[0]


async def test_it_is_over_when_it_has_been_quiet_for_six_hours(watch: Watch) -> None:
    await changes(watch, 4)
    [*_, card] = watch.posts()
    watch.world.clock.advance(timedelta(hours=5))
    await watch.settles()
    assert "comes and goes" in text_of(card)
    watch.world.clock.advance(timedelta(hours=1))
    await watch.settles()
    assert "works again" in text_of(card)
    assert "It came and went" in text_of(card)
    assert (await watch.incident(), len(watch.posts())) == (None, 2)


async def test_what_settles_broken_is_an_ordinary_alert_again(watch: Watch) -> None:
    await changes(watch, 5)
    [*_, card] = watch.posts()
    assert "comes and goes" in text_of(card)
    watch.world.clock.advance(timedelta(hours=7))
    await watch.settles()
    assert "stopped working" in text_of(card)
    assert (await open_incident(watch)).flapping_since is None


async def test_what_settles_while_fieldview_fails_leaf_asks_nobody_to_act(watch: Watch) -> None:
    await changes(watch, 6)
    [*_, card] = watch.posts()
    assert "comes and goes" in text_of(card)
    watch.world.leaf.set_status(watch.ada, "TEMPORARILY_UNAVAILABLE")
    await watch.settles()
    watch.world.clock.advance(timedelta(hours=7))
    await watch.settles()
    assert "FieldView does not answer" in card.text
    assert "Who must act:* nobody" in text_of(card)
    watch.world.clock.advance(timedelta(days=1))
    watch.world.leaf.set_status(watch.ada, "UNAUTHENTICATED")
    await watch.settles()
    assert "Who must act:* the grower" in text_of(card)


async def test_a_new_permission_ends_it_at_once(watch: Watch) -> None:
    from tests.bot.test_agreement import consented

    await changes(watch, 5)
    await consented(watch, watch.ada, "OK")
    await watch.delivers()
    assert (await watch.status(), await watch.incident()) == ("healthy", None)


async def test_changes_far_apart_are_no_flapping(watch: Watch) -> None:
    await changes(watch, 6, apart=timedelta(hours=12))
    assert all("comes and goes" not in text_of(card) for card in watch.posts())
    assert len(watch.posts()) == 3
    assert await watch.status() == CredentialStatus.HEALTHY
