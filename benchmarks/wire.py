"""HTTP/1.1 as plainly as possible, so that the clock shows the server and not the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """A response; `size` is all its bytes, the head included."""

    status: int
    body: bytes
    size: int


@dataclass(frozen=True)
class Volley:
    """Requests sent as fast as their connections allowed: seconds from each to its answer, and of the whole."""

    latencies: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


def request(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of one request."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = {"Host": parts.netloc, "Content-Length": str(len(body))} | dict(headers or {})
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class Wire:
    """One connection that is kept open. Use it in `async with`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def send(self, message: bytes) -> Answer:
        """Raises OSError or EOFError when the server hangs up."""
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(content_length(head))
        return Answer(int(head[9:12]), body, len(head) + len(body))


async def volley(url: str, messages: Sequence[bytes], connections: int) -> Volley:
    """Send them all, each connection waiting for its answer. Raises AssertionError unless all get 200."""
    waiting = iter(messages)
    wires = [Wire(url) for _ in range(connections)]
    for wire in wires:
        await wire.__aenter__()
    started = time.perf_counter()
    try:
        timed = await asyncio.gather(*(_sent(wire, waiting) for wire in wires))
        seconds = time.perf_counter() - started
    finally:
        for wire in wires:
            await wire.__aexit__(None, None, None)
    return Volley(tuple(latency for latencies in timed for latency in latencies), seconds)


async def _sent(wire: Wire, waiting: Iterator[bytes]) -> list[float]:
    latencies = []
    for message in waiting:
        before = time.perf_counter()
        answer = await wire.send(message)
        latencies.append(time.perf_counter() - before)
        assert answer.status == 200, answer
    return latencies


def content_length(head: bytes) -> int:
    """What the head announces. Raises ValueError when it announces nothing."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("the head tells no length")
