"""From Leaf's signed alert to the message in Slack."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from benchmarks import leaf_loop
from benchmarks.figures.acknowledgement import sweeping
from benchmarks.processes import Program
from benchmarks.samples import median, percentile
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, more_by_at_most
from benchmarks.wire import Wire

APART = 1.2
"""Seconds between two messages: Slack takes one a second in a channel, and the bot keeps to that."""

SWEPT = 20_000
"""Growers at most in the sweeps that go on meanwhile."""


async def told(scale: Scale) -> list[Row]:
    """Beside two bare calls: asking Leaf for the credential, and posting a message to Slack."""
    async with stand(min(scale.busy, SWEPT)) as here, here.bot() as bot:
        calls = await _bare_calls(here, scale.alerts)
        idle = [await _alerted(here, bot, user) for user in here.users[: scale.alerts]]
        async with sweeping(here):
            busy = [await _alerted(here, bot, user) for user in here.users[scale.alerts : 2 * scale.alerts]]
    return [row for name, ours in (("idle", idle), ("during a sweep", busy)) for row in _compared(name, ours, calls)]


def _compared(name: str, ours: list[float], calls: list[float]) -> list[Row]:
    return [
        more_by_at_most(f"alert until Slack has it, {name}: p50", median(ours), median(calls), 150, "ms"),
        more_by_at_most(
            f"alert until Slack has it, {name}: p99", percentile(ours, 0.99), percentile(calls, 0.99), 500, "ms"
        ),
    ]


async def _alerted(here: Stand, bot: Program, user: dict[str, Any]) -> float:
    """Milliseconds, by the message's own timestamp; then a rest, so that the pace of the channel stays out of it."""
    await here.tell_leaf("set_status", user=user["id"], status="UNAUTHENTICATED")
    seen = len(await messages(here))
    alert = here.leaf.alert(bot.url, user["climateFieldViewCredentials"]["id"])
    async with Wire(bot.url) as wire:
        before = time.time()
        assert (await wire.send(alert)).status == 200
    newest = await _message_after(here, seen)
    await asyncio.sleep(APART)
    return 1000 * (float(newest["ts"]) - before)


async def _message_after(here: Stand, seen: int, within: float = 60.0) -> dict[str, Any]:
    async with asyncio.timeout(within):
        while True:
            if len(told := await messages(here)) > seen:
                return told[-1]
            await asyncio.sleep(0.05)


async def messages(here: Stand) -> list[dict[str, Any]]:
    """What stands in the alert channel."""
    async with httpx.AsyncClient(trust_env=False) as client:
        asked = {"user": here.world.agent, "channel": here.world.channel}
        answer = await client.get(f"{here.world.slack_url}/_sandbox/messages", params=asked)
    told: list[dict[str, Any]] = answer.raise_for_status().json()["messages"]
    return told


async def _bare_calls(here: Stand, number: int) -> list[float]:
    taken = []
    token = {"Authorization": f"Bearer {here.world.environment['SLACK_BOT_TOKEN']}"}
    async with leaf_loop.logged_in(here.world) as leaf, httpx.AsyncClient(trust_env=False, headers=token) as slack:
        for user in here.users[:number]:
            before = time.perf_counter()
            await leaf.get(f"{leaf_loop.USERS}/{user['id']}/climate-field-view-credentials")
            message = {"channel": here.world.channel, "text": "bare"}
            answer = await slack.post(f"{here.world.slack_url}/api/chat.postMessage", json=message)
            assert answer.json()["ok"], answer.text
            taken.append(1000 * (time.perf_counter() - before))
    return taken
