"""Run the bot behind a web server until it is told to stop, then finish what runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from bot.app import Tuning, running
from bot.errors import BotError
from bot.replicas import AlreadyRunning
from bot.settings import Settings

log = structlog.get_logger(__name__)

GRACE = 20
"""Seconds that requests under way get when the program is told to stop."""

HEAD_WITHIN = 20.0
"""Seconds for a request line and headers, and for which an idle connection stays."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WebServer(uvicorn.Server):
    """Uvicorn without its signal handlers: they raise the signal again at the end, which would kill what still runs."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program."""
        yield


class PunctualProtocol(H11Protocol):
    """Hangs up on whoever does not get their request's head across: uvicorn itself waits for it for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_WITHIN, self._look, None)

    def _look(self, before: RequestResponseCycle | None) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is before and (cycle is None or cycle.response_complete):
            self.transport.close()
        else:
            self.loop.call_later(HEAD_WITHIN, self._look, cycle)


class StopSignals:
    """What SIGINT and SIGTERM do: before the server runs they end the start, then they end the server, then at once."""

    def __init__(self) -> None:
        self._starting = asyncio.current_task()
        self._server: WebServer | None = None

    def end(self, server: WebServer) -> None:
        """From now on the signals end this server."""
        self._server = server

    def received(self) -> None:
        if self._server is not None:
            self._server.force_exit = self._server.should_exit
            self._server.should_exit = True
        elif self._starting is not None:
            self._starting.cancel()


def web_server(app: ASGIApp, host: str, port: int) -> WebServer:
    """A server that says nothing of itself and logs no addresses: they may hold codes and link tokens."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        lifespan="off",
        http=PunctualProtocol,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return WebServer(config)


async def serve(settings: Settings, tuning: Tuning = Tuning()) -> int:  # noqa: B008 - frozen
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    try:
        listener = _bound(settings.host, settings.port)
    except OSError as fault:
        return _cannot_start(f"HOST {settings.host}, PORT {settings.port}: {fault.strerror or type(fault).__name__}.")
    with contextlib.closing(listener), _signals() as signals:
        try:
            async with running(settings, tuning) as bot:
                server = web_server(bot.web, settings.host, settings.port)
                signals.end(server)
                log.info("serving", host=settings.host, port=settings.port, workspace=bot.workspace.name)
                await server.serve(sockets=[listener])
                log.info("stopping: finishing what runs")
        except AlreadyRunning as fault:
            return _cannot_start(str(fault))
        except BotError as fault:
            return _cannot_start(f"{fault} Run `fieldview-bot check` to see what is wrong.")
        except (FileNotFoundError, PermissionError) as fault:
            return _cannot_start(f"The database's file cannot be written ({fault.strerror}). Check DATABASE_URL.")
        except asyncio.CancelledError:
            log.info("stopped while starting")
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """The address, taken before anything else is done: a second process notices here. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _signals() -> Iterator[StopSignals]:
    loop, signals = asyncio.get_running_loop(), StopSignals()
    for number in SIGNALS:
        loop.add_signal_handler(number, signals.received)
    try:
        yield signals
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _cannot_start(why: str) -> int:
    sys.stderr.write(f"The bot cannot start. {why}\n")
    return 1
