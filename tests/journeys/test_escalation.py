"""An alert that nobody takes up goes to a lead, once, in working hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox.slack.workspace import Message
from storage import consents, outbox
from storage.records import ConsentState
from tests.journeys.test_casework import breaks, recovers, snoozes
from tests.journeys.test_subscriptions import farm, say
from tests.stage import Stage, text_of

SATO = "hana@sato.example"


def until_monday_at_eight(now: datetime) -> timedelta:
    """From then on eight hours are working hours, in UTC."""
    monday = now.date() + timedelta(days=7 - now.weekday())
    return datetime(monday.year, monday.month, monday.day, 8, tzinfo=UTC) - now


async def is_monday_morning(stage: Stage) -> None:
    stage.world.clock.advance(until_monday_at_eight(stage.world.clock()))


async def sets(stage: Stage, rule: str = "#fieldview-alerts @linus 4h UTC") -> str:
    return text_of(await stage.types(f"/fieldview escalate {rule}", stage.linus))


async def later(stage: Stage, **span: float) -> None:
    """Time passes, and every replica looks at the same moment."""
    stage.world.clock.advance(timedelta(**span))
    await asyncio.gather(*(stage.running.timer.round() for _ in range(3)))
    await stage.delivered()


def told(stage: Stage) -> list[Message]:
    return stage.world.slack.posted(stage.world.slack.dm(stage.linus))


async def test_a_lead_is_told_once_after_so_many_working_hours(stage: Stage) -> None:
    await is_monday_morning(stage)
    assert f"goes to <@{stage.linus}> after 4 working hours (Monday to Friday, 8:00 to 17:00, UTC)" in await sets(stage)
    card = await breaks(stage)
    await later(stage, hours=3, minutes=50)
    assert told(stage) == []
    await later(stage, minutes=15)
    [message] = told(stage)
    assert message.text.startswith(f"<@{stage.linus}> nobody has taken this up yet. Sato Family Orchards")
    assert "Nobody had taken this up in time" in text_of(card)
    await later(stage, days=3)
    assert len(told(stage)) == 1
    [row] = [entry for entry in await stage.audit() if entry.action == "escalated"]
    assert (row.actor, row.outcome, row.target_name) == ("job:escalation", "done", "Sato Family Orchards")
    await stage.presses(message, "acknowledge", stage.linus)
    await stage.delivered()
    assert "Nobody had taken this up" not in text_of(card)


async def test_nights_and_weekends_do_not_count(stage: Stage) -> None:
    await is_monday_morning(stage)
    stage.world.clock.advance(timedelta(days=4, hours=8))
    await sets(stage)
    await breaks(stage)
    await later(stage, days=2)
    assert told(stage) == []
    await later(stage, hours=20)
    assert len(told(stage)) == 1


@pytest.mark.parametrize("deed", ["acknowledge", "snooze", "recover"])
async def test_it_stops_when_somebody_takes_it_up_or_it_is_over(stage: Stage, deed: str) -> None:
    await is_monday_morning(stage)
    await sets(stage)
    card = await breaks(stage)
    match deed:
        case "acknowledge":
            await stage.presses(card, "acknowledge")
        case "snooze":
            await snoozes(stage, card, stage.grace, "7d")
        case "recover":
            await recovers(stage)
    await later(stage, hours=8)
    assert told(stage) == []


async def test_after_a_snooze_the_hours_begin_anew(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    card = await breaks(stage)
    await later(stage, hours=3)
    await snoozes(stage, card, stage.grace, "1h")
    await later(stage, hours=1, minutes=1)
    await later(stage, hours=3)
    assert told(stage) == []
    await later(stage, hours=18)
    assert len(told(stage)) == 1


async def test_a_link_that_is_out_is_somebodys_doing_until_it_comes_to_nothing(stage: Stage) -> None:
    await is_monday_morning(stage)
    await sets(stage)
    card = await breaks(stage)
    await stage.presses(card, "send-link")
    await later(stage, days=1)
    assert told(stage) == [], "Grace has sent a link: it is the grower's turn"
    stage.world.clock.advance(timedelta(days=6, hours=-1))
    await later(stage, hours=2)
    assert told(stage) == [], "the link has only just run out"
    await later(stage, hours=4)
    assert len(told(stage)) == 1


async def test_a_link_that_a_newer_one_replaced_keeps_no_lead_from_being_called(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    card = await breaks(stage)
    await stage.presses(card, "send-link")
    await later(stage, minutes=20)
    await stage.presses(card, "send-link")
    [newer] = await stage.running.bot.inviting.working()
    async with stage.running.bot.database.transaction() as session:
        await consents.move(
            session, newer.id, ConsentState.OPEN, ConsentState.DECLINED, finished_at=stage.world.clock()
        )
    await later(stage, hours=8)
    assert len(told(stage)) == 1


async def test_no_lead_is_told_of_what_nobody_can_mend(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    stage.world.leaf.set_status(stage.world.leaf.find(SATO), "TEMPORARILY_UNAVAILABLE")
    await stage.sweeps_now()
    stage.world.clock.advance(timedelta(days=2))
    await stage.sweeps_now()
    [card] = await stage.posted(stage.alerts)
    assert "FieldView does not answer" in text_of(card)
    await later(stage, days=1)
    assert told(stage) == []


async def test_the_hours_count_from_when_the_card_stood_in_the_channel(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage, "#fieldview-alerts @linus 2h UTC")
    await stage.sweeps_now()
    stage.world.slack.faults.outage("chat.postMessage")
    await stage.world.leaf.revoke(SATO)
    await stage.sweeps_now()
    stage.world.clock.advance(timedelta(hours=4))
    stage.world.slack.faults.heal()
    async with stage.running.bot.database.reading() as session:
        owed = await outbox.owed(session)
    for each in owed:
        await stage.running.bot.announcer.deliver(each.id)
    await stage.delivered()
    await later(stage, hours=1, minutes=50)
    assert told(stage) == [], "nobody could read it for four hours"
    await later(stage, minutes=15)
    assert len(told(stage)) == 1


async def test_the_hours_count_from_when_channels_heard_of_it(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage, "#fieldview-alerts @linus 2h UTC")
    hers = await farm(stage, "Hers")
    await say(stage, "A_NEW_WORD", hers)
    stage.world.clock.advance(timedelta(hours=4))
    await say(stage, "UNAUTHENTICATED", hers)
    await later(stage, hours=1, minutes=50)
    assert told(stage) == []
    await later(stage, minutes=15)
    assert len(told(stage)) == 1


async def test_no_lead_is_told_of_what_works_at_the_moment(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    hers = await farm(stage, "Hers")
    for status in ("UNAUTHENTICATED", "OK", "UNAUTHENTICATED", "OK"):
        stage.world.clock.advance(timedelta(minutes=11))
        await say(stage, status, hers)
    card = stage.world.slack.posted(stage.alerts)[-1]
    assert "Right now it works" in text_of(card)
    await later(stage, hours=5)
    assert told(stage) == []
    await say(stage, "UNAUTHENTICATED", hers)
    await later(stage, minutes=1)
    assert len(told(stage)) == 1


async def test_a_lead_is_told_once_of_many_who_broke_together(stage: Stage) -> None:
    await is_monday_morning(stage)
    await sets(stage)
    await sets(stage, "#growers @grace 4h UTC")
    farms = [await farm(stage, f"Farm{number}") for number in range(7)]
    await say(stage, "UNAUTHENTICATED", farms[0])
    await say(stage, "UNAUTHENTICATED", *farms)
    card, storm = stage.world.slack.posted(stage.alerts)
    await stage.presses(card, "acknowledge")
    await say(stage, "OK", farms[1])
    await later(stage, hours=3, minutes=50)
    assert told(stage) == []
    await later(stage, minutes=15)
    [message] = told(stage)
    assert message.text.startswith(
        f"<@{stage.linus}>: nobody has taken up 5 growers of this list yet. "
        "FieldView still does not work for 6 of 7 growers."
    )
    assert f"*Nobody had taken up 5 growers of this list in time*, so I told <@{stage.linus}>." in text_of(storm)
    await later(stage, days=3)
    assert told(stage) == [message]
    [row] = [entry for entry in await stage.audit() if entry.action.endswith("escalated")]
    assert (row.actor, row.action, row.outcome) == ("job:escalation", "storm-escalated", "done")
    assert '"growers": 5' in str(row.detail)
    await say(stage, "OK", *farms)
    assert "works again for all 7 growers" in text_of(message)


async def test_while_fieldview_is_ill_no_lead_is_told_of_many(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    await sets(stage)
    farms = [await farm(stage, f"Farm{number}") for number in range(10)]
    await say(stage, "UNAUTHENTICATED", *farms[:5])
    await say(stage, "TEMPORARILY_UNAVAILABLE", *farms[5:])
    await later(stage, hours=5)
    assert told(stage) == []
    await say(stage, "OK", *farms[5:])
    await later(stage, minutes=1)
    assert len(told(stage)) == 1


async def test_only_the_channel_it_is_set_for_escalates_and_it_can_be_ended(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await is_monday_morning(stage)
    assert "No lead is told" in text_of(await stage.types("/fieldview escalate", stage.linus))
    await sets(stage, "#growers @linus 1h UTC")
    assert "1 channel a lead is told" in text_of(await stage.types("/fieldview escalate", stage.linus))
    await breaks(stage)
    await later(stage, hours=4)
    assert told(stage) == []
    await sets(stage)
    assert "no lead is told any more" in await sets(stage, "#fieldview-alerts off")
    await later(stage, hours=4)
    assert told(stage) == []
    assert [deed for deed in await stage.deeds() if deed[0] == "escalate"] == [("escalate", "done")] * 5


async def test_the_time_zone_is_the_one_of_whoever_sets_it(stage_on_sqlite: Stage) -> None:
    assert "America/Chicago" in await sets(stage_on_sqlite, "#fieldview-alerts @linus 4")


@pytest.mark.parametrize(
    "rule",
    [
        "@linus",
        "#growers",
        "#growers 4h",
        "#growers @linus 0h",
        "#growers @linus 100h",
        "#growers @linus 4h Mars/Town",
        "x",
    ],
)
async def test_what_makes_no_sense_is_refused_and_nothing_is_set(stage_on_sqlite: Stage, rule: str) -> None:
    stage = stage_on_sqlite
    await sets(stage, rule)
    assert await stage.deeds() == [("escalate", "refused")]
    assert "No lead is told" in text_of(await stage.types("/fieldview escalate", stage.linus))
