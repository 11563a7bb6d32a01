"""The soak in its short form: a few kills at random moments; `make soak` runs the long one."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.clock import Clock
from bot.sandbox.world import World
from storage.database import Database
from storage.records import Trouble
from tests.faults.backlog import backlog, consents_of
from tests.faults.lives import Lives
from tests.faults.soak import Story, report, soak
from tests.faults.storm_truth import judge_list, judge_storm
from tests.faults.truth import judge
from tests.faults.verdicts import Farm, Verdict
from tests.stage import ADA, Stage, eventually, link_in

KILLS = 4


async def test_alerts_survive_kills_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    verdict = await soak(sqlite_url, tmp_path, replicas=1, kills=KILLS, seed=4, alike=12)
    assert not verdict.broken_promises, report(verdict)
    assert verdict.counts["of these, by a card of its own"] >= 3, "too little happened to prove anything"


async def test_alerts_survive_kills_of_two_replicas_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    verdict = await soak(postgresql_url, tmp_path, replicas=2, kills=KILLS, seed=4, alike=12)
    assert not verdict.broken_promises, report(verdict)
    assert verdict.counts["of these, by a card of its own"] >= 3, "too little happened to prove anything"


async def test_the_judge_sees_a_lost_alert_and_a_consent_that_came_to_nothing(sqlite_url: str) -> None:
    """A bot that does nothing keeps no promise: otherwise the soak could not fail."""
    async with World.running(Clock()) as world:
        channel = world.slack.add_channel("alerts")
        broken, asked = world.leaf.add_user("Farm 1"), world.leaf.add_user("Farm 2")
        world.leaf.connect(broken, status="UNAUTHENTICATED")
        farms = [Farm(broken, held=True, broke_at=world.clock()), Farm(asked, consented=True)]
        database = Database(sqlite_url)
        verdict = await judge(world, database, farms, [channel], Lives(world.slack.app))
        await database.close()
    assert len(verdict.broken_promises) == 2, report(verdict)
    assert "told in 0 of 1 channels" in verdict.broken_promises[0]
    assert "Farm 2 consented: 0 consents connected" in verdict.broken_promises[1]


async def test_what_is_left_undone_is_told_in_words(stage_on_sqlite: Stage) -> None:
    """Slack takes nothing, a connection has died, and a grower has a link: a soak that gives up names all of it."""
    stage, sato = stage_on_sqlite, stage_on_sqlite.world.leaf.find("hana@sato.example")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    stage.world.slack.faults.outage("chat")
    stage.world.leaf.set_status(sato, "UNAUTHENTICATED")
    await stage.running.bot.monitor.check(sato.id, "status")
    said = await backlog(stage.running.bot.database)
    told = {kind: [each for each in said if each.startswith(kind)] for kind in ("owed", "open", "job", "on its way")}
    assert [each.split()[1] for each in told["owed"]] == ["incident"]
    assert told["open"][0].endswith(f"of {sato.name}")
    assert [each for each in told["job"] if "deliver" in each], told["job"]
    assert not told["on its way"], "a link that nobody has pressed keeps nobody waiting"
    [link] = await consents_of(stage.running.bot.database, stage.world.leaf.find(ADA).id)
    assert "of Ada Lovelace Farms, made " in link
    assert link.endswith(", open")


async def test_a_grower_is_through_also_when_a_later_link_was_made_for_nothing(stage_on_sqlite: Stage) -> None:
    """Late answers make links while an earlier one is being used; what counts is that one of them led to a connection.

    Here Leaf does not take the token at first, and the link that is made meanwhile ends with the connection.
    """
    stage, world = stage_on_sqlite, stage_on_sqlite.world
    database = stage.running.bot.database
    chance = random.Random(1)  # noqa: S311 - no secret
    lives, channels = Lives(world.slack.app), [stage.growers]
    story = Story(world, [], lives, "", database, chance, stage.grace, stage.growers, channels, storms=False)
    farm = story.newcomer(connected=False)
    connect = f"/fieldview connect {farm.name}"
    outage = world.leaf.faults.outage("POST /services/usermanagement")
    assert await story._presses(link_in(await stage.types(connect)), farm)

    async def is_being_handed_over() -> bool:
        return (await consents_of(database, farm.user.id))[0].endswith(f"delivering, {Trouble.LEAF_DOWN}")

    await eventually(is_being_handed_over)
    await stage.types(connect)
    world.leaf.faults.active.remove(outage)
    await stage.until_status(farm.user.email, "healthy")
    assert [each.rsplit(", ", 1)[-1] for each in await consents_of(database, farm.user.id)] == ["connected", "revoked"]
    story._consents(farm)
    async with asyncio.timeout(20):
        await asyncio.gather(*story.meanwhile)


async def test_storms_survive_kills(sqlite_url: str, tmp_path: Path) -> None:
    verdict = await soak(sqlite_url, tmp_path, replicas=1, kills=KILLS, seed=3, alike=12, storms=True)
    assert not verdict.broken_promises, report(verdict)
    assert verdict.counts["of these, by a storm's message alone"] >= 3, "too little happened to prove anything"


async def test_the_judge_sees_a_storms_message_and_a_list_that_are_not_so() -> None:
    """Three broke, and one of them works again."""
    async with World.running(Clock()) as world:
        channel, bystander = world.slack.add_channel("alerts"), Farm(world.leaf.add_user("Farm 4"))
        names = ["Farm 1", "Farm 2", "Farm 3"]
        users = [world.leaf.add_user(name) for name in names]
        for user in users:
            world.leaf.connect(user, status="UNAUTHENTICATED")
        members = [Farm(user, held=True, broke_at=world.clock()) for user in users]
        world.leaf.restore(users[0])
        slack = AsyncWebClient(world.slack.bot_token, base_url=f"{world.slack_url}/api/")

        async def judged(text: str, names: set[str]) -> list[str]:
            await slack.chat_postMessage(channel=channel, text=text)
            verdict = Verdict()
            judge_storm(verdict, channel, world.slack.posted(channel)[-1:], members, [*members, bystander])
            judge_list(verdict, names, members)
            return verdict.broken_promises

        head = "FieldView still does not work for 2 of 3 growers"
        assert await judged(f"{head}. Still broken: Farm 2 and Farm 3", {"Farm 2", "Farm 3"}) == []
        assert "names Farm 4" in (await judged(f"{head}. Still broken: Farm 2, Farm 3 and Farm 4", set()))[0]
        assert len(await judged(f"{head}. Still broken: Farm 2", {"Farm 2"})) == 2
        for untrue in (
            "FieldView stopped working for 3 growers at once. Still broken: Farm 2 and Farm 3",
            f"{head}. Still broken: Farm 1 and Farm 2",
            "FieldView works again for all 3 growers.",
        ):
            assert len(await judged(untrue, {"Farm 2", "Farm 3"})) == 1, untrue
