"""What an operator may do to the demo's world, and what is true in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from bot.app import Running
from bot.demo.cast import Cast
from bot.demo.stage import Argument, AuditLine, CommandHint, GrowerTruth, NotPossible, Truth
from bot.sandbox.faults import Faults
from bot.sandbox.leaf.records import LeafUser
from bot.sandbox.world import World
from handlers.commands import COMMANDS
from storage import audit, connections, growers
from storage.records import AuditEntry, Connection, Grower

DATA_COMES = 4.0
"""Seconds between two rounds of Leaf fetching what newly connected growers shared."""

SHOWN = 300


class Director:
    """The Backstage of the page: turns an operator's levers into the sandbox's verbs."""

    def __init__(self, world: World, bot: Running, cast: Cast) -> None:
        self._world = world
        self._bot = bot
        self._cast = cast
        self._broken: dict[str, list[str]] = {"leaf": [], "fieldview": [], "slack": []}
        self._syncing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._syncing = asyncio.create_task(self._let_data_come())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._syncing is not None:
            self._syncing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._syncing

    async def cast(self) -> list[str]:
        return [self._cast.agent, self._cast.lead, self._cast.grower]

    async def commands(self) -> list[CommandHint]:
        return [CommandHint(command.name, command.arguments, command.purpose) for command in COMMANDS.values()]

    async def truth(self) -> Truth:
        async with self._bot.bot.database.reading() as session:
            users = self._world.leaf.users.select({})
            known = await connections.get_many(session, [user.id for user in users])
            indexed = await growers.get_many(session, [user.id for user in users])
        return Truth(
            clock=self._world.clock().isoformat(),
            growers=tuple(self._grower(user, known.get(user.id), indexed.get(user.id)) for user in users),
            faults={name: tuple(broken) for name, broken in self._broken.items()},
        )

    async def audit(self, after: int) -> list[AuditLine]:
        async with self._bot.bot.database.reading() as session:
            rows = await audit.after(session, after, SHOWN)
        return [
            AuditLine(
                row.seq,
                row.entry.at.isoformat(),
                self._who(row.entry),
                row.entry.action,
                row.entry.target_name or "",
                _ending(row.entry),
            )
            for row in rows
        ]

    async def do(self, verb: str, arguments: Mapping[str, Argument]) -> str:
        match verb, dict(arguments):
            case "jump", {"seconds": int(seconds)}:
                return await self._jump(seconds)
            case "sweep", _:
                # As the job does it: Leaf being ill ends it early and is nobody else's trouble.
                await self._bot.bot.monitor.sweep_job(f"demo-{self._world.clock().timestamp()}")
                return "The bot has asked Leaf about everybody."
            case "break", {"service": str(service), "how": str(how)}:
                return self._break(service, how)
            case "heal", {"service": str(service)}:
                return self._heal(service)
            case _, {"grower": str(grower)}:
                return await self._to_grower(verb, grower)
        raise NotPossible("There is no such lever.")

    async def _jump(self, seconds: int) -> str:
        if not 0 < seconds <= 40 * 86_400:
            raise NotPossible("The clock goes forward, at most 40 days at a time.")
        now = self._world.clock.advance(timedelta(seconds=seconds))
        await self._bot.timer.tick()
        await self._bot.timer.look_at_data()
        return f"It is {now:%A %d %B, %H:%M} UTC."

    async def _to_grower(self, verb: str, grower: str) -> str:
        try:
            user = self._world.leaf.find(grower)
        except LookupError:
            raise NotPossible("There is no such grower.") from None
        if user.credential is None:
            raise NotPossible(f"{user.name} has not connected FieldView yet.")
        match verb:
            case "revoke":
                self._world.fieldview.revoke(user.email)
                await self._world.leaf.revoke(user)
                return f"{user.name} took the permission back in FieldView, and Leaf noticed."
            case "restrict":
                await self._world.leaf.limit(user)
                return f"{user.name} took one permission away, and Leaf noticed."
            case "restore":
                self._world.leaf.restore(user)
                return f"{user.name}'s connection works again. Leaf tells nobody; the bot finds out by looking."
        raise NotPossible("There is no such lever.")

    def _break(self, service: str, how: str) -> str:
        faults = self._faults(service)
        match service, how:
            case "slack", "rate_limit" | "429":
                self._world.slack.rate_limit("chat.postMessage", retry_after=2, times=None)
            case _, "outage":
                faults.outage(LEVERS[service])
            case _, "html":
                faults.html(LEVERS[service])
            case _, "slow":
                faults.slow(2.0, LEVERS[service])
            case _:
                raise NotPossible("It does not break like that.")
        self._broken[service].append(how)
        return f"{NAMES[service]} is ill now ({how})."

    def _heal(self, service: str) -> str:
        for name in NAMES if service == "all" else [service]:
            self._faults(name).heal()
            if name == "slack":
                self._world.slack.heal()
            self._broken[name].clear()
        return "All is well again." if service == "all" else f"{NAMES[service]} is well again."

    def _faults(self, service: str) -> Faults:
        if service not in NAMES:
            raise NotPossible("There is no such service.")
        faults: Faults = getattr(self._world, service).faults
        return faults

    def _grower(self, user: LeafUser, known: Connection | None, indexed: Grower | None) -> GrowerTruth:
        return GrowerTruth(
            id=user.id,
            name=user.name,
            email=user.email,
            slack_user=self._cast.grower
            if user.email == "ada@example.com"
            else indexed.slack_user
            if indexed
            else None,
            fieldview=self._at_fieldview(user),
            leaf_status=user.credential.status if user.credential else None,
            bot_status=known.status.value if known else None,
            since=known.changed_at.isoformat() if known else None,
        )

    def _at_fieldview(self, user: LeafUser) -> str:
        if user.credential is None:
            return "never"
        return {"UNAUTHENTICATED": "revoked", "MISSING_PERMISSION": "restricted"}.get(user.credential.status, "granted")

    def _who(self, entry: AuditEntry) -> str:
        """The actor as an operator knows them: a person's name instead of a Slack id."""
        person = self._world.slack.workspace.users.get(entry.actor)
        return person.real_name if person else entry.actor.removeprefix("job:")

    async def _let_data_come(self) -> None:
        """Leaf fetches what connected growers shared, as it does after a while."""
        while True:
            await asyncio.sleep(DATA_COMES)
            for user in self._world.leaf.users.select({}):
                if user.credential and user.credential.status == "OK" and user.summary is None:
                    await self._world.leaf.sync(user, farms=3, fields=24)


def _ending(entry: AuditEntry) -> str:
    """How it ended, in the trail's word; a question or a form that was only opened has not changed anything yet."""
    detail = json.loads(entry.detail) if entry.detail else {}
    only_asked = entry.outcome == "done" and isinstance(detail, dict) and detail.get("asked") is True
    return "asked" if only_asked else entry.outcome


NAMES = {"leaf": "Leaf", "fieldview": "FieldView", "slack": "Slack"}
LEVERS = {"leaf": "/services|/api", "fieldview": "", "slack": "/api/chat"}
"""Which requests a broken service harms: with Slack all of it broken, there would be nothing to see."""
