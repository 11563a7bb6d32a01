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
from storage.records import CredentialStatus, Sweep

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
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._slack = slack
        self._clock = clock
        self._seconds = seconds
        self._sweep_interval = sweep_interval
        self._born = clock()
        self._newest: tuple[str, float] = ("", seconds())
        """The sweep that ended last, and since when we know; no name before the first one."""
        self._remembered: dict[str, tuple[float, Part]] = {}
        self._counted: tuple[float, Figures | None] | None = None
        self._looked: tuple[float, dict[str, Part]] | None = None
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
                sweep_age=self._age(last) if last else None,
                leaf_success_age=time.monotonic() - success if success is not None else None,
                outbox_depth=await outbox.depth(session),
                open_incidents=await incidents.count_open(session),
                connections=await connections.counts(session),
            )

    async def recent_figures(self) -> Figures | None:
        """Figures that are a second old at most; None when the database does not answer."""
        async with self._asking["figures"]:
            if self._counted is None or self._is_past(COUNTED_AGAIN, self._counted[0]):
                try:
                    figures = await self.figures()
                except (SQLAlchemyError, OSError):
                    figures = None
                self._counted = (self._seconds(), figures)
            return self._counted[1]

    async def _by_the_database(self) -> dict[str, Part]:
        """The database and the sweep, a second old at most: many who probe take no connections from the work."""
        async with self._asking["database"]:
            if self._looked is None or self._is_past(COUNTED_AGAIN, self._looked[0]):
                database = await self._database_answers()
                sweep = await self._sweep() if database.ok else Part(False, "unknown without the database")
                self._looked = (self._seconds(), {"database": database, "sweep": sweep})
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
            remembered = self._remembered.get(name)
            if remembered is not None and not self._is_past(ASKED_AGAIN, remembered[0]):
                return remembered[1]
            try:
                await ask()
                part = Part(True)
            except BotError as failure:
                part = Part(False, str(failure))
            self._remembered[name] = (self._seconds(), part)
            return part

    def _is_past(self, span: timedelta, since: float) -> bool:
        return self._seconds() - since >= span.total_seconds()

    async def _sweep(self) -> Part:
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
        age = self._age(last)
        if age <= 2 * self._sweep_interval + 60:
            return Part(True, "" if last else "the first one has not ended yet")
        return Part(False, f"the last complete one ended {int(age)} s ago")

    def _age(self, last: Sweep | None) -> float:
        """Seconds since the last sweep ended, or since we began; at least as long as we have known of it, also when the
        machine's clock was set back."""
        name, ended_at = (last.id, last.finished_at) if last else ("", None)
        if name != self._newest[0]:
            self._newest = (name, self._seconds())
        by_the_clock = (self._clock() - (ended_at or self._born)).total_seconds()
        return max(by_the_clock, self._seconds() - self._newest[1])
