"""`/fieldview status NAME`, from the POST to the answer at its response URL."""

from __future__ import annotations

import json
import time

import httpx

from benchmarks import leaf_loop
from benchmarks.processes import Program
from benchmarks.samples import median
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, more_by_at_most
from benchmarks.wire import Wire, request


async def answered(scale: Scale) -> list[Row]:
    """Beside the one call of Leaf that it needs, and the one POST that carries an answer, made by bare clients."""
    ours, theirs = [], []
    async with stand() as here, here.bot() as bot, leaf_loop.logged_in(here.world) as leaf:
        await _status(here, bot, 0)
        for number in range(scale.answers):
            theirs.append(await _two_calls(here, leaf, number))
            ours.append(await _status(here, bot, number))
    return [more_by_at_most("/fieldview status NAME until its answer: p50", median(ours), median(theirs), 15, "ms")]


async def _status(here: Stand, bot: Program, number: int) -> float:
    """Milliseconds."""
    user = here.users[number % len(here.users)]
    address = here.inbox.address()
    message = here.slack.command(bot.url, f"status {user['name']}", address)
    async with Wire(bot.url) as wire:
        before = time.perf_counter()
        assert (await wire.send(message)).status == 200
        (arrival,) = await here.inbox.all_of([address])
    assert user["name"] in json.dumps(json.loads(arrival.body), ensure_ascii=False), arrival.body
    return 1000 * (arrival.at - before)


async def _two_calls(here: Stand, leaf: httpx.AsyncClient, number: int) -> float:
    user = here.users[number % len(here.users)]
    message = request("POST", here.inbox.address(), b'{"text": "healthy"}', {"Content-Type": "application/json"})
    async with Wire(here.inbox.url) as wire:
        before = time.perf_counter()
        answer = await leaf.get(f"{leaf_loop.USERS}/{user['id']}/climate-field-view-credentials")
        assert answer.status_code == 200
        assert (await wire.send(message)).status == 200
        return 1000 * (time.perf_counter() - before)
