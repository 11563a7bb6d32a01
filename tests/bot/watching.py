"""The part of the bot that watches, in a world of stand-ins; what it owes is delivered when a test says so."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import DELIVER, Announcer
from bot.consent_news import ConsentNews
from bot.correspondence import Correspondence
from bot.dataflow import DataFlows
from bot.flaps import Flaps
from bot.journal import Journal
from bot.leaf.client import LeafClient
from bot.learning import Learning
from bot.monitor import Monitor
from bot.pace import Unpaced
from bot.reducer import Reducer
from bot.sandbox.clock import Clock
from bot.sandbox.leaf import NEEDED_SCOPES, LeafUser
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from bot.slack.client import SlackClient
from bot.slack_pace import Rates
from bot.storms import Storms
from storage import connections, incidents, outbox, subscriptions
from storage.database import Database
from storage.records import Announcement, Connection, Incident
from tests.stage import CURTAIN


@dataclass
class Owed:
    """The queue as a list: what was enqueued in transactions that ended well, each key once."""

    jobs: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def enqueue(self, session: AsyncSession, job: str, subject: str, key: str) -> None:
        def committed(_: Any) -> None:
            self.jobs.setdefault(key, (job, subject))

        event.listen(session.sync_session, "after_commit", committed, once=True)


@dataclass
class Naps:
    """Waits that take no time and are remembered."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Watch:
    """Whoever watches over `world`. Ada and Sato are connected; #growers is subscribed, #alerts gets everything."""

    world: World
    database: Database
    queue: Owed
    leaf: LeafClient
    slack: SlackClient
    announcer: Announcer
    journal: Journal
    monitor: Monitor
    reducer: Reducer
    storms: Storms
    naps: Naps
    growers: str
    alerts: str
    ada: LeafUser
    done: set[str] = field(default_factory=set)

    async def sweeps(self, name: str | None = None) -> Any:
        return await self.monitor.sweep(name or f"sweep-{uuid.uuid4().hex}")

    async def delivers(self) -> list[float | None]:
        """Every delivery owed so far runs once; what each wants: None, or seconds until it is tried again."""
        wants = []
        while waiting := [key for key in self.queue.jobs if key not in self.done]:
            for key in waiting:
                self.done.add(key)
                job, subject = self.queue.jobs[key]
                if job == DELIVER:
                    wants.append(await self.announcer.deliver(subject))
        return wants

    async def delivers_again(self) -> list[float | None]:
        """What is still owed is tried once more, as its job would in time."""
        async with self.database.reading() as session:
            owed = await outbox.owed(session)
        return [await self.announcer.deliver(each.id) for each in owed] + await self.delivers()

    async def settles(self) -> None:
        await self.sweeps()
        await self.delivers()

    def posts(self, channel: str | None = None) -> list[Message]:
        return self.world.slack.posted(channel or self.growers)

    async def connection(self, user: LeafUser | None = None) -> Connection | None:
        async with self.database.reading() as session:
            return await connections.get(session, (user or self.ada).id)

    async def status(self, user: LeafUser | None = None) -> str | None:
        known = await self.connection(user)
        return known.status.value if known else None

    async def incident(self, user: LeafUser | None = None) -> Incident | None:
        async with self.database.reading() as session:
            return await incidents.open_of_grower(session, (user or self.ada).id)

    async def count_incidents(self) -> int:
        async with self.database.reading() as session:
            return await incidents.count_open(session)

    async def owed(self) -> list[Announcement]:
        async with self.database.reading() as session:
            return await outbox.owed(session)

    async def subscribe(self, channel: str) -> None:
        async with self.database.transaction() as session:
            await subscriptions.add(session, channel, "U1", self.world.clock())

    async def subscribe_by(self, channel: str, user: str) -> None:
        async with self.database.transaction() as session:
            await subscriptions.remove(session, channel)
            await subscriptions.add(session, channel, user, self.world.clock())

    async def broken_reason(self, channel: str) -> str | None:
        async with self.database.reading() as session:
            found = await subscriptions.get(session, channel)
        return found.broken_reason if found else "not subscribed"

    def asked(self, pattern: str) -> int:
        """How many requests Leaf has got whose `METHOD /path` matches."""
        return len(self.world.leaf.log.matching(pattern))


LIST = r"^GET .*/users$"
ONE = r"^GET .*/climate-field-view-credentials$"


@asynccontextmanager
async def watching(
    database_url: str,
    *,
    alert_channel: bool = True,
    connected: bool = True,
    agreeing_reads: int = 2,
    storm_size: int = 5,
) -> AsyncIterator[Watch]:
    """The watching part of the bot until the block ends."""
    async with World.running(Clock.beginning(CURTAIN)) as world:
        watch = _composed(world, Database(database_url, pool_size=20), alert_channel, agreeing_reads, storm_size)
        if connected:
            world.leaf.connect(watch.ada)
            world.leaf.connect(world.leaf.add_user("Sato Family Orchards", "hana@sato.example", "L-1900"))
        await watch.subscribe(watch.growers)
        try:
            yield watch
        finally:
            await watch.leaf.close()
            await watch.database.close()


def _composed(world: World, database: Database, alert_channel: bool, agreeing_reads: int, storm_size: int) -> Watch:
    growers, alerts = world.slack.add_channel("growers"), world.slack.add_channel("alerts")
    naps, queue, clock = Naps(), Owed(), world.clock
    password = SecretStr(world.leaf.password)
    leaf = LeafClient(world.leaf_url, world.leaf.username, password, Unpaced(), sleep=naps)
    slack = SlackClient(world.slack.bot_token, world.slack.api_url)
    announcer = Announcer(
        database,
        slack,
        queue,
        DataFlows(database, leaf, clock),
        clock,
        alerts if alert_channel else None,
        correspondence=correspondence(database, clock),
        rates=Rates().times(1000),
        edits_apart=0.0,
    )
    journal = Journal(database, SecretStr("key"), clock)
    flaps = Flaps(database, announcer, journal, clock)
    storms = Storms(database, announcer, journal, clock, storm_size)
    news = ConsentNews(announcer, journal)
    reducer = Reducer(
        database, announcer, journal, clock, NEEDED_SCOPES, storms, flaps, news, agreeing_reads=agreeing_reads
    )
    monitor = Monitor(
        database, leaf, reducer, announcer, Learning(announcer, journal, clock), clock, storms, nobody_else
    )
    ada = world.leaf.add_user("Ada Lovelace Farms", "ada@example.com", "L-1815")
    return Watch(
        world, database, queue, leaf, slack, announcer, journal, monitor, reducer, storms, naps, growers, alerts, ada
    )


async def nobody_else() -> None:
    """No other job runs, so that nobody has to be let pass."""


def correspondence(database: Database, clock: Callable[[], datetime]) -> Correspondence:
    """The letters to growers."""
    return Correspondence(database, clock, "https://bot.example")


async def together(*deeds: Callable[[], Awaitable[Any]]) -> list[Any]:
    """All at the same moment."""
    import asyncio

    return await asyncio.gather(*(deed() for deed in deeds))
