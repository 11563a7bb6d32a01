"""The proxy itself: each verb does what its name says, to whom it should, and no longer than it should."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy, Towards, proxying


@dataclass
class Clerk:
    """A service that repeats every line it is told, behind a proxy; `heard` is what really reached it."""

    heard: list[bytes] = field(default_factory=list)
    said_goodbye: list[float] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                if line == b"bye\n":
                    self.said_goodbye.append(time.monotonic())
                    break
                writer.write(b"again: " + line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class Line:
    """A client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, text: bytes) -> bytes:
        """Say something; returns the answer, or what came of it before the end."""
        self.writer.write(text)
        return await self.reader.readline()


@asynccontextmanager
async def calling(proxy: Proxy) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(5):
            yield Line(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
def clerk() -> Clerk:
    return Clerk()


@pytest.fixture
async def proxy(clerk: Clerk) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(clerk.serve, "127.0.0.1", 0)
    async with server, proxying(server.sockets[0].getsockname()[:2]) as ready:
        yield ready


async def test_without_a_fault_everything_passes_unchanged(proxy: Proxy) -> None:
    async with calling(proxy) as line:
        long = b"x" * 60_000 + b"\n"
        assert await line.says(b"hello\n") == b"again: hello\n"
        assert await line.says(long) == b"again: " + long
    assert proxy.accepted == 1


async def test_a_unix_socket_can_be_the_service(clerk: Clerk, tmp_path: Path) -> None:
    server = await asyncio.start_unix_server(clerk.serve, tmp_path / "s")
    async with server, proxying(tmp_path / "s") as proxy, calling(proxy) as line:
        assert await line.says(b"hello\n") == b"again: hello\n"


@pytest.mark.parametrize("towards", Towards)
async def test_latency_delays_every_answer(proxy: Proxy, towards: Towards) -> None:
    proxy.latency(0.1, jitter=0.02, towards=towards)
    async with calling(proxy) as line:
        began = time.monotonic()
        assert await line.says(b"hello\n") == b"again: hello\n"
        assert 0.07 < time.monotonic() - began < 1


async def test_bandwidth_spreads_the_bytes_over_time(proxy: Proxy) -> None:
    proxy.bandwidth(1000)
    async with calling(proxy) as line:
        began = time.monotonic()
        assert len(await line.says(b"y" * 192 + b"\n")) == 200
        assert 0.18 < time.monotonic() - began < 1


async def test_slicer_hands_over_a_few_bytes_at_a_time(proxy: Proxy) -> None:
    proxy.slicer(4, 0.02)
    async with calling(proxy) as line:
        line.writer.write(b"hello\n")
        assert await line.reader.read(100) == b"agai"
        assert await line.reader.readline() == b"n: hello\n"


async def test_slow_close_keeps_the_client_waiting_for_the_end(proxy: Proxy, clerk: Clerk) -> None:
    proxy.slow_close(0.15)
    async with calling(proxy) as line:
        line.writer.write(b"bye\n")
        assert await line.reader.read() == b""
        assert time.monotonic() - clerk.said_goodbye[0] > 0.14


async def test_down_refuses_new_connections_and_cuts_the_open_ones(proxy: Proxy) -> None:
    async with calling(proxy) as line:
        assert await line.says(b"hello\n")
        await proxy.down()
        assert await line.reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.heal()
    async with calling(proxy) as line:
        assert await line.says(b"again\n") == b"again: again\n"


async def test_reset_instead_of_the_request_keeps_it_from_the_service(proxy: Proxy, clerk: Clerk) -> None:
    proxy.reset()
    async with calling(proxy) as line:
        with pytest.raises(ConnectionResetError) as reset:
            await line.says(b"hello\n")
    assert reset.value.errno == errno.ECONNRESET
    assert clerk.heard == []


async def test_reset_instead_of_the_answer_comes_after_the_deed(proxy: Proxy, clerk: Clerk) -> None:
    proxy.reset(Towards.CLIENT)
    async with calling(proxy) as line:
        with pytest.raises(ConnectionResetError):
            await line.says(b"hello\n")
    assert clerk.heard == [b"hello\n"]


async def test_a_lost_answer_leaves_the_deed_done_and_the_connection_ended(proxy: Proxy, clerk: Clerk) -> None:
    proxy.lose_answer(times=1)
    async with calling(proxy) as line:
        assert await line.says(b"hello\n") == b""
    assert clerk.heard == [b"hello\n"]
    async with calling(proxy) as line:
        assert await line.says(b"hello\n") == b"again: hello\n"


@pytest.mark.parametrize("towards", Towards)
async def test_limit_data_cuts_in_the_middle(proxy: Proxy, clerk: Clerk, towards: Towards) -> None:
    proxy.limit_data(9, towards)
    async with calling(proxy) as line:
        answer = await line.says(b"hello you there\n")
    if towards is Towards.CLIENT:
        assert answer == b"again: he"
    else:
        assert (answer, clerk.heard) == (b"", [b"hello you"])


@pytest.mark.parametrize("towards", Towards)
async def test_timeout_takes_the_connection_and_never_answers_until_healed(
    proxy: Proxy, clerk: Clerk, towards: Towards
) -> None:
    proxy.timeout(towards)
    async with calling(proxy) as line:
        answer = asyncio.create_task(line.says(b"hello\n"))
        done, _ = await asyncio.wait([answer], timeout=0.1)
        assert not done
        assert clerk.heard == ([b"hello\n"] if towards is Towards.CLIENT else [])
        await proxy.heal()
        assert await answer == b"", "what was swallowed never comes, so the connection ends"


async def test_only_so_many_connections_suffer(proxy: Proxy) -> None:
    fault = proxy.reset(times=2)
    outcomes = []
    for _ in range(4):
        async with calling(proxy) as line:
            try:
                outcomes.append(await line.says(b"hello\n"))
            except ConnectionResetError:
                outcomes.append(b"reset")
    assert outcomes == [b"reset", b"reset", b"again: hello\n", b"again: hello\n"]
    assert fault.hits == 2


async def test_only_what_was_meant_suffers_also_on_a_connection_that_was_open_before(proxy: Proxy) -> None:
    async with calling(proxy) as line:
        assert await line.says(b"select\n") == b"again: select\n"
        proxy.lose_answer(when=b"commit", times=1)
        assert await line.says(b"select\n") == b"again: select\n"
        assert await line.says(b"commit\n") == b""


async def test_heal_ends_a_fault_on_connections_that_live_on(proxy: Proxy) -> None:
    proxy.latency(0.3)
    async with calling(proxy) as line:
        assert await line.says(b"hello\n") == b"again: hello\n"
        await proxy.heal()
        began = time.monotonic()
        assert await line.says(b"hello\n") == b"again: hello\n"
        assert time.monotonic() - began < 0.2


async def test_a_service_that_is_not_there_looks_like_a_connection_that_ends(tmp_path: Path) -> None:
    async with proxying(tmp_path / "nobody") as proxy, calling(proxy) as line:
        # Whether what was said is already there when the connection ends decides between an end and a reset.
        with contextlib.suppress(ConnectionResetError):
            assert await line.says(b"hello\n") == b""
    assert proxy.open_connections == 0
