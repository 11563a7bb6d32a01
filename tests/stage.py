"""A pytest plugin: the whole bot, real, in a world of stand-ins, on real sockets and on both databases."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from bot import messages
from bot.app import Running, Tuning, running
from bot.sandbox.clock import Clock
from bot.sandbox.serving import Door, serving
from bot.sandbox.slack.workspace import Message, Version
from bot.sandbox.world import World
from bot.settings import Settings, load
from bot.slack_pace import Rates
from storage import audit, connections
from storage.records import AuditEntry, Connection
from storage.tables import DisconnectionRow

ADA = "ada@example.com"
STILL_AT_IT = messages.working().text
PATIENCE = 20.0
"""Seconds that an answer may take on a busy machine."""

CURTAIN = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
"""When every story begins, a Thursday, at night in Chicago: none depends on the day and hour at which it is told."""


@dataclass
class Stage:
    """The bot at work in the sandbox. `grace` is an agent, `linus` an admin, `ada` a grower with a Slack account."""

    world: World
    settings: Settings
    url: str
    running: Running
    grace: str
    linus: str
    ada: str
    growers: str
    alerts: str

    async def types(self, text: str, user: str | None = None, channel: str | None = None) -> Message:
        """Somebody (Grace in #growers) types a command; returns the private answer to it."""
        user, channel = user or self.grace, channel or self.growers
        seen = len(self.answers(user))
        outcome = await self.world.slack.command(user, channel, text)
        assert outcome.ok, outcome
        await self.world.slack.until(lambda: len(self.answers(user)) > seen, PATIENCE)
        return self.answers(user)[-1]

    async def presses(
        self, message: Message, action: str, user: str | None = None, *, value: str | None = None, selected: Any = None
    ) -> Message:
        """Somebody presses a button, or what a message's menu offers; the newest private message afterwards."""
        user = user or self.grace
        before = self._whispers(user)
        if offer := offer_of(message, action):
            action, selected = "more", offer
        outcome = await self.world.slack.click(
            user, message.channel, message.ts, action, value=value, selected=selected
        )
        assert outcome.ok, outcome
        await self.world.slack.until(lambda: self._whispers(user) != before, PATIENCE)
        return self.answers(user)[-1]

    def answers(self, user: str) -> list[Message]:
        """What this person alone was told, without the word that an answer takes time on a busy machine."""
        return [message for message in self.world.slack.whispered(user) if message.text != STILL_AT_IT]

    def _whispers(self, user: str) -> list[tuple[str, int]]:
        return [(message.ts, len(message.versions)) for message in self.answers(user)]

    async def posted(self, channel: str, count: int = 1) -> list[Message]:
        """Wait until that many messages stand in the channel."""
        await self.world.slack.until(lambda: len(self.world.slack.posted(channel)) >= count)
        return self.world.slack.posted(channel)

    async def dm(self, user: str, count: int = 1) -> list[Message]:
        return await self.posted(self.world.slack.dm(user), count)

    async def consents(self, link: str, email: str = ADA) -> httpx.Response:
        """A grower opens the link in a browser of their own, continues, approves at FieldView; the page they end on."""
        async with httpx.AsyncClient(follow_redirects=False) as browser:
            assert (await browser.get(link)).status_code == 200
            left = await browser.post(link)
            assert left.status_code == 303, left.text
            back = await browser.get(self.world.fieldview.approve(left.headers["location"], email))
            assert back.status_code == 303, back.text
            return await browser.get(str(httpx.URL(self.url).join(back.headers["location"])))

    async def connects(self, grower: str = "Ada Lovelace Farms", email: str = ADA) -> None:
        """The whole way from the command to a healthy connection."""
        await self.types(f"/fieldview connect {grower}")
        await self.consents(await self.link(email), email)
        await self.until_status(email, "healthy")

    async def link(self, email: str = ADA) -> str:
        """The newest consent link that went to that grower, by DM or through Grace."""
        if email == ADA:
            return link_in((await self.dm(self.ada))[-1])
        return link_in(self.world.slack.whispered(self.grace)[-1])

    async def sweeps_now(self) -> None:
        """The bot looks at everybody."""

        async def done() -> bool:
            # None while the bot's own sweep is under way: that one may have looked too early.
            return await self.running.bot.monitor.sweep(f"test-{uuid.uuid4().hex}") is not None

        await eventually(done)

    async def connection(self, email: str = ADA) -> Connection | None:
        async with self.running.bot.database.reading() as session:
            return await connections.get(session, self.world.leaf.find(email).id)

    async def until_status(self, email: str, status: str) -> None:
        """Wait until the bot believes that; asking Leaf is left to the bot."""

        async def so() -> bool:
            connection = await self.connection(email)
            return connection is not None and connection.status == status

        await eventually(so)

    async def time_to_undo_passes(self) -> None:
        """Eleven minutes go by, and what waited for them to pass is done, or tried when Leaf does not let it."""
        self.world.clock.advance(timedelta(minutes=11))

        async def so() -> bool:
            due = (DisconnectionRow.ended_at.is_(None), DisconnectionRow.due_at <= self.world.clock())
            waits = select(DisconnectionRow.id).where(*due, DisconnectionRow.trouble.is_(None))
            async with self.running.bot.database.reading() as session:
                return await session.scalar(waits) is None

        await eventually(so)

    async def delivered(self) -> None:
        """Wait until nothing is owed to Slack any more."""

        async def so() -> bool:
            figures = await self.running.bot.readiness.figures()
            return figures.outbox_depth == 0

        await eventually(so)

    async def audit(self) -> list[AuditEntry]:
        async with self.running.bot.database.reading() as session:
            return [sealed.entry async for sealed in audit.everything(session)]

    async def deeds(self) -> list[tuple[str, str]]:
        """The audit trail as (action, outcome), oldest first."""
        return [(entry.action, entry.outcome) for entry in await self.audit()]


async def eventually(so: Callable[[], Any], within: float = 10.0) -> None:
    """Look again until it is so. Raises TimeoutError. For what no bell rings for: rows in the bot's own database."""
    import asyncio

    async with asyncio.timeout(within):
        while not await so():  # noqa: ASYNC110 - no event tells of a row in a database
            await asyncio.sleep(0.02)


def link_in(message: Message | Version) -> str:
    """The consent link a message carries, in a button or in its text."""
    import re

    found = re.search(r"http://127\.0\.0\.1:\d+/connect/[\w-]+", repr(message.blocks) + message.text)
    assert found, message.text
    return found.group()


def text_of(message: Message) -> str:
    """All text a person sees in a message."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(str(value[key]) for key in ("text", "title", "alt_text") if isinstance(value.get(key), str))
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(message.blocks)
    return "\n".join([message.text, *found])


def buttons_of(message: Message) -> list[str]:
    """The action ids of a message's elements."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "overflow":
                found.extend(option["value"].partition(":")[0] for option in value["options"])
            elif isinstance(value.get("action_id"), str):
                found.append(value["action_id"])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(message.blocks)
    return found


def offer_of(message: Message, action: str) -> str | None:
    """The option that stands for this action in a message's overflow menu."""
    elements = [element for block in message.blocks or [] for element in block.get("elements", [])]
    options = [option for element in elements if element.get("type") == "overflow" for option in element["options"]]
    return next((option["value"] for option in options if option["value"].partition(":")[0] == action), None)


Around = Callable[[World], AbstractAsyncContextManager[Mapping[str, Any]]]


@asynccontextmanager
async def _nothing_around(world: World) -> AsyncIterator[Mapping[str, Any]]:
    yield {}


@asynccontextmanager
async def set_up(
    database_url: str,
    *,
    tuning: Tuning | None = None,
    populate: bool = True,
    around: Around = _nothing_around,
    host: Callable[[Settings, Tuning], AbstractAsyncContextManager[Running]] = running,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """The bot in a fresh world: Ada's farm not connected, Sato's healthy; `settings` go over the usual ones.

    `around` may put something between the bot and the world, and returns settings that lead there; `host` runs the bot.
    """
    door = Door()
    async with World.running(Clock.beginning(CURTAIN)) as world, serving(door) as url, around(world) as detours:
        slack = world.slack
        grace = slack.add_user("grace", "Grace Okafor", "grace@greenacres.example")
        linus = slack.add_user("linus", "Linus Berg", "linus@greenacres.example", admin=True)
        ada = slack.add_user("ada", "Ada Lovelace", ADA)
        growers = slack.add_channel("growers", [grace, linus])
        alerts = slack.add_channel("fieldview-alerts", [grace, linus])
        slack.deliver_to = f"{url}/slack/events"
        world.fieldview.allow_redirect(f"{url}/oauth/fieldview/callback")
        if populate:
            world.leaf.add_user(name="Ada Lovelace Farms", email=ADA, external_id="L-1815")
            world.fieldview.add_account(ADA, "Ada", "Lovelace")
            world.leaf.add_user(name="Sato Family Orchards", email="hana@sato.example", external_id="L-1900")
            world.leaf.connect("hana@sato.example")
        usual: dict[str, Any] = {name.lower(): value for name, value in world.environment().items()}
        usual |= {
            "slack_app_token": None,
            "database_url": database_url,
            "encryption_keys": Fernet.generate_key().decode(),
            "public_url": url,
            "alert_channel": alerts,
            "sweep_interval": 3600,
            "leaf_requests_per_second": 200,
        }
        made = load(_env_file=None, **(usual | dict(detours) | settings))
        turned = tuning or Tuning()
        fast = Rates().times(1000)
        turned = replace(turned, clock=world.clock, seconds=world.clock.seconds)
        turned = replace(turned, nap=0.1, rates=fast, edits_apart=0.0)
        async with host(made, turned) as bot:
            door.app = bot.web
            yield Stage(world, made, url, bot, grace, linus, ada, growers, alerts)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """The whole bot, on SQLite and on PostgreSQL in turn."""
    async with set_up(database_url) as ready:
        yield ready


@pytest.fixture
async def stage_on_sqlite(sqlite_url: str) -> AsyncIterator[Stage]:
    """The whole bot on SQLite alone, for what does not depend on the database."""
    async with set_up(sqlite_url) as ready:
        yield ready


@pytest.fixture
def put_back_logging() -> Iterator[None]:
    """The test may configure logging as the program does; afterwards it is as it was."""
    import logging

    import structlog

    from bot.logs import CHATTY

    before = structlog.get_config()
    loggers = [logging.getLogger(name) for name in (None, *CHATTY)]
    kept = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield
    structlog.configure(**before)
    for logger, handlers, level, propagate in kept:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def days(number: float) -> timedelta:
    return timedelta(days=number)


__all__ = ["ADA", "Stage", "buttons_of", "days", "eventually", "link_in", "set_up", "stage", "text_of"]
