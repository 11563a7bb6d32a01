"""Serve an ASGI application on a real loopback socket, inside this event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE = 1.0
"""Seconds that answers under way may take when a server ends."""


class _Server(uvicorn.Server):
    """Ends at once: uvicorn looks ten times a second whether it shall, and then waits for a tenth more."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.end = asyncio.Event()

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())
        await self.end.wait()
        ticking.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := set(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:
                task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone: this server is a guest in somebody's event loop."""
        yield


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; yields the base URL, `http://127.0.0.1:PORT`. Port 0 takes a free one.

    Every request's scope carries `drop_connection`, a function that ends the connection without an answer.
    Raises OSError when the port is taken.
    """
    transports: dict[tuple[str, int], asyncio.Transport] = {}

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transports[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    async def with_drop(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (transport := transports.get(scope["client"])):
            scope["drop_connection"] = transport.abort
        if scope["type"] == "websocket" and (transport := transports.pop(scope["client"], None)):
            scope["drop_connection"] = transport.abort
        await app(scope, receive, send)

    # Only of a socket that says it is TCP asyncio turns Nagle's algorithm off, which holds answers back for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        with_drop,
        http=Protocol,
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        lifespan="off",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end.set()
        await task
        listener.close()


class Door:
    """An ASGI application that has an address before it exists: set `app` when it does; until then it answers 503."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app or PlainTextResponse("not open yet", 503))(scope, receive, send)
