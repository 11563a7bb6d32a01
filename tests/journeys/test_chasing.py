"""Who has not used a link is reminded: a few times, by day, until they say stop; then it is the team's turn again."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from bot.sandbox.slack.workspace import Message
from storage import consents
from tests.consenting import asked, asked_boole, browser, consent_of, settled, times, until_state
from tests.journeys.test_buttons import click
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import ADA, Stage, buttons_of, link_in, set_up, text_of

CHICAGO = ZoneInfo("America/Chicago")
REMINDED = "consent-reminded"


async def morning(stage: Stage, days: int = 0) -> None:
    """It becomes ten o'clock where Ada lives, today or so many days later, whatever the time is now."""
    local = stage.world.clock().astimezone(CHICAGO)
    then = datetime.combine(local.date() + timedelta(days=days), local.time().replace(hour=10, minute=0), CHICAGO)
    stage.world.clock.advance(then - stage.world.clock())


async def looks(stage: Stage) -> None:
    """The clock's job comes round, and what it owed is delivered."""
    await stage.running.bot.chasing.chase_job("test")
    await stage.delivered()


async def letters(stage: Stage) -> list[Message]:
    return stage.world.slack.posted(stage.world.slack.dm(stage.ada))


async def test_a_week_of_reminders_and_then_it_is_the_agents_turn(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    link = await asked(stage)
    seen = []
    for _ in range(8):
        stage.world.clock.advance(timedelta(days=1, minutes=1))
        await looks(stage)
        await looks(stage)
        seen.append(len(await letters(stage)) - 1)
    assert seen == [0, 1, 1, 1, 2, 3, 3, 3], "after two days, after five, and a day before the link runs out"
    *_, last = await letters(stage)
    assert await times(stage, REMINDED) == 3
    async with browser(stage) as ada:
        page = await ada.opens(link_in(last))
        assert page.status_code == 410, "no message leads to a link that works"
        assert "Ask for a new link" in page.text
    [told] = await stage.dm(stage.grace)
    assert "ran out" in text_of(told)
    assert "It is your turn" in text_of(told)
    assert "send-link" in buttons_of(told)
    assert await times(stage, "consent-expired") == 1
    async with browser(stage) as ada:
        assert (await ada.opens(link)).status_code == 410


async def test_a_reminder_carries_a_link_of_its_own_and_follows_what_becomes_of_it(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    link = await asked(stage)
    stage.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage)
    [_, reminder] = await letters(stage)
    own = link_in(reminder)
    assert own != link
    assert "still waits for you" in text_of(reminder)
    async with browser(stage) as ada:
        assert (await ada.opens(own)).status_code == 200
        await ada.consents(link)
    await until_state(stage, "connected")
    await stage.delivered()
    assert "Your FieldView is connected" in text_of(reminder)
    stage.world.clock.advance(timedelta(days=5))
    await looks(stage)
    assert await times(stage, REMINDED) == 1, "who is connected is left alone"
    assert await times(stage, "consent-expired") == 0


async def test_nobody_is_reminded_at_night(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    stage.world.clock.advance(timedelta(hours=12))
    await asked(stage)
    stage.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage)
    stage.world.clock.advance(timedelta(hours=10))
    await looks(stage)
    assert len(await letters(stage)) == 1, "it is eight in the morning in Chicago"
    stage.world.clock.advance(timedelta(hours=1))
    await looks(stage)
    assert len(await letters(stage)) == 2


async def test_stop_reminding_me_stops_it_and_tells_the_agent(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    link = await asked(stage)
    stage.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage)
    [_, reminder] = await letters(stage)
    slack = stage.world.slack
    consent = await consent_of(stage)
    async with httpx.AsyncClient(base_url=stage.url) as http:
        forged = click(stage, {"action_id": "stop-reminders", "block_id": "b", "value": consent.id}, user=stage.linus)
        assert (await Sender(stage, http).send(forged, FORM)).status_code == 200
    await slack.until(lambda: slack.whispered(stage.linus))
    assert (await consent_of(stage)).reminders_stopped_at is None, "only the grower can stop what is sent to them"

    assert (await slack.click(stage.ada, reminder.channel, reminder.ts, "stop-reminders")).ok
    await slack.until(lambda: "I will not remind you again" in text_of(reminder))
    async with browser(stage) as ada:
        for good in (link, link_in(reminder)):
            assert (await ada.opens(good)).status_code == 200, "they may still want to"
    await stage.delivered()
    [told] = await stage.dm(stage.grace)
    assert "does not want to be reminded" in text_of(told)
    for _ in range(4):
        stage.world.clock.advance(timedelta(days=1))
        await looks(stage)
    assert len(await letters(stage)) == 2
    stage.world.clock.advance(timedelta(days=2))
    await looks(stage)
    assert "ran out" in text_of(told)


async def test_a_grower_outside_slack_is_reminded_through_the_agent_in_their_language(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    link = await asked_boole(stage)
    whisper = stage.world.slack.whispered(stage.grace)[-1]
    consent = await consent_of(stage, "george@boole.example")
    await stage.presses(whisper, "choose-language", selected=f"{consent.id}:fr")
    stage.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage)
    [told] = await stage.dm(stage.grace)
    assert "Please remind them" in text_of(told)
    assert f"Ouvrez ce lien et connectez-vous à FieldView\u00a0: {link_in(told)}" in text_of(told)
    async with browser(stage) as boole:
        for good in (link, link_in(told)):
            assert (await boole.opens(good)).status_code == 200
    await stage.presses(told, "revoke-link")
    await stage.delivered()
    assert "/connect/" not in repr(told.blocks)
    assert "need not be reminded any more" in text_of(told)


async def test_whoever_was_to_remind_a_grower_outside_slack_reads_in_the_end_that_the_link_ran_out(
    stage_on_sqlite: Stage,
) -> None:
    await settled(stage_on_sqlite)
    await morning(stage_on_sqlite, 1)
    await asked_boole(stage_on_sqlite)
    stage_on_sqlite.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage_on_sqlite)
    [to_pass_on] = await stage_on_sqlite.dm(stage_on_sqlite.grace)
    stage_on_sqlite.world.clock.advance(timedelta(days=6))
    await looks(stage_on_sqlite)
    [*_, told] = await stage_on_sqlite.dm(stage_on_sqlite.grace, 2)
    assert "I asked once that somebody remind them." in text_of(told)
    assert "The link for Boole Brothers ran out." in text_of(to_pass_on)
    assert "need not be reminded" not in text_of(to_pass_on)


