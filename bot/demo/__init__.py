"""The second composition root: the real bot beside stand-ins for Slack, Leaf and FieldView, on one page."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from bot import logs
from bot.app import Running, Tuning, running
from bot.demo.backstage import Director
from bot.demo.cast import Cast, populate
from bot.demo.stage import stage
from bot.sandbox.serving import Door, serving
from bot.sandbox.world import World
from bot.settings import load

SWEEP_INTERVAL = 10
NAP = 2.0
"""Seconds: jobs wait by the real clock, and the world's may jump past the moment for which one waits."""


@dataclass(frozen=True)
class Demo:
    """The demo at work: `url` is the page to open."""

    url: str
    world: World
    cast: Cast
    bot: Running


@asynccontextmanager
async def performing(folder: Path, port: int = 0) -> AsyncIterator[Demo]:
    """The whole demo on loopback, its database in that folder. Raises OSError when the port is taken."""
    door = Door()
    async with World.running(delivers_alerts=True) as world, serving(door) as bot_url:
        cast = await populate(world)
        world.fieldview.allow_redirect(f"{bot_url}/oauth/fieldview/callback")
        world.slack.deliver_to = f"{bot_url}/slack/events"
        settings = load(
            _env_file=None,
            **{name.lower(): value for name, value in world.environment().items()},
            slack_app_token=None,
            database_url=f"sqlite:///{folder / 'demo.db'}",
            encryption_keys=Fernet.generate_key().decode(),
            public_url=bot_url,
            alert_channel=cast.alert_channel,
            sweep_interval=SWEEP_INTERVAL,
            leaf_requests_per_second=50,
        )
        async with running(settings, Tuning(clock=world.clock, nap=NAP)) as bot:
            door.app = bot.web
            async with Director(world, bot, cast) as director, serving(stage(director, world.slack.app), port) as url:
                yield Demo(url, world, cast, bot)


async def demo(port: int) -> int:
    """Perform until Ctrl-C; returns the exit code."""
    logs.configure("warning")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="fieldview-demo-") as folder:
        try:
            async with performing(Path(folder), port) as show:
                print(f"\n  FieldView for Slack, with nothing real behind it:\n\n      {show.url}\n", flush=True)
                print("  Open this address in a browser. Ctrl-C ends it all.", flush=True)
                await stopped.wait()
                print("\n  Ending.", flush=True)
        except OSError as fault:
            print(f"The demo cannot listen on port {port}: {fault.strerror}. Try --port 0.", file=sys.stderr)
            return 1
    return 0
