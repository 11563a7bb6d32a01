"""A signed slash command until it is acknowledged: alone, and while the bot is busy with everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.processes import Program
from benchmarks.samples import median, percentile
from benchmarks.scale import Scale
from benchmarks.senders import Sweeps
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, ratio_at_least, ratio_at_most, stated
from benchmarks.wire import Volley, Wire

CONNECTIONS = (1, 10, 50)
ALERTS_PER_SECOND = 20
"""A storm: a thousand times what Leaf sends on a bad day."""


@dataclass
class Taken:
    """All rounds of one side."""

    volleys: list[Volley] = field(default_factory=list)

    @property
    def milliseconds(self) -> list[float]:
        return [1000 * latency for each in self.volleys for latency in each.latencies]

    @property
    def rate(self) -> float:
        return median([each.rate for each in self.volleys])


async def alone(scale: Scale) -> list[Row]:
    """Beside a bare slack-bolt application on the same server, with commands that do real work behind."""
    async with stand() as here, here.bare_slack() as bare, here.bot() as bot:
        await here.commands(bot, "help", scale.commands, 1)
        await here.acknowledgements(bare, scale.commands, 1)
        return [row for number in CONNECTIONS for row in await _compared(here, bare, bot, scale, number)]


async def _compared(here: Stand, bare: Program, bot: Program, scale: Scale, connections: int) -> list[Row]:
    ours, theirs = Taken(), Taken()
    for _ in range(scale.rounds):
        theirs.volleys.append(await here.acknowledgements(bare, scale.commands, connections))
        ours.volleys.append(await here.commands(bot, "help", scale.commands, connections))
    name = f"acknowledgement, {connections} connection{'s' if connections > 1 else ''}"
    mine, base = ours.milliseconds, theirs.milliseconds
    rate = f"{name}: per second"
    return [
        ratio_at_most(f"{name}: p50", median(mine), median(base), 0.15, "ms"),
        ratio_at_most(f"{name}: p99", percentile(mine, 0.99), percentile(base, 0.99), 1, "ms"),
        ratio_at_least(rate, ours.rate, theirs.rate, 2, "/s")
        if connections == 10
        else stated(rate, ours.rate, "/s", theirs.rate),
    ]


async def under_load(scale: Scale) -> list[Row]:
    """During sweeps over many growers and a storm of signed alerts, beside the same bot when idle."""
    idle, busy = Taken(), Taken()
    async with stand(scale.busy) as here, here.bot() as bot:
        await here.commands(bot, "help", scale.commands, 10)
        for _ in range(scale.rounds):
            idle.volleys.append(await here.commands(bot, "help", scale.commands, 1))
            async with _busy(here, bot):
                busy.volleys.append(await here.commands(bot, "help", scale.commands, 1))
    calm, loaded = percentile(idle.milliseconds, 0.99), percentile(busy.milliseconds, 0.99)
    name = f"acknowledgement during a sweep of {scale.busy:,} and a storm"
    return [
        stated(f"{name}: p50", median(busy.milliseconds), "ms", median(idle.milliseconds)),
        ratio_at_most(f"{name}: p99", loaded, calm, 3, "ms"),
        at_most(f"{name}: p99", loaded, 100, "ms"),
    ]


@asynccontextmanager
async def _busy(here: Stand, bot: Program) -> AsyncIterator[None]:
    """One sweep after the other, and alerts; both are over when the block is."""
    async with sweeping(here), _storm(here, bot):
        yield


@asynccontextmanager
async def sweeping(here: Stand) -> AsyncIterator[None]:
    """One sweep after the other until the block ends."""
    sweeps = Sweeps(here.books.url)
    over = asyncio.Event()

    async def again() -> None:
        while not over.is_set():
            await here.books.sweep(await sweeps.start())

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        over.set()
        await task
        await sweeps.close()


@asynccontextmanager
async def _storm(here: Stand, bot: Program) -> AsyncIterator[None]:
    credentials = [user["climateFieldViewCredentials"]["id"] for user in here.users]

    async def send() -> None:
        async with Wire(bot.url) as wire:
            for number in range(1_000_000):
                assert (await wire.send(here.leaf.alert(bot.url, credentials[number % len(credentials)]))).status == 200
                await asyncio.sleep(1 / ALERTS_PER_SECOND)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
