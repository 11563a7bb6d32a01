"""The soak in its short form: a few kills at random moments; `make soak` runs the long one."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.clock import Clock
from bot.sandbox.world import World
from storage.database import Database
from tests.faults.soak import report, soak
from tests.faults.truth import Farm, judge

KILLS = 4


async def test_alerts_survive_kills_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    verdict = await soak(sqlite_url, tmp_path, replicas=1, kills=KILLS, seed=4, alike=12)
    assert not verdict.broken_promises, report(verdict)
    assert verdict.counts["cards posted"] >= 3, "too little happened to prove anything"


async def test_alerts_survive_kills_of_two_replicas_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    verdict = await soak(postgresql_url, tmp_path, replicas=2, kills=KILLS, seed=4, alike=12)
    assert not verdict.broken_promises, report(verdict)
    assert verdict.counts["cards posted"] >= 3, "too little happened to prove anything"


async def test_the_judge_sees_a_lost_alert_and_a_consent_that_came_to_nothing(sqlite_url: str) -> None:
    """A bot that does nothing keeps no promise: otherwise the soak could not fail."""
    async with World.running(Clock()) as world:
        channel = world.slack.add_channel("alerts")
        broken, asked = world.leaf.add_user("Farm 1"), world.leaf.add_user("Farm 2")
        world.leaf.connect(broken, status="UNAUTHENTICATED")
        farms = [Farm(broken, held=True, broke_at=world.clock()), Farm(asked, consented=True)]
        database = Database(sqlite_url)
        verdict = await judge(world, database, farms, [channel], [])
        await database.close()
    assert len(verdict.broken_promises) == 2, report(verdict)
    assert "told in 0 of 1 channels" in verdict.broken_promises[0]
    assert "Farm 2 consented: 0 consents connected" in verdict.broken_promises[1]
