"""A TCP proxy that makes a network's bad days on demand, with Toxiproxy's verbs (github.com/Shopify/toxiproxy).

    async with proxying(address) as proxy:        # clients connect to proxy.port
        proxy.reset(Towards.CLIENT, when=b"COMMIT", times=1)
        ...
        proxy.heal()

A fault is caught by connections: by those that are opened or used while it is there, `times` of them or all until
`heal`; with `when`, only by one that sends these bytes. Once caught, it stays with the connection. `towards` is the
direction of the bytes that suffer: SERVICE for requests, CLIENT for answers.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

CHUNK = 64 * 1024
_RST_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on, for no time at all: closing the socket sends a reset instead of a goodbye."""

Address = tuple[str, int] | Path
"""Where a service listens: host and port, or the path of a Unix socket."""

Onward = Callable[[bytes], Awaitable[None]]


class Towards(StrEnum):
    """Which way bytes go."""

    SERVICE = "service"
    CLIENT = "client"


@dataclass(frozen=True, kw_only=True)
class Verb:
    """What happens to bytes on their way. This one lets them pass."""

    towards: Towards = Towards.CLIENT
    withholds: bool = False
    """Whether a connection is of no more use once this was over: bytes are missing from it."""

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        await onward(data)

    async def on_close(self) -> None:
        """The sender is through; whoever waits here keeps the other side from learning it."""


@dataclass(frozen=True, kw_only=True)
class Latency(Verb):
    seconds: float
    jitter: float = 0.0

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        await asyncio.sleep(max(0.0, self.seconds + random.uniform(-self.jitter, self.jitter)))  # noqa: S311 - no secret
        await onward(data)


@dataclass(frozen=True, kw_only=True)
class Bandwidth(Verb):
    bytes_per_second: float

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        step = max(1, int(self.bytes_per_second / 20))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            await asyncio.sleep(len(piece) / self.bytes_per_second)
            await onward(piece)


@dataclass(frozen=True, kw_only=True)
class Slicer(Verb):
    size: int
    pause: float

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        for start in range(0, len(data), self.size):
            await onward(data[start : start + self.size])
            await asyncio.sleep(self.pause)


@dataclass(frozen=True, kw_only=True)
class SlowClose(Verb):
    seconds: float

    async def on_close(self) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Silence(Verb):
    withholds: bool = True

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        return


@dataclass(frozen=True, kw_only=True)
class LimitData(Verb):
    limit: int

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        room = self.limit - wire.passed.get(self, 0)
        wire.passed[self] = wire.passed.get(self, 0) + len(data)
        await onward(data[: max(0, room)])
        if len(data) >= room:
            await wire.hang_up()


@dataclass(frozen=True, kw_only=True)
class HangUp(Verb):
    """Ends the connection instead of passing bytes on: with a reset, or as if the service had closed it."""

    rudely: bool

    async def carry(self, data: bytes, onward: Onward, wire: Wire) -> None:
        if self.rudely:
            wire.reset()
        else:
            await wire.hang_up()


@dataclass(eq=False)
class Fault:
    """A verb that waits for connections. `hits` counts those that caught it."""

    verb: Verb
    when: bytes | None = None
    times: int | None = None
    hits: int = field(default=0, init=False)

    def catches(self, request: bytes) -> bool:
        """Whether a connection on which these bytes are sent suffers from now on; counts it if so."""
        if (self.times is not None and self.hits >= self.times) or (self.when is not None and self.when not in request):
            return False
        self.hits += 1
        return True


class Wire:
    """One connection: from a client to the proxy, and on to the service."""

    def __init__(self, client: asyncio.StreamWriter, service: asyncio.StreamWriter) -> None:
        self._client, self._service = client, service
        self.caught: dict[Fault, Verb] = {}
        self.passed: dict[Verb, int] = {}
        """What LimitData has seen so far."""

    @property
    def is_maimed(self) -> bool:
        return any(verb.withholds for verb in self.caught.values())

    async def hang_up(self) -> None:
        """Close both sides; what was passed on already still arrives."""
        for writer in (self._client, self._service):
            with suppress(OSError):
                await writer.drain()
            writer.close()

    def reset(self) -> None:
        """The client sees a reset, the service a hang-up."""
        raw = self._client.get_extra_info("socket")
        if raw is not None and not self._client.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        self._client.transport.abort()
        self._service.close()

    def writer(self, towards: Towards) -> asyncio.StreamWriter:
        return self._client if towards is Towards.CLIENT else self._service

    def onward(self, towards: Towards) -> Onward:
        """The way of bytes through every fault of this connection to where they go."""

        async def written(data: bytes) -> None:
            writer = self.writer(towards)
            if data and not writer.is_closing():
                writer.write(data)
                await writer.drain()

        way: Onward = written
        for verb in self._verbs(towards):
            way = _through(verb, way, self)
        return way

    async def closed(self, towards: Towards) -> None:
        """The sender is through: so is the connection, for protocols where both sides talk until the end."""
        for verb in self._verbs(towards):
            await verb.on_close()
        await self.hang_up()

    def _verbs(self, towards: Towards) -> list[Verb]:
        return [verb for verb in self.caught.values() if verb.towards is towards]


