"""Whether the bot can do its work: database, Leaf login, Slack, and how old the last look at all credentials is."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import BotError
from bot.leaf.client import LeafClient
from bot.slack.client import SlackClient
from storage import connections, incidents, outbox, sweeps
from storage.database import Database
from storage.records import CredentialStatus

ASKED_AGAIN = timedelta(seconds=30)
"""For how long Leaf's and Slack's last word is good enough for a probe."""

COUNTED_AGAIN = timedelta(seconds=1)
"""For how long figures are good enough for whoever asks from outside, who needs no leave to ask."""

NOBODY = "fieldview-bot-readiness"
"""An externalId that no grower has: the cheapest question that shows whether Leaf still takes our login."""


@dataclass(frozen=True)
class Part:
    """One thing the bot needs: whether it is well, and a sentence when it is not."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Figures:
    """Numbers for operators; ages in seconds, None when it never happened."""

    sweep_age: float | None
    leaf_success_age: float | None
    outbox_depth: int
    open_incidents: int
    connections: dict[CredentialStatus, int]


class Readiness:
    """Looks at every part the bot needs."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        slack: SlackClient,
        clock: Callable[[], datetime],
        sweep_interval: float,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._slack = slack
        self._clock = clock
        self._sweep_interval = sweep_interval
        self._born = clock()
        self._remembered: dict[str, tuple[datetime, Part]] = {}
        self._counted: tuple[datetime, Figures | None] | None = None
        self._looked: tuple[datetime, dict[str, Part]] | None = None
        # Whoever comes while one asks waits for that answer.
        self._asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def parts(self) -> dict[str, Part]:
        """Every part by its name: database, leaf, slack, sweep."""
        return {
            **await self._by_the_database(),
            "leaf": await self._asked("leaf", lambda: self._leaf.find_users(externalId=NOBODY)),
            "slack": await self._asked("slack", self._slack.workspace),
        }

    async def figures(self) -> Figures:
        """Raises SQLAlchemyError when the database does not answer."""
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
            success = self._leaf.last_success
            return Figures(
                sweep_age=(self._clock() - last.finished_at).total_seconds() if last and last.finished_at else None,
                leaf_success_age=time.monotonic() - success if success is not None else None,
                outbox_depth=await outbox.depth(session),
                open_incidents=await incidents.count_open(session),
                connections=await connections.counts(session),
            )

    async def recent_figures(self) -> Figures | None:
        """Figures that are a second old at most; None when the database does not answer."""
        async with self._asking["figures"]:
            if self._counted is None or self._clock() - self._counted[0] >= COUNTED_AGAIN:
                try:
                    figures = await self.figures()
                except (SQLAlchemyError, OSError):
                    figures = None
                self._counted = (self._clock(), figures)
            return self._counted[1]

    async def _by_the_database(self) -> dict[str, Part]:
        """The database and the sweep, a second old at most: many who probe take no connections from the work."""
        async with self._asking["database"]:
            if self._looked is None or self._clock() - self._looked[0] >= COUNTED_AGAIN:
                database = await self._database_answers()
                sweep = await self._sweep() if database.ok else Part(False, "unknown without the database")
                self._looked = (self._clock(), {"database": database, "sweep": sweep})
            return self._looked[1]

    async def _database_answers(self) -> Part:
        try:
            async with self._database.reading() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as failure:
            return Part(False, f"does not answer ({type(failure).__name__})")
        return Part(True)

    async def _asked(self, name: str, ask: Callable[[], Awaitable[object]]) -> Part:
        async with self._asking[name]:
            asked_at, part = self._remembered.get(name, (None, Part(False)))
            if asked_at is not None and self._clock() - asked_at < ASKED_AGAIN:
                return part
            try:
                await ask()
                part = Part(True)
            except BotError as failure:
                part = Part(False, str(failure))
            self._remembered[name] = (self._clock(), part)
            return part

    async def _sweep(self) -> Part:
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
        patience = timedelta(seconds=2 * self._sweep_interval + 60)
        age = self._clock() - (last.finished_at if last and last.finished_at else self._born)
        if age <= patience:
            return Part(True, "" if last else "the first one has not ended yet")
        return Part(False, f"the last complete one ended {int(age.total_seconds())} s ago")
