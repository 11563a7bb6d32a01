"""The outside world, the bot and the bare programs: each a process of its own, started, watched and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.wire import Wire, request

ROOT = Path(__file__).parents[1]
ABSENT = Path(__file__).parent / "absent"
"""Hides what an installation has not from the programs that are measured."""

START = 60.0
"""Seconds a program may take until it answers."""


class DidNotStart(Exception):
    """A program ended or kept quiet; the text ends with what it said last."""


@dataclass(frozen=True)
class Program:
    """A running process that answers HTTP at `url`; `start` is the seconds until it first did."""

    pid: int
    url: str
    start: float


@dataclass(frozen=True)
class Sandbox:
    """The outside world, and who in its Slack types commands."""

    pid: int
    leaf_url: str
    slack_url: str
    team: str
    agent: str
    channel: str
    environment: Mapping[str, str]


@asynccontextmanager
async def sandbox(folder: Path, growers: int = 0) -> AsyncIterator[Sandbox]:
    """The stand-ins, with that many growers whose credentials are healthy."""
    command = ["-m", "bot.sandbox", "--growers", str(growers)]
    with (folder / "sandbox.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command), cwd=ROOT, stdout=subprocess.PIPE, stderr=log, limit=1 << 20
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START)
        if not line:
            raise DidNotStart(await asyncio.to_thread(_end_of, folder / "sandbox.log"))
        told: dict[str, Any] = json.loads(line)
        names = ("leaf_url", "slack_url", "team", "agent", "channel", "environment")
        yield Sandbox(process.pid, **{name: told[name] for name in names})
    finally:
        await _stopped(process)


@asynccontextmanager
async def bot(folder: Path, world: Sandbox, database_url: str, **settings: str) -> AsyncIterator[Program]:
    """`python -m bot serve` in that world; it sweeps once at its start and then not for a day."""
    port = free_port()
    usual = {
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": KEY,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "ALERT_CHANNEL": world.channel,
        "SWEEP_INTERVAL": "86400",
        "LEAF_REQUESTS_PER_SECOND": "1000",
        # Alerts that are measured one by one need a message each.
        "STORM_SIZE": "100000",
    }
    environment = {**world.environment, **usual, **settings}
    async with program(folder, ["-m", "bot", "serve"], port, environment, "/healthz") as running:
        yield running


@asynccontextmanager
async def bare(folder: Path, kind: str, environment: Mapping[str, str]) -> AsyncIterator[Program]:
    """One of the programs in `benchmarks.bare`."""
    port = free_port()
    command = ["-m", "benchmarks.bare", kind, "--port", str(port)]
    async with program(folder, command, port, environment, "/") as running:
        yield running


@asynccontextmanager
async def program(
    folder: Path, command: Sequence[str], port: int, environment: Mapping[str, str], probe: str
) -> AsyncIterator[Program]:
    """Start Python with this command, wait until it answers, and stop it at the end. Raises DidNotStart."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    said = folder / f"{port}.log"
    before = time.perf_counter()
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command),
            cwd=folder,
            env={**inherited, "PYTHONPATH": os.pathsep.join(map(str, (ABSENT, ROOT))), **environment},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _answering(process, url, probe, said)
        yield Program(process.pid, url, time.perf_counter() - before)
    finally:
        await _stopped(process)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def resident(pid: int) -> float:
    """MiB of memory the process has in RAM."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(said) / 1024


def processor_seconds(pid: int) -> float:
    """Seconds of processor time the process has used, in hundredths."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    said = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return sum(float(part) * 60.0**place for place, part in enumerate(reversed(said.strip().split(":"))))


@asynccontextmanager
async def peak(pid: int) -> AsyncIterator[list[float]]:
    """Watch the memory of a process; the list's only member is the most MiB it was seen to have."""
    most = [resident(pid)]

    async def watch() -> None:
        while True:
            most[0] = max(most[0], await asyncio.to_thread(resident, pid))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(watch())
    try:
        yield most
    finally:
        task.cancel()
        most[0] = max(most[0], resident(pid))


async def _answering(process: asyncio.subprocess.Process, url: str, probe: str, said: Path) -> None:
    deadline = time.perf_counter() + START
    while time.perf_counter() < deadline:
        if process.returncode is not None:
            break
        try:
            async with Wire(url) as wire:
                await wire.send(request("GET", url + probe))
                return
        except (OSError, EOFError):
            await asyncio.sleep(0.01)
    raise DidNotStart(await asyncio.to_thread(_end_of, said))


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), 30)
    except TimeoutError:
        process.kill()
        await process.wait()


KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""A Fernet key of our own making: it protects nothing but invented growers."""