async def test_however_many_look_at_once_and_however_late_each_reminder_comes_once(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    await asked(stage)
    stage.world.clock.advance(timedelta(days=5, minutes=1))
    chasing = stage.running.bot.chasing
    await asyncio.gather(*(chasing.chase_job(f"replica-{number}") for number in range(4)))
    await stage.delivered()
    assert len(await letters(stage)) == 2, "what was missed while nobody looked is not made up for"
    assert await times(stage, REMINDED) == 1
    assert (await consent_of(stage)).reminders == 2


async def test_the_timer_sees_to_it_and_a_restart_forgets_nothing(database_url: str) -> None:
    async with set_up(database_url) as stage:
        await settled(stage)
        await morning(stage, 1)
        await asked(stage)
        stage.world.clock.advance(timedelta(days=2, minutes=1))
        await stage.running.timer.tick()
        await stage.dm(stage.ada, 2)
        await stage.running.timer.tick()
        await stage.delivered()
        assert await times(stage, REMINDED) == 1
        async with stage.running.bot.database.reading() as session:
            assert await consents.due(session, stage.world.clock()) == []


async def test_a_short_link_is_not_worth_a_reminder(sqlite_url: str) -> None:
    async with set_up(sqlite_url, link_lifetime=3600) as stage:
        await settled(stage)
        await morning(stage, 1)
        await asked(stage)
        stage.world.clock.advance(timedelta(hours=1, minutes=1))
        await looks(stage)
        assert await times(stage, REMINDED) == 0
        assert "ran out" in text_of((await stage.dm(stage.grace))[-1])


async def test_whose_connection_heals_by_itself_is_asked_for_nothing_more(stage: Stage) -> None:
    """A link was out; Leaf reads again without it. Neither the grower nor the agent hears another word about it."""
    await stage.connects()
    await settled(stage)
    await morning(stage, 1)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    asked_by_dm = (await letters(stage))[-1]
    told_before = len(await stage.dm(stage.grace))
    stage.world.leaf.restore(stage.world.leaf.find(ADA))
    stage.world.clock.advance(timedelta(hours=1))
    await stage.sweeps_now()
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    assert "Your FieldView is connected and works" in text_of(asked_by_dm)
    assert "/connect/" not in repr(asked_by_dm.blocks)
    async with browser(stage) as ada:
        page = await ada.opens(link)
        assert page.status_code == 410
        assert "You need do nothing" in page.text

    so_far = len(await letters(stage))
    for _ in range(9):
        stage.world.clock.advance(timedelta(days=1))
        await looks(stage)
    assert len(await letters(stage)) == so_far
    assert len(await stage.dm(stage.grace)) == told_before
    assert await times(stage, REMINDED) == 0
    assert [detail for action, detail in await details(stage) if action == "consent-withdrawn"] == [
        {"why": "works-without"}
    ]
    assert "No link is out" in text_of(await stage.types("/fieldview links"))


async def details(stage: Stage) -> list[tuple[str, Any]]:
    return [(entry.action, json.loads(entry.detail or "{}")) for entry in await stage.audit()]


async def test_a_grower_who_is_connected_without_our_link_is_not_reminded_of_it(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await morning(stage, 1)
    await asked(stage)
    stage.world.leaf.connect(ADA)
    stage.world.clock.advance(timedelta(hours=1))
    await stage.sweeps_now()
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    [letter] = await letters(stage)
    assert "Your FieldView is connected and works" in text_of(letter)
    stage.world.clock.advance(timedelta(days=3))
    await looks(stage)
    assert len(await letters(stage)) == 1


async def test_who_is_just_signing_in_when_it_heals_may_finish(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.connects()
    await settled(stage)
    await morning(stage, 1)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        stage.world.leaf.restore(stage.world.leaf.find(ADA))
        stage.world.clock.advance(timedelta(minutes=5))
        await stage.sweeps_now()
        await stage.until_status(ADA, "healthy")
        assert (await ada.approves(at_fieldview)).status_code == 303
    await until_state(stage, "connected")


async def test_who_left_slack_since_is_reminded_through_the_agent(stage: Stage) -> None:
    await settled(stage)
    await morning(stage, 1)
    await asked(stage)
    stage.world.slack.deactivate(stage.ada)
    stage.world.clock.advance(timedelta(days=2, minutes=1))
    await looks(stage)
    await stage.delivered()
    assert len(await letters(stage)) == 1
    [told] = await stage.dm(stage.grace)
    assert "My messages no longer reach Ada Lovelace Farms" in text_of(told), "they have the link already"
    assert "Send it to them yourself" in text_of(told)
    stage.world.clock.advance(timedelta(days=3))
    await looks(stage)
    [_, reminder] = await stage.dm(stage.grace)
    assert link_in(reminder)
