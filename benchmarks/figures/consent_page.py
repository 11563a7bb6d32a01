"""The page a grower sees first."""

from __future__ import annotations

import re

from benchmarks import processes
from benchmarks.processes import Program
from benchmarks.samples import percentile
from benchmarks.scale import Scale
from benchmarks.stand import Stand, stand
from benchmarks.table import Row, at_most, ratio_at_most, stated
from benchmarks.wire import Wire, request, volley

KILO = 1024


async def shown(scale: Scale) -> list[Row]:
    """Beside a bare Starlette page of the same size; and all the bytes that a first view takes."""
    async with stand() as here, here.bot() as bot:
        await here.tell_leaf("add_user", name="Nora Fields", email="nora@example.com")
        link = await _link(here, bot)
        async with Wire(bot.url) as wire:
            answer = await wire.send(_get(link))
        assert answer.status == 200, answer
        assert not re.search(rb'<(link|script|img)[^>]*(href|src)="(?!data:)', answer.body), (
            "more would have to be loaded"
        )
        (here.folder / "page.html").write_bytes(answer.body)
        async with processes.bare(here.folder, "page", {"BARE_PAGE": str(here.folder / "page.html")}) as bare:
            ours, theirs = await _timed(link, bare, scale)
    rows = [
        stated("consent page: p50", percentile(ours, 0.5), "ms", percentile(theirs, 0.5)),
        ratio_at_most("consent page: p99", percentile(ours, 0.99), percentile(theirs, 0.99), 2, "ms"),
    ]
    return [*rows, at_most("consent page: over the wire", answer.size / KILO, 14, "KiB")]


async def _timed(link: str, bare: Program, scale: Scale) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(scale.rounds):
        for url, taken in ((f"{bare.url}/", theirs), (link, ours)):
            sent = await volley(url, [_get(url)] * scale.pages, 1)
            taken += [1000 * latency for latency in sent.latencies]
    return ours, theirs


def _get(url: str) -> bytes:
    return request("GET", url, headers={"Accept": "text/html", "Accept-Encoding": "gzip, br"})


async def _link(here: Stand, bot: Program) -> str:
    """A consent link, as the agent gets it who invites a grower without a Slack account."""
    address = here.inbox.address()
    async with Wire(bot.url) as wire:
        await wire.send(here.slack.command(bot.url, "connect Nora Fields", address))
    (arrival,) = await here.inbox.all_of([address])
    found = re.search(rb"http://127\.0\.0\.1:\d+/connect/[\w-]+", arrival.body)
    assert found, arrival.body
    return found.group().decode()
