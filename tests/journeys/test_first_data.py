"""After a consent: followed until Leaf shows data, and said once when none comes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.sandbox.slack.workspace import Message
from storage import consents
from tests.consenting import consent_of
from tests.stage import ADA, Stage, days, text_of


async def follows(stage: Stage) -> float | None:
    """The job comes round, without the hours it would wait; what it has to say is delivered."""
    async with stage.running.bot.database.reading() as session:
        consent = await consents.latest_of_grower(session, stage.world.leaf.find(ADA).id)
    assert consent is not None
    wait = await stage.running.bot.first_data.follow(consent.id)
    await stage.delivered()
    return wait


async def connected(stage: Stage) -> tuple[Message, Message]:
    """Ada connects; the channel's message and Grace's own."""
    await stage.connects()
    [told] = await stage.posted(stage.alerts)
    [outcome] = await stage.dm(stage.grace)
    await stage.delivered()
    return told, outcome


async def test_the_messages_of_a_new_connection_tell_when_data_comes_and_how_long_it_took(stage: Stage) -> None:
    told, outcome = await connected(stage)
    for message in (told, outcome):
        assert "Waiting for the first data" in text_of(message)
    assert "Waiting for the first data" in text_of(await stage.types("/fieldview status Ada Lovelace Farms"))
    stage.world.clock.advance(days(0.25))
    await stage.world.leaf.sync(ADA, farms=3, fields=41)
    assert await follows(stage) is None
    for message in (told, outcome):
        assert "The first data came 6 h after that: Leaf holds 3 farms and 41 fields." in text_of(message)
    assert len(await stage.dm(stage.grace)) == len(await stage.posted(stage.alerts)) == 1, "edited, not posted anew"
    assert ("first-data", "done") in await stage.deeds()
    assert await follows(stage) is None, "and it is over"


async def test_nothing_for_days_is_told_once_to_who_asked_and_taken_back_when_it_comes(stage: Stage) -> None:
    told, outcome = await connected(stage)
    stage.world.clock.advance(days(2.9))
    assert await follows(stage)
    assert len(await stage.dm(stage.grace)) == 1
    stage.world.clock.advance(days(0.2))
    assert await follows(stage)
    assert await follows(stage)
    [_, missing] = await stage.dm(stage.grace, 2)
    assert "no data has come in for 3 days" in text_of(missing)
    assert "No data had come in 3 days" in text_of(told)
    assert [deed for deed, _ in await stage.deeds()].count("first-data-missing") == 1
    await stage.world.leaf.sync(ADA)
    await stage.running.bot.data_watch.look()
    await stage.running.bot.health.status(await stage.running.bot.directory.find(ADA))
    assert await follows(stage) is None
    assert "has come in after all" in text_of(missing)
    assert "The first data came" in text_of(outcome)


async def test_it_looks_less_and_less_often_and_ends(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await connected(stage)
    waits = []
    for hours in (0, 1, 12, 100):
        stage.world.clock.advance(days(hours / 24))
        waits.append(await follows(stage))
    assert waits[0] == 30.0
    assert waits == sorted(waits, key=lambda wait: wait or 0)
    assert waits[-1] == 6 * 3600
    stage.world.clock.advance(days(14))
    assert await follows(stage) is None


async def test_what_an_earlier_connection_left_at_leaf_is_not_the_first_data_of_a_new_one(
    stage_on_sqlite: Stage,
) -> None:
    stage = stage_on_sqlite
    await stage.connects()
    stage.world.leaf.stand_still(ADA, days=30, farms=2, fields=8)
    assert await follows(stage), "it is thirty days old"


@pytest.mark.parametrize("broken", ["outage", "html"])
async def test_leaf_being_ill_proves_nothing(stage_on_sqlite: Stage, broken: str) -> None:
    stage = stage_on_sqlite
    told, _ = await connected(stage)
    await stage.world.leaf.sync(ADA)
    getattr(stage.world.leaf.faults, broken)("resources")
    assert await follows(stage)
    assert "Waiting for the first data" in text_of(told)
    stage.world.leaf.faults.heal()
    assert await follows(stage) is None


async def test_a_disconnect_ends_the_wait(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await connected(stage)
    bot = stage.running.bot
    begun = await bot.disconnecting.begin(await bot.directory.find(ADA), stage.linus)
    assert begun is not None
    stage.world.clock.advance(days(0.1))
    await bot.disconnecting.end(begun.id)
    await stage.until_status(ADA, "absent")
    assert await follows(stage) is None


async def test_of_a_grower_who_agreed_twice_it_is_told_once_that_nothing_came(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await stage.connects()
    first = await consent_of(stage)
    stage.world.clock.advance(timedelta(hours=20))
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    await stage.presses((await stage.posted(stage.alerts, 2))[-1], "send-link")
    await stage.consents(await stage.link())
    await stage.until_status(ADA, "healthy")
    second = await consent_of(stage)
    for _ in range(14):
        stage.world.clock.advance(timedelta(hours=12))
        for consent in (first, second):
            await stage.running.bot.first_data.follow(consent.id)
    await stage.delivered()
    told = [entry for entry in await stage.audit() if entry.action == "first-data-missing"]
    assert [json.loads(entry.detail or "")["told"] for entry in told] == [False, True]
