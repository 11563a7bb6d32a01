"""From the start of the process to ready, and what it costs to wait for work."""

from __future__ import annotations

import asyncio

from benchmarks.processes import Program, processor_seconds, resident
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, ratio_at_most, stated


async def ready_and_idle(scale: Scale) -> list[Row]:
    """Beside a bare slack-bolt application, both until they answer; the bot on a migrated SQLite file."""
    ours, theirs = [], []
    async with stand() as here:
        for _ in range(scale.starts):
            async with here.bare_slack() as bare:
                theirs.append(bare.start)
            async with here.bot() as bot:
                ours.append(bot.start)
        return [ratio_at_most("start to ready", median(ours), median(theirs), 5, "s"), *await _idle(here, scale)]


async def _idle(here: Stand, scale: Scale) -> list[Row]:
    async with here.bare_slack() as bare, here.bot() as bot:
        await here.commands(bot, "help", 10, 1)
        await here.acknowledgements(bare, 10, 1)
        memory, base = resident(bot.pid), resident(bare.pid)
        busy, bare_busy = await asyncio.gather(*(_share(program, scale.idle_seconds) for program in (bot, bare)))
    return [
        ratio_at_most("idle: memory", memory, base, 3, "MiB"),
        at_most("idle: processor", busy, 2, "%"),
        stated("idle: processor of the bare app", bare_busy, "%"),
    ]


async def _share(program: Program, seconds: float) -> float:
    """Percent of one core."""
    before = processor_seconds(program.pid)
    await asyncio.sleep(seconds)
    return 100 * (processor_seconds(program.pid) - before) / seconds
