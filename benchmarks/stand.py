"""Where a figure is taken: the outside world, the bot's books, and who sends and receives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import leaf_loop, processes
from benchmarks.books import Books
from benchmarks.inbox import Inbox, inbox
from benchmarks.processes import Program, Sandbox
from benchmarks.senders import Leaf, Slack
from benchmarks.wire import Volley, volley


@dataclass(frozen=True)
class Stand:
    """A world of its own for one figure. `users` are Leaf's, as the bot's books already know them."""

    folder: Path
    world: Sandbox
    books: Books
    users: Sequence[dict[str, Any]]
    inbox: Inbox
    slack: Slack
    leaf: Leaf

    @asynccontextmanager
    async def bot(self, **settings: str) -> AsyncIterator[Program]:
        """The bot on these books, after the sweep it begins with."""
        async with processes.bot(self.folder, self.world, self.books.url, **settings) as program:
            await self.books.sweep()
            yield program

    @asynccontextmanager
    async def bare_slack(self) -> AsyncIterator[Program]:
        async with processes.bare(self.folder, "slack", self.world.environment) as program:
            yield program

    async def commands(self, program: Program, text: str, number: int, connections: int) -> Volley:
        """So many commands at once, as fast as they are acknowledged; returns when all are answered, too."""
        addresses = [self.inbox.address() for _ in range(number)]
        sent = await volley(
            program.url, [self.slack.command(program.url, text, each) for each in addresses], connections
        )
        await self.inbox.all_of(addresses)
        return sent

    async def acknowledgements(self, bare: Program, number: int, connections: int) -> Volley:
        """The same to the bare program, which has nothing to answer."""
        address = self.inbox.address()
        return await volley(
            bare.url, [self.slack.command(bare.url, "help", address) for _ in range(number)], connections
        )

    async def tell_leaf(self, verb: str, **arguments: Any) -> None:
        """Change the stand-in for Leaf."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.world.leaf_url}/_sandbox/{verb}", json=arguments)
            answer.raise_for_status()


@asynccontextmanager
async def stand(growers: int = 20) -> AsyncIterator[Stand]:
    """A fresh world with so many growers, all healthy and all known."""
    with tempfile.TemporaryDirectory(prefix="fieldview-bench-") as name:
        folder = Path(name)
        async with processes.sandbox(folder, growers) as world, inbox() as box:
            users = await leaf_loop.all_users(world)
            books = Books(folder / "fieldview.db")
            await asyncio.to_thread(books.fill, users)
            yield Stand(folder, world, books, users, box, Slack(world), Leaf(world))
