"""A year of life: what commands cost when the books are full, beside the same bot when they are empty."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import insert

from benchmarks.long_trail import fill
from benchmarks.processes import KEY, Program
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, ratio_at_most, stated
from benchmarks.wire import Wire
from bot.journal import KEY_NAME
from bot.vault import Vault
from storage.database import Database
from storage.tables import LeafEventRow

COMMANDS = ("status NAME", "status", "events NAME", "history", "history NAME", "links", "snoozes", "help")
BATCH = 5_000
LONGEST = 1_800
"""Seconds in which the retention must be through."""

KEPT = 30
"""Days of the audit trail that are kept when the retention is measured; all of the year's entries are older."""


async def lived(scale: Scale) -> list[Row]:
    """Each command's median, typed one at a time, and what a year takes on disk."""
    async with stand(scale.lived_growers) as here, here.bot() as bot:
        young = await _medians(here, bot, scale.answers)
    async with stand(scale.lived_growers) as here:
        entries = scale.lived_rows // 2
        growers = [user["id"] for user in here.users]
        await live(here.books.url, growers, entries, scale.lived_rows - entries)
        async with here.bot() as bot:
            old = await _medians(here, bot, scale.answers)
        size = here.books.path.stat().st_size / 2**20
        async with here.bot(AUDIT_RETENTION_DAYS=str(KEPT)) as bot:
            serving, rate = await _retained(here, bot)
    name = f"after {scale.lived_rows:,} audit entries and events"
    return [
        *(ratio_at_most(f"{name}, {text}: p50", old[text], young[text], 1.5, "ms") for text in young),
        stated(f"{name}: database", size, "MiB"),
        stated(f"{name}: entries that retention removes", rate, "/s"),
        stated(f"{name}, status while it does: p50", serving, "ms", old[COMMANDS[0]]),
    ]


async def _medians(here: Stand, bot: Program, times: int) -> Mapping[str, float]:
    """Milliseconds for each command, from the POST to its answer. The first of each is not counted."""
    taken: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for _ in range(times + 1):
        for command, each in taken.items():
            each.append(await _answered(here, bot, command))
    return {command: median(each[1:]) for command, each in taken.items()}


async def _answered(here: Stand, bot: Program, command: str) -> float:
    """Milliseconds."""
    text = command.replace("NAME", here.users[len(here.users) // 2]["name"])
    address = here.inbox.address()
    message = here.slack.command(bot.url, text, address)
    async with Wire(bot.url) as wire:
        before = time.perf_counter()
        assert (await wire.send(message)).status == 200
        (arrival,) = await here.inbox.all_of([address])
    return 1000 * (arrival.at - before)


async def live(url: str, growers: Sequence[str], entries: int, events: int) -> None:
    """Let so many audit entries and so many of Leaf's events come over these growers."""
    database = Database(url)
    try:
        key = await Vault(SecretStr(KEY)).own_secret(database, KEY_NAME)
        await fill(database, key, entries, growers)
        for start in range(0, events, BATCH):
            async with database.transaction() as session:
                rows = [_event(growers, number) for number in range(start, min(start + BATCH, events))]
                await session.execute(insert(LeafEventRow), rows)
    finally:
        await database.close()


def _event(growers: Sequence[str], number: int) -> dict[str, object]:
    return {
        "id": f"event-{number:012}",
        "grower_id": growers[number % len(growers)],
        "at": datetime.now(UTC) - timedelta(days=365) + timedelta(seconds=6 * number),
        "status_code": 200 if number % 50 else 401,
        "summary": "FieldView answered 200 to a request for the user's fields",
    }


async def _retained(here: Stand, bot: Program) -> tuple[float, float]:
    """A command's median while old entries are removed, in milliseconds, and how many go in a second."""
    taken, began, before = [], time.perf_counter(), _old_entries(here)
    while left := _old_entries(here):
        taken.append(await _answered(here, bot, COMMANDS[0]))
        seconds = time.perf_counter() - began
        assert seconds < LONGEST, f"{left} entries are still there"
    return median(taken or [0.0]), before / (time.perf_counter() - began)


def _old_entries(here: Stand) -> int:
    long_ago = (datetime.now(UTC) - timedelta(days=KEPT)).isoformat(sep=" ")
    with closing(sqlite3.connect(here.books.path)) as reader:
        first, newest = reader.execute("SELECT min(seq), max(seq) FROM audit WHERE at < ?", [long_ago]).fetchone()
    return newest - first + 1 if newest else 0
