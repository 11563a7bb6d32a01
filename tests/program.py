"""The real program in a process of its own, in the sandbox's world: to be killed, told to stop, and read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.fernet import Fernet
from sqlalchemy import text as sql

from bot.sandbox.clock import Clock
from bot.sandbox.world import World
from storage.database import Database
from tests.stage import ADA, eventually

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """One that stays free while a program is down: below those that Linux hands out for connections to elsewhere."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def environment_of(world: World, database_url: str, port: int) -> dict[str, str]:
    """What the program needs to live in this world, and nothing of the developer's own settings."""
    return {
        **world.environment(),
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "LEAF_REQUESTS_PER_SECOND": "200",
        "SWEEP_INTERVAL": "3600",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@dataclass(eq=False)
class Program:
    """`python -m bot …` with this environment, in this empty folder; what it writes is kept in `folder/output`."""

    environment: Mapping[str, str]
    folder: Path
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens, which for a second replica is not where growers reach them."""
        port = self.environment.get("PORT")
        return f"http://127.0.0.1:{port}" if port else self.environment["PUBLIC_URL"]

    @property
    def output(self) -> str:
        """Everything it wrote so far, in all its lives."""
        return (self.folder / "output").read_text(errors="replace")

    async def starts(self) -> None:
        """Serve, and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve",
                cwd=self.folder, env=dict(self.environment), stdout=output, stderr=output,
            )  # fmt: skip
        # Made once: reading the world's certificates each time takes longer than asking.
        async with httpx.AsyncClient(trust_env=False) as client:
            await eventually(lambda: self._answers(client), within=90)

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.output
        try:
            return (await client.get(f"{self.url}/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    async def is_killed(self) -> None:
        """SIGKILL: no farewell."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def is_told_to_stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def runs(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run another command to its end: exit code, standard output, standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments,
            cwd=self.folder, env={**self.environment, **environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@dataclass
class Outside:
    """A world with people in it and the program beside it; Ada's farm is not connected yet."""

    world: World
    program: Program
    grace: str
    ada: str
    growers: str
    alerts: str
    database: Database

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.reading() as session:
            return [tuple(row) for row in await session.execute(sql(query))]

    async def types(self, text: str) -> None:
        outcome = await self.world.slack.command(self.grace, self.growers, text)
        assert outcome.ok, outcome


@asynccontextmanager
async def second(story: Outside, folder: Path, **environment: str) -> AsyncIterator[Program]:
    """Another replica with the same settings and a port of its own."""
    program = Program({**story.program.environment, "PORT": str(free_port()), **environment}, folder)
    try:
        await program.starts()
        yield program
    finally:
        if program.process is not None and program.process.returncode is None:
            await program.is_killed()


@asynccontextmanager
async def outside(database_url: str, folder: Path, **environment: str) -> AsyncIterator[Outside]:
    """The world and the program, started; both end with the block, whatever state they are in."""
    port = free_port()
    database = Database(database_url)
    async with World.running(Clock()) as world:
        slack = world.slack
        grace = slack.add_user("grace", "Grace Okafor", "grace@greenacres.example")
        ada = slack.add_user("ada", "Ada Lovelace", ADA)
        growers = slack.add_channel("growers", [grace])
        alerts = slack.add_channel("fieldview-alerts", [grace])
        slack.deliver_to = f"http://127.0.0.1:{port}/slack/events"
        world.fieldview.allow_redirect(f"http://127.0.0.1:{port}/oauth/fieldview/callback")
        world.leaf.add_user(name="Ada Lovelace Farms", email=ADA, external_id="L-1815")
        world.fieldview.add_account(ADA, "Ada", "Lovelace")
        settings = environment_of(world, database_url, port) | {"ALERT_CHANNEL": alerts} | environment
        program = Program(settings, folder)
        try:
            await program.starts()
            yield Outside(world, program, grace, ada, growers, alerts, database)
        finally:
            if program.process is not None and program.process.returncode is None:
                await program.is_killed()
            await database.close()