def _through(verb: Verb, onward: Onward, wire: Wire) -> Onward:
    async def carried(data: bytes) -> None:
        await verb.carry(data, onward, wire)

    return carried


class Proxy:
    """Listens on a loopback port of its own and passes everything on, as well as it is allowed to."""

    def __init__(self, service: Address) -> None:
        self._service = service
        self._place = _bound()
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.faults: list[Fault] = []
        self.accepted = 0
        """How many connections were ever opened."""

    @property
    def port(self) -> int:
        port: int = self._place.getsockname()[1]
        return port

    @property
    def open_connections(self) -> int:
        return len(self._wires)

    # The verbs

    def latency(
        self,
        seconds: float,
        jitter: float = 0.0,
        towards: Towards = Towards.CLIENT,
        *,
        when: bytes | None = None,
        times: int | None = None,
    ) -> Fault:
        """Everything takes that much longer, more or less by `jitter`."""
        return self._add(Latency(towards=towards, seconds=seconds, jitter=jitter), when, times)

    def bandwidth(
        self,
        bytes_per_second: float,
        towards: Towards = Towards.CLIENT,
        *,
        when: bytes | None = None,
        times: int | None = None,
    ) -> Fault:
        """No more than so many bytes in a second."""
        return self._add(Bandwidth(towards=towards, bytes_per_second=bytes_per_second), when, times)

    def slicer(
        self,
        size: int,
        pause: float,
        towards: Towards = Towards.CLIENT,
        *,
        when: bytes | None = None,
        times: int | None = None,
    ) -> Fault:
        """Bytes arrive a few at a time, with pauses in between."""
        return self._add(Slicer(towards=towards, size=size, pause=pause), when, times)

    def slow_close(
        self,
        seconds: float,
        towards: Towards = Towards.CLIENT,
        *,
        when: bytes | None = None,
        times: int | None = None,
    ) -> Fault:
        """Who is left alone learns it that much later."""
        return self._add(SlowClose(towards=towards, seconds=seconds), when, times)

    def timeout(
        self, towards: Towards = Towards.CLIENT, *, when: bytes | None = None, times: int | None = None
    ) -> Fault:
        """Connections are taken and stay open, and nothing ever comes. `heal` ends those that suffered."""
        return self._add(Silence(towards=towards), when, times)

    def limit_data(
        self, limit: int, towards: Towards = Towards.CLIENT, *, when: bytes | None = None, times: int | None = None
    ) -> Fault:
        """So many bytes pass, then the connection ends."""
        return self._add(LimitData(towards=towards, limit=limit), when, times)

    def reset(
        self, towards: Towards = Towards.SERVICE, *, when: bytes | None = None, times: int | None = None
    ) -> Fault:
        """The connection is reset instead of the request being passed on, or instead of the answer."""
        return self._add(HangUp(towards=towards, rudely=True), when, times)

    def lose_answer(self, *, when: bytes | None = None, times: int | None = None) -> Fault:
        """The service gets the request and does what was asked; the connection ends instead of its answer."""
        return self._add(HangUp(towards=Towards.CLIENT, rudely=False), when, times)

    async def down(self) -> None:
        """Refuse connections and cut the open ones, until `heal`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """End every open connection, once."""
        for wire in list(self._wires):
            await wire.hang_up()

    async def heal(self) -> None:
        """Remove every fault and listen again; connections from which bytes were withheld end."""
        self.faults.clear()
        for wire in list(self._wires):
            if wire.is_maimed:
                await wire.hang_up()
            wire.caught.clear()
        if self._server is None:
            await self.listen()

    # The work

    async def listen(self) -> None:
        listener = _bound(self.port)
        self._server = await asyncio.start_server(self._accepted, sock=listener)

    async def close(self) -> None:
        await self.down()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._place.close()

    def _add(self, verb: Verb, when: bytes | None, times: int | None) -> Fault:
        fault = Fault(verb, when, times)
        self.faults.append(fault)
        return fault

    def _catch(self, wire: Wire, request: bytes = b"") -> None:
        for fault in self.faults:
            if fault not in wire.caught and fault.catches(request):
                wire.caught[fault] = fault.verb

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            answers, service = await self._opened()
        except OSError:
            # Nobody is there: the client sees a connection that ends at once.
            writer.close()
            return
        wire = Wire(writer, service)
        self._wires.add(wire)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, Towards.SERVICE, wire))
                both.create_task(self._pump(answers, Towards.CLIENT, wire))
        finally:
            self._wires.discard(wire)
            for side in (writer, service):
                side.transport.abort()

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._service, Path):
            return await asyncio.open_unix_connection(str(self._service))
        return await asyncio.open_connection(*self._service)

    async def _pump(self, source: asyncio.StreamReader, towards: Towards, wire: Wire) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                # An idle connection suffers from its next request on, not from what it was promised before.
                if towards is Towards.SERVICE:
                    self._catch(wire, data)
                await wire.onward(towards)(data)
        await wire.closed(towards)


@asynccontextmanager
async def proxying(service: Address) -> AsyncIterator[Proxy]:
    """A proxy in front of the service, until the block ends."""
    proxy = Proxy(service)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()


def _bound(port: int = 0) -> socket.socket:
    """A socket that has the port but does not listen: so it stays ours while the proxy is down."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
