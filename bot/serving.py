"""Run the bot behind a web server until it is told to stop, then finish what runs."""

from __future__ import annotations

import sys

import structlog
import uvicorn
from starlette.types import ASGIApp

from bot.app import Tuning, running
from bot.errors import BotError
from bot.replicas import AlreadyRunning
from bot.settings import Settings

log = structlog.get_logger(__name__)

GRACE = 20
"""Seconds that requests under way get when the program is told to stop."""


def web_server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
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
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return uvicorn.Server(config)


async def serve(settings: Settings, tuning: Tuning = Tuning()) -> int:  # noqa: B008 - frozen
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    try:
        async with running(settings, tuning) as bot:
            server = web_server(bot.web, settings.host, settings.port)
            log.info("serving", host=settings.host, port=settings.port, workspace=bot.workspace.name)
            await server.serve()
            log.info("stopping: finishing what runs")
    except AlreadyRunning as fault:
        print(str(fault), file=sys.stderr)
        return 1
    except BotError as fault:
        print(f"The bot cannot start. {fault} Run `fieldview-bot check` to see what is wrong.", file=sys.stderr)
        return 1
    return 0
