"""Two processes on one PostgreSQL send no faster than one: to Leaf, to a Slack channel, to the workspace."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.slack_pace import Rates
from tests.program import outside, second
from tests.stage import eventually

LEAF_RATE, SLACK = 5, Rates()
WINDOW = 4.0
"""Seconds in which arrivals are counted. Each replica for itself would send twice as much in them."""

LATE = 1.5
"""Seconds for which a request may be on its way: what was due in them can arrive together with what follows."""


def at_most(per_second: float) -> float:
    return per_second * (WINDOW + LATE)


async def test_two_replicas_together_keep_to_the_limits(postgresql_url: str, tmp_path: Path) -> None:
    """Thirty growers break at once and Leaf says so: each alert costs requests at Leaf, and posts to six channels."""
    (folder := tmp_path / "second").mkdir()
    settings = {"LEAF_REQUESTS_PER_SECOND": str(LEAF_RATE), "SWEEP_INTERVAL": "5", "STORM_SIZE": "1000"}
    async with outside(postgresql_url, tmp_path, **settings) as story, second(story, folder):
        leaf, slack = story.world.leaf, story.world.slack
        for number in range(5):
            slack.add_channel(f"team-{number}", [story.grace])
            await story.types(f"/fieldview subscribe #team-{number}")
        leaf.populate(30)

        async def ready() -> bool:
            known = await story.rows("SELECT 1 FROM connections WHERE status = 'healthy'")
            subscribed = await story.rows("SELECT 1 FROM subscriptions")
            return len(known) >= 29 and len(subscribed) == 5 and bool(leaf.alerts.webhooks)

        await eventually(ready, within=60)
        leaf.log.calls.clear()
        await asyncio.gather(*(leaf.revoke(user) for user in leaf.users if user.credential))

        async def enough() -> bool:
            return len(leaf.log.calls) >= 45 and slack.calls("chat.postMessage") >= 40

        await eventually(enough, within=90)
        senders = await story.rows("SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE name = 'deliver'")
        assert set(senders) >= {("slot-0",), ("slot-1",)}, "both were at it"
        assert leaf.log.most_within(WINDOW) <= at_most(LEAF_RATE)
        assert slack.most_within(WINDOW) <= at_most(SLACK.workspace)
        assert slack.most_within(WINDOW, channel=story.alerts) <= at_most(SLACK.channel)
