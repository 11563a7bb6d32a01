"""Growers offered while somebody types into a form, among many."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle, islice

from sqlalchemy import select

from benchmarks.processes import Program
from benchmarks.samples import median, percentile
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, ratio_at_most, stated
from benchmarks.wire import Wire
from storage import growers
from storage.database import Database
from storage.tables import GrowerRow

OFFERED = 100
"""Options that Slack shows at most. Source: docs.slack.dev, options loading."""


async def suggested(scale: Scale) -> list[Row]:
    """The search beside an indexed prefix query through the same driver; and the whole way from POST to options."""
    async with stand(scale.typed_among) as here:
        typed = list(islice(_typed(here), scale.letters))
        database = Database(here.books.url)
        try:
            prefix = [await _timed(_begins_with, database, text) for text in typed]
            search = [await _timed(_search, database, text) for text in typed]
        finally:
            await database.close()
        async with here.bot() as bot:
            await _offered(here, bot, typed[0])
            whole = [await _offered(here, bot, text) for text in typed]
    name = f"type-ahead among {scale.typed_among:,}"
    return [
        ratio_at_most(f"{name}, the search: p99", percentile(search, 0.99), percentile(prefix, 0.99), 3, "ms"),
        stated(f"{name}, POST to options: p50", median(whole), "ms"),
        at_most(f"{name}, POST to options: p99", percentile(whole, 0.99), 100, "ms"),
    ]


def _typed(here: Stand) -> Iterator[str]:
    """What is in the box after each letter, from the third on, as different people look for different growers."""
    for user in cycle(here.users[:: max(1, len(here.users) // 17)]):
        name = str(user["name"])
        for length in range(3, min(len(name), 12) + 1):
            yield name[:length]


async def _timed(query: Callable[[Database, str], Awaitable[None]], database: Database, text: str) -> float:
    """Milliseconds."""
    before = time.perf_counter()
    await query(database, text)
    return 1000 * (time.perf_counter() - before)


async def _search(database: Database, text: str) -> None:
    async with database.reading() as session:
        assert await growers.find_similar(session, text, OFFERED)


async def _begins_with(database: Database, text: str) -> None:
    folded = growers.fold(text)
    named = GrowerRow.folded_name
    query = select(GrowerRow).where(named >= folded, named < folded + "\uffff").order_by(named).limit(OFFERED)
    async with database.reading() as session:
        assert [row.to_record() for row in await session.scalars(query)]


async def _offered(here: Stand, bot: Program, text: str) -> float:
    """Milliseconds from the POST to an answer with options."""
    message = here.slack.suggestion(bot.url, "find-grower", text)
    async with Wire(bot.url) as wire:
        before = time.perf_counter()
        answer = await wire.send(message)
        taken = 1000 * (time.perf_counter() - before)
    assert answer.status == 200
    assert json.loads(answer.body)["options"], answer.body
    return taken
