"""One address in front of processes that come and go, as a load balancer is: growers, Slack and Leaf call it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

CHUNK = 64 * 1024


@asynccontextmanager
async def front_door(port: int, behind: Sequence[int]) -> AsyncIterator[None]:
    """Each connection to `port` goes on to one of the ports behind that answers; to none, and it ends at once."""

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for inside in random.sample(list(behind), len(behind)):
            with suppress(OSError):
                answers, service = await asyncio.open_connection("127.0.0.1", inside)
                await asyncio.gather(_pump(reader, service), _pump(answers, writer))
                return
        writer.transport.abort()

    server = await asyncio.start_server(enter, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    with suppress(OSError):
        sink.close()
