"""Where the bot's answers to commands arrive: every command is given an address of its own."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.wire import content_length


@dataclass(frozen=True)
class Arrival:
    """An answer, and the moment (`time.perf_counter`) at which all of it was there."""

    at: float
    body: bytes


@dataclass
class Inbox:
    """Stands for Slack's response URLs, inside the process that measures: one clock, no clerk in between."""

    url: str
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=itertools.count)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def address(self) -> str:
        """A response URL that nobody else has."""
        return f"{self.url}/answer/{next(iter(self._numbers))}"

    async def all_of(self, addresses: Iterable[str], within: float = 120.0) -> list[Arrival]:
        """The answers to these addresses, in their order. Raises TimeoutError."""
        wanted = list(addresses)
        async with asyncio.timeout(within):
            while any(address not in self.arrivals for address in wanted):
                self._bell.clear()
                await self._bell.wait()
        return [self.arrivals.pop(address) for address in wanted]

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the other side closes it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(content_length(head))
                path = head.split(b" ", 2)[1].decode()
                self.arrivals[self.url + path] = Arrival(time.perf_counter(), body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
                self._bell.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    """An inbox on a free loopback port."""
    box = Inbox("")
    async with await asyncio.start_server(box.receive, "127.0.0.1", 0) as server:
        box.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield box
