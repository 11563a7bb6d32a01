"""An alert that nobody takes up is brought to mind, once a week, until somebody does or it works again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.sandbox.slack.workspace import Message
from tests.journeys.test_casework import breaks, recovers, snoozes
from tests.journeys.test_subscriptions import farm
from tests.stage import Stage, link_in, text_of

REST = ". “Acknowledge” or “Snooze” on the alert ends these reminders."


async def later(stage: Stage, **span: float) -> None:
    """Time passes, and every replica looks at the same moment."""
    stage.world.clock.advance(timedelta(**span))
    await asyncio.gather(*(stage.running.timer.round() for _ in range(3)))
    await stage.delivered()


def below(stage: Stage, card: Message) -> list[str]:
    """What the thread below the card says about nobody taking it up."""
    return [reply.text for reply in stage.world.slack.thread(card) if "has taken this up in" in reply.text]


def told(stage: Stage) -> list[Message]:
    return [
        message for message in stage.world.slack.posted(stage.world.slack.dm(stage.linus)) if message.thread_ts is None
    ]


async def belongs_to_linus(stage: Stage) -> None:
    await stage.types(f"/fieldview owner Sato Family Orchards <@{stage.linus}>", stage.linus)


async def test_the_owner_is_told_each_week_that_nobody_has_taken_it_up(stage: Stage) -> None:
    await belongs_to_linus(stage)
    card = await breaks(stage)
    await later(stage, days=6, hours=23)
    assert (below(stage, card), told(stage)) == ([], [])
    await later(stage, hours=2)
    assert below(stage, card) == [f"<@{stage.linus}>: nobody has taken this up in 7 days{REST}"]
    [message] = told(stage)
    assert "Sato Family Orchards" in text_of(message)
    await later(stage, days=6)
    assert len(below(stage, card)) == 1
    await later(stage, days=2)
    assert len(below(stage, card)) == 2
    assert len(told(stage)) == 1, "the card they have already, with a reply below it"
    rows = [entry for entry in await stage.audit() if entry.action == "alert-reminded"]
    assert [(row.actor, row.outcome, row.target_name) for row in rows] == [
        ("job:reminder", "done", "Sato Family Orchards")
    ] * 2
    await stage.presses(message, "acknowledge", stage.linus)
    await later(stage, days=30)
    assert len(below(stage, card)) == 2


async def test_nobodys_alert_is_brought_to_mind_below_its_card(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    await later(stage, days=8)
    assert below(stage, card) == [f"Nobody has taken this up in 8 days{REST}"]


@pytest.mark.parametrize("deed", ["acknowledge", "snooze", "recover", "link"])
async def test_it_is_quiet_about_what_somebody_does_something_about(stage_on_sqlite: Stage, deed: str) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    match deed:
        case "acknowledge":
            await stage.presses(card, "acknowledge")
        case "snooze":
            await snoozes(stage, card, stage.grace, "recovery")
        case "recover":
            await recovers(stage)
        case "link":
            stage.world.clock.advance(timedelta(days=3))
            assert link_in(await stage.presses(card, "send-link"))
    await later(stage, days=9 if deed != "link" else 5)
    assert below(stage, card) == []


async def test_many_that_fall_due_at_once_come_one_by_one_the_oldest_first(stage: Stage) -> None:
    """An update finds alerts of weeks ago, of which nobody was ever reminded."""
    farms = [await farm(stage, name, "linus") for name in ("Oldest", "Middle", "Newest")]
    others = await farm(stage, "Hers", "grace")
    for broken in (*farms, others):
        # Far enough apart not to be one storm.
        stage.world.clock.advance(timedelta(minutes=25))
        stage.world.leaf.set_status(broken, "UNAUTHENTICATED")
        await stage.sweeps_now()
    await stage.delivered()

    async def reminded() -> list[str | None]:
        return [row.target_name for row in await stage.audit() if row.action == "alert-reminded"]

    await later(stage, days=20)
    assert sorted(map(str, await reminded())) == ["Hers", "Oldest"], "one each"
    await later(stage, minutes=50)
    assert len(await reminded()) == 2
    await later(stage, minutes=20)
    assert (await reminded())[2:] == ["Middle"]
    await later(stage, hours=2)
    assert (await reminded())[3:] == ["Newest"]
    assert len(told(stage)) == 3
    await later(stage, hours=2)
    assert len(await reminded()) == 4, "and then not before a week has passed"


async def test_many_that_broke_together_are_brought_to_mind_once_a_week_below_their_message(stage: Stage) -> None:
    await stage.types("/fieldview subscribe")
    farms = [await farm(stage, f"Farm{number}", "linus") for number in range(5)]
    farms.append(await farm(stage, "Nobodys"))
    for broken in farms:
        stage.world.leaf.set_status(broken, "UNAUTHENTICATED")
    await stage.sweeps_now()
    await stage.delivered()
    storms = [stage.world.slack.posted(channel)[-1] for channel in (stage.alerts, stage.growers)]

    def reminders() -> list[list[str]]:
        return [[reply.text for reply in stage.world.slack.thread(storm)] for storm in storms]

    ends = "A link for each, from “Show the list”, ends these reminders."
    whose = f"<@{stage.linus}>: "
    await later(stage, days=6, hours=23)
    assert reminders() == [[], []]
    await later(stage, hours=2)
    still = "growers of this list still do not work"
    six = f"{whose}6 {still}, 7 days after this began, and nobody has taken them up. {ends}"
    assert reminders() == [[six], [six]], "once in each channel, whoever looks"
    await later(stage, days=6)
    assert reminders() == [[six], [six]]

    stage.world.leaf.restore(farms[0])
    await stage.sweeps_now()
    await stage.types("/fieldview connect Farm1")
    await later(stage, days=1)
    assert reminders()[0][1:] == [six.replace("6 growers", "4 growers").replace("7 days", "14 days")]
    assert told(stage) == [], "a storm is told of in its channels"
    rows = [row.outcome for row in await stage.audit() if row.action == "storm-reminded"]
    assert rows == ["done"] * 2

    for broken in farms[1:]:
        stage.world.leaf.restore(broken)
    await stage.sweeps_now()
    await later(stage, days=8)
    assert len(reminders()[0]) == 2


async def test_while_fieldview_is_ill_nobody_is_reminded_of_many(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    farms = [await farm(stage, f"Farm{number}", "linus") for number in range(10)]
    for number, broken in enumerate(farms):
        stage.world.leaf.set_status(broken, "UNAUTHENTICATED" if number < 5 else "TEMPORARILY_UNAVAILABLE")
    await stage.sweeps_now()
    await stage.delivered()
    [storm] = [each for each in stage.world.slack.posted(stage.alerts) if "at once" in each.text]
    await later(stage, days=8)
    assert stage.world.slack.thread(storm) == []
    for broken in farms[5:]:
        stage.world.leaf.restore(broken)
    await stage.sweeps_now()
    await later(stage, hours=1)
    assert len(stage.world.slack.thread(storm)) == 1
