"""Everybody's credential dies at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import httpx

from benchmarks.figures.alert import messages
from benchmarks.processes import peak, processor_seconds, resident
from benchmarks.scale import Scale
from benchmarks.senders import Sweeps
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, stated

HANDFUL = 5
"""Messages that a channel may get of one storm."""

MEMORY = 64
"""MiB that a storm may take."""

AGREEING = 2
"""Sweeps until it is believed: one reading alone may be a slip of Leaf's."""


async def died_at_once(scale: Scale) -> list[Row]:
    """From the first sweep that sees it until nothing is owed to Slack any more."""
    async with stand(scale.dying) as here, here.bot(STORM_SIZE="5") as bot:
        sweeps = Sweeps(here.books.url)
        try:
            calm = (await here.books.sweep(await sweeps.start())).seconds
            await _die(here)
            memory, busy, before = resident(bot.pid), processor_seconds(bot.pid), len(await messages(here))
            async with peak(bot.pid) as most:
                seconds = [(await here.books.sweep(await sweeps.start())).seconds for _ in range(AGREEING)]
                await _nothing_owed(here)
            busy = processor_seconds(bot.pid) - busy
            told = len(await messages(here)) - before
        finally:
            await sweeps.close()
        assert _incidents(here) == scale.dying
    name = f"{scale.dying:,} die at once"
    return [
        at_most(f"{name}: messages in the channel", told, HANDFUL, "messages"),
        at_most(f"{name}: memory above before", max(0.0, most[0] - memory), MEMORY, "MiB"),
        stated(f"{name}: the sweep that believes it", seconds[-1], "s", calm),
        stated(f"{name}: processor for each", 1000 * busy / scale.dying, "ms"),
    ]


async def _die(here: Stand) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for user in here.users:
            answer = await client.post(
                f"{here.world.leaf_url}/_sandbox/set_status", json={"user": user["id"], "status": "UNAUTHENTICATED"}
            )
            answer.raise_for_status()


async def _nothing_owed(here: Stand, within: float = 120.0) -> None:
    owed = "SELECT count(*) FROM announcements WHERE shown < wanted AND gave_up_reason IS NULL"
    async with asyncio.timeout(within):
        while _number(here, owed):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)


def _incidents(here: Stand) -> int:
    return _number(here, "SELECT count(*) FROM incidents WHERE recovered_at IS NULL")


def _number(here: Stand, query: str) -> int:
    with closing(sqlite3.connect(here.books.path)) as reader:
        number: int = reader.execute(query).fetchone()[0]
        return number
