"""Watching, from end to end on the real engine: what a channel reads when things break and when they work again."""

from __future__ import annotations

from bot.monitor import SWEEP
from tests.stage import Stage, eventually, text_of

SATO = "hana@sato.example"


async def the_engine_sweeps(stage: Stage, name: str) -> None:
    """As the timer does it: a durable job with the sweep's name as its key."""
    await stage.running.jobs.start_now(SWEEP, name, name)


async def test_a_channel_that_subscribed_reads_of_a_failure_and_then_that_it_is_over(stage: Stage) -> None:
    await stage.types("/fieldview subscribe")
    await stage.sweeps_now()
    quiet = [len(stage.world.slack.posted(channel)) for channel in (stage.growers, stage.alerts)]
    await stage.world.leaf.revoke(SATO)
    await the_engine_sweeps(stage, "sweep-1")
    await stage.until_status(SATO, "broken")
    await stage.delivered()
    await the_engine_sweeps(stage, "sweep-2")
    card, alert = stage.world.slack.posted(stage.growers)[-1], stage.world.slack.posted(stage.alerts)[-1]
    assert "Sato Family Orchards" in text_of(card)
    stage.world.leaf.restore(SATO)
    await the_engine_sweeps(stage, "sweep-3")
    await stage.until_status(SATO, "healthy")
    await stage.delivered()
    told = [len(stage.world.slack.posted(channel)) for channel in (stage.growers, stage.alerts)]
    assert told == [quiet[0] + 1, quiet[1] + 1]
    assert (card.edits, alert.edits) == (1, 1)
    assert [deed for deed in await stage.deeds() if deed[0].startswith("incident")] == [
        ("incident-opened", "done"),
        ("incident-recovered", "done"),
    ]


async def test_slack_is_down_while_a_grower_breaks_and_the_message_comes_once_when_it_is_back(stage: Stage) -> None:
    await stage.sweeps_now()
    slack = stage.world.slack
    slack.faults.outage()
    await stage.world.leaf.revoke(SATO)
    await the_engine_sweeps(stage, "sweep-1")
    await stage.until_status(SATO, "broken")

    async def was_tried() -> bool:
        return any(fault.hits for fault in slack.faults.active)

    await eventually(was_tried)
    slack.faults.heal()
    await stage.posted(stage.alerts)
    await stage.delivered()
    assert len(slack.posted(stage.alerts)) == 1


async def test_when_leaf_refuses_our_login_the_operators_hear_it_and_no_grower_is_blamed(stage: Stage) -> None:
    await stage.sweeps_now()
    leaf = stage.world.leaf
    leaf.password = "changed by somebody"
    leaf.stale_logins()
    await the_engine_sweeps(stage, "sweep-1")
    [notice] = await stage.posted(stage.alerts)
    assert "LEAF_PASSWORD" in text_of(notice)
    await the_engine_sweeps(stage, "sweep-2")
    connection = await stage.connection(SATO)
    assert connection is not None
    assert connection.status == "healthy"
    answer = await stage.types("/fieldview status Sato Family Orchards")
    assert "Sato Family Orchards" in text_of(answer)
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == [notice]
