"""A look at every grower's credential when nothing has changed."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import leaf_loop
from benchmarks.books import Swept
from benchmarks.processes import peak, resident
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.senders import Sweeps
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, ratio_at_least, ratio_at_most
from bot.monitor import BEAT
from bot.questions import WORKERS

MEMORY = 64
"""MiB that sweeping may take."""

ALWAYS = 12
"""Commits that belong to a sweep however small it is: its job, its beginning, its end."""


@dataclass(frozen=True)
class Measured:
    """Seconds per sweep and per bare loop; MiB the bot had at most; transactions that wrote, in the worst sweep."""

    growers: int
    ours: list[float]
    theirs: list[float]
    most_memory: float
    commits: int


async def nothing_changed(scale: Scale) -> list[Row]:
    """Leaf embeds the status, so 100 growers are one request."""
    idle = await _memory_of_a_small_bot()
    rows: list[Row] = []
    for growers, rounds in scale.sweeps:
        async with stand(growers) as here:
            rows += _told(await _embedded(here, growers, rounds), idle)
    return rows


async def _embedded(here: Stand, growers: int, rounds: int) -> Measured:
    ours, theirs, commits = [], [], []
    async with here.bot() as bot, peak(bot.pid) as most:
        for _ in range(rounds):
            theirs.append(await leaf_loop.seconds_for_pages(here.world))
            with here.books.writes() as writes:
                ours.append((await _swept(here, growers)).seconds)
            commits.append(writes.commits)
    return Measured(growers, ours, theirs, most[0], max(commits))


def _told(measured: Measured, idle: float) -> list[Row]:
    name = f"sweep of {measured.growers:,}"
    allowed = ALWAYS + int(max(measured.ours) / BEAT.total_seconds())
    rate, base = measured.growers / median(measured.ours), measured.growers / median(measured.theirs)
    return [
        ratio_at_least(f"{name}: growers per second", rate, base, 0.6, "/s"),
        at_most(f"{name}: memory above a bot with 20", max(0.0, measured.most_memory - idle), MEMORY, "MiB"),
        at_most(f"{name}: commits", measured.commits, allowed, "commits"),
    ]


async def asked_one_by_one(scale: Scale) -> list[Row]:
    """Leaf embeds no status, so every grower is a request."""
    rows = []
    for growers, rounds in scale.asked_one_by_one:
        ours, theirs = [], []
        async with stand(growers) as here:
            await here.tell_leaf("switch", embeds="without_status")
            async with here.bot():
                for _ in range(rounds):
                    theirs.append(await leaf_loop.seconds_for_each(here.world, WORKERS))
                    ours.append((await _swept(here, growers)).seconds)
        name = f"sweep of {growers:,}, each asked: growers per second"
        rows.append(ratio_at_least(name, growers / median(ours), growers / median(theirs), 0.8, "/s"))
    return rows


async def within_the_limit(scale: Scale) -> list[Row]:
    """Five requests per second: the first goes at once, each other one a fifth of a second later."""
    async with stand(scale.limited) as here:
        await here.tell_leaf("switch", embeds="without_status")
        async with here.bot(LEAF_REQUESTS_PER_SECOND="5"):
            swept = await _swept(here, scale.limited)
    requests = scale.limited + -(-scale.limited // 100)
    name = f"sweep of {scale.limited:,}, each asked, within 5 requests per second"
    return [ratio_at_most(name, swept.seconds, (requests - 1) / 5, 1.05, "s")]


async def _swept(here: Stand, growers: int) -> Swept:
    sweeps = Sweeps(here.books.url)
    try:
        swept = await here.books.sweep(await sweeps.start())
    finally:
        await sweeps.close()
    assert (swept.growers, swept.found, swept.changed) == (growers, growers, 0), swept
    return swept


async def _memory_of_a_small_bot() -> float:
    async with stand(20) as here, here.bot() as bot:
        await _swept(here, 20)
        return resident(bot.pid)
