"""Two replicas on one PostgreSQL database instead of one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks import processes
from benchmarks.processes import Program
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, ratio_at_least
from tests.postgresql import SharedServer

CONNECTIONS = 10


async def two_instead_of_one(scale: Scale) -> list[Row]:
    """Commands per second until the last one is answered; the second replica idles while the first is measured."""
    one, two = [], []
    with postgresql() as url:
        async with stand() as here:
            first = processes.bot(here.folder, here.world, url)
            async with first as left, processes.bot(here.folder, here.world, url) as right:
                await _rate(here, [left, right], scale.commands)
                for _ in range(scale.rounds):
                    one.append(await _rate(here, [left], scale.commands))
                    two.append(await _rate(here, [left, right], scale.commands))
    return [ratio_at_least("two replicas: commands answered per second", median(two), median(one), 1.6, "/s")]


async def _rate(here: Stand, programs: Sequence[Program], commands: int) -> float:
    """Every program gets its share at the same time."""
    before = time.perf_counter()
    share, connections = commands // len(programs), CONNECTIONS // len(programs)
    await asyncio.gather(*(here.commands(program, "help", share, connections) for program in programs))
    return share * len(programs) / (time.perf_counter() - before)


@contextmanager
def postgresql() -> Iterator[str]:
    """A fresh database on the server the tests use. Raises NoPostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="fieldview-bench-") as name:
        server = SharedServer(Path(name))
        try:
            url = server.url()
            database = f"bench_{time.time_ns()}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}")
            yield url.replace("/postgres?", f"/{database}?") if "/postgres?" in url else _renamed(url, database)
        finally:
            server.close()


def _renamed(url: str, database: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).set(database=database).render_as_string(hide_password=False)
