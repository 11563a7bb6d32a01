"""How long `audit verify` takes: fills a trail and proves it, on both databases.

`python -m benchmarks.long_trail [--entries N] [--database sqlite|postgresql]`
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import insert, update

from benchmarks.figures.replicas import postgresql
from bot.app import migrate
from bot.auditing import Progress
from bot.journal import Journal
from bot.sealing import Seal, committed
from storage import audit
from storage.database import Database
from storage.records import AuditEntry
from storage.tables import AuditHeadRow, AuditRow

KEY = SecretStr("k" * 32)
BATCH = 5_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MANY = [f"00000000-0000-4000-8000-{number:012}" for number in range(5_000)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_trail", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one; both otherwise")
    options = parser.parse_args()
    if options.database != "postgresql":
        on_sqlite(options.entries)
    if options.database != "sqlite":
        with postgresql() as url:
            asyncio.run(measure("PostgreSQL", url, options.entries))
    return 0


def on_sqlite(entries: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fieldview-bench-") as folder:
        asyncio.run(measure("SQLite", f"sqlite:///{Path(folder) / 'audit.db'}", entries))


async def measure(name: str, url: str, entries: int) -> None:
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    try:
        await fill(database, KEY, entries)
        progress, before = Progress(sys.stderr), _memory()
        began, busy = time.perf_counter(), time.process_time()
        verdict = await Journal(database, KEY, lambda: BEGAN).verify(progress.show)
        took, busy = time.perf_counter() - began, time.process_time() - busy
        progress.clear()
        assert (verdict.fault, verdict.rows) == (None, entries), verdict
    finally:
        await database.close()
    print(
        f"{name}: {entries:,} entries proved in {took:.1f} s ({busy:.1f} s of CPU), {_memory() - before:.0f} MiB more"
    )


async def fill(database: Database, key: SecretStr, entries: int, growers: Sequence[str] = MANY) -> None:
    """Go on with the chain as the bot would, in batches: three in four entries are about one of these growers."""
    seal = Seal(key)
    async with database.reading() as session:
        last, previous = await audit.head(session)
    for start in range(last + 1, last + entries + 1, BATCH):
        rows = []
        for seq in range(start, min(start + BATCH, last + entries + 1)):
            entry = _entry(seq, growers)
            mac = seal.of_entry(seq, entry, previous)
            rows.append(asdict(entry) | {"seq": seq, "previous": previous, "mac": mac})
            previous = mac
        async with database.transaction() as session:
            await session.execute(insert(AuditRow), rows)
            await session.execute(update(AuditHeadRow).values(seq=rows[-1]["seq"], mac=previous))


def _entry(seq: int, growers: Sequence[str]) -> AuditEntry:
    grower = seq % len(growers) if seq % 4 else None
    return committed(
        AuditEntry(
            at=BEGAN + timedelta(seconds=seq),
            actor=f"U{seq % 40:08}",
            via="command",
            action="status",
            outcome="done",
            request_id=f"{seq:012x}",
            channel="C0GROWERS",
            target=None if grower is None else growers[grower],
            target_name=None if grower is None else f"Grower {grower} Family Farms",
            detail='{"link": "not needed"}',
        )
    )


def _memory() -> float:
    """The most memory this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
