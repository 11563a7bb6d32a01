"""What one grower, one row and one idle process take, on both databases: the unit costs of docs/scale.md.

`python -m benchmarks.units [--growers N] [--rows N] [--seconds N]`. Sizes are differences of whole databases.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import httpx
from sqlalchemy import Engine, create_engine, text

from benchmarks import processes
from benchmarks.books import know
from benchmarks.figures.replicas import postgresql
from benchmarks.figures.year import live
from benchmarks.processes import processor_seconds, resident
from benchmarks.senders import Sweeps
from benchmarks.stand import Stand, stand
from bot.app import migrate
from storage.database import parse, sync_url

SETTLING = 20.0
"""Seconds after its start for which a process is left alone."""

OFTEN = 0.1
"""Seconds between two sweeps while jobs are counted."""

ENOUGH = 20
"""Jobs at least of which the size of one is taken."""

Units = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.units", description=__doc__)
    parser.add_argument("--growers", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=50_000, help="audit entries, and as many events of Leaf's")
    parser.add_argument("--seconds", type=float, default=60, help="for which an idle process is watched")
    options = parser.parse_args()
    print(asyncio.run(measured(options.growers, options.rows, options.seconds)))
    return 0


async def measured(growers: int, rows: int, seconds: float) -> str:
    """The table: each database has an outside world and a bot of its own."""
    async with stand(growers) as here:
        requests = {
            "requests to Leaf for one look at all": await _requests(here, "full", seconds),
            "the same where Leaf tells no status": await _requests(here, "without_status", seconds),
        }
    async with stand(growers) as here:
        sqlite = await _on(here, f"sqlite:///{here.folder / 'units.db'}", rows, seconds)
    with postgresql() as url:
        async with stand(growers) as here:
            return _table(requests, sqlite, await _on(here, url, rows, seconds))


def _table(requests: Units, sqlite: Units, postgres: Units) -> str:
    lines = ["| | SQLite | PostgreSQL |", "|---|---:|---:|"]
    lines += [f"| {unit} | {number:,.0f} | the same |" for unit, number in requests.items()]
    for unit in sqlite | postgres:
        cells = (f"{found[unit]:,.{_places(found[unit])}f}" if unit in found else "" for found in (sqlite, postgres))
        lines.append(f"| {unit} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _places(number: float) -> int:
    return 0 if number >= 20 else 1


async def _requests(here: Stand, embeds: str, seconds: float) -> float:
    """How many requests Leaf gets for one look at everybody."""
    await here.tell_leaf("switch", embeds=embeds)
    async with here.bot():
        await asyncio.sleep(min(SETTLING, seconds))
        before = await _asked(here)
        sweeps = Sweeps(here.books.url)
        try:
            await here.books.sweep(await sweeps.start())
        finally:
            await sweeps.close()
        return await _asked(here) - before


async def _asked(here: Stand) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        state = await client.get(f"{here.world.leaf_url}/_sandbox/state")
    return int(state.json()["requests"])


async def _on(here: Stand, url: str, rows: int, seconds: float) -> Units:
    engine = create_engine(sync_url(parse(url)), isolation_level="AUTOCOMMIT")
    growers = [user["id"] for user in here.users]
    try:
        await asyncio.to_thread(migrate, url)
        sizes = [_size(engine)]
        await asyncio.to_thread(know, url, here.users)
        sizes.append(_size(engine))
        await live(url, growers, rows, 0)
        sizes.append(_size(engine))
        await live(url, growers, 0, rows)
        sizes.append(_size(engine))
        empty, known, audited, full = sizes
        return {
            "bytes of a database without growers": empty,
            "bytes of a grower": (known - empty) / len(growers),
            "bytes of an audit entry": (audited - known) / rows,
            "bytes of an event of Leaf's": (full - audited) / rows,
            **await _idle(engine, here, url, seconds),
            "bytes of a job that is done": await _job(engine, here, url, seconds),
        }
    finally:
        engine.dispose()


async def _idle(engine: Engine, here: Stand, url: str, seconds: float) -> Units:
    """A process with its default settings, which looks at everybody every five minutes."""
    usual = {"SWEEP_INTERVAL": "300", "LEAF_REQUESTS_PER_SECOND": "5"}
    async with processes.bot(here.folder, here.world, url, **usual) as bot:
        await asyncio.sleep(min(SETTLING, seconds))
        spent, commits = processor_seconds(bot.pid), _commits(engine)
        served = {pid: processor_seconds(pid) for pid in _servers(engine)}
        await asyncio.sleep(seconds)
        units = {
            "MiB of memory of an idle process": resident(bot.pid),
            "percent of a core": 100 * (processor_seconds(bot.pid) - spent) / seconds,
        }
        if engine.dialect.name == "postgresql":
            units["transactions a second"] = (_commits(engine) - commits) / seconds
            units["connections to the database"] = _connections(engine)
        if both := served.keys() & set(_servers(engine)):
            spent = sum(processor_seconds(pid) - served[pid] for pid in both)
            units["percent of a core, the server for it"] = 100 * spent / seconds
            units["MiB of memory, the server for it"] = sum(map(_own_memory, both))
        return units


async def _job(engine: Engine, here: Stand, url: str, seconds: float) -> float:
    """What a finished job leaves behind for a week, taken from sweeps that follow each other closely."""
    async with processes.bot(here.folder, here.world, url, SWEEP_INTERVAL=str(OFTEN)):
        await asyncio.sleep(min(SETTLING, seconds))
        jobs, size = _jobs(engine), _size(engine)
        await asyncio.sleep(seconds)
        while _jobs(engine) - jobs < ENOUGH:  # noqa: ASYNC110 - rows in a database ring no bell
            await asyncio.sleep(1)
        return (_size(engine) - size) / (_jobs(engine) - jobs)


def _size(engine: Engine) -> float:
    if engine.dialect.name == "postgresql":
        return _one(engine, "SELECT pg_database_size(current_database())")
    pages = "SELECT (page_count - freelist_count) * page_size"
    return _one(engine, f"{pages} FROM pragma_page_count, pragma_freelist_count, pragma_page_size")


def _commits(engine: Engine) -> float:
    """Transactions of this database since it was made; SQLite does not count them."""
    if engine.dialect.name != "postgresql":
        return 0.0
    return _one(engine, "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")


def _connections(engine: Engine) -> float:
    """Of others than us."""
    return _one(
        engine,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def _servers(engine: Engine) -> list[int]:
    """The server's processes for those connections, where they can be looked at: on this machine, on Linux."""
    if engine.dialect.name != "postgresql":
        return []
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        pids = [int(pid) for pid in connection.scalars(text(query))]
    return [pid for pid in pids if _smaps(pid).exists() and "postgres" in Path(f"/proc/{pid}/comm").read_text()]


def _own_memory(pid: int) -> float:
    """MiB that nobody else has: what is shared between the server's processes is counted once for all, elsewhere."""
    lines = _smaps(pid).read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _smaps(pid: int) -> Path:
    return Path(f"/proc/{pid}/smaps_rollup")


def _jobs(engine: Engine) -> float:
    schema = "dbos." if engine.dialect.name == "postgresql" else ""
    return _one(engine, f"SELECT count(*) FROM {schema}workflow_status")  # noqa: S608


def _one(engine: Engine, query: str) -> float:
    with engine.connect() as connection:
        return float(connection.scalar(text(query)) or 0)


if __name__ == "__main__":
    sys.exit(main())
