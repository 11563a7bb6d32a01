"""The rules of who may do what: shown, made and taken back by admins."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access import gives_roles
from bot.errors import ChannelUnreachable, ProviderRejected, UsageError
from bot.journal import Journal
from bot.slack.client import SlackClient
from storage import access_rules
from storage.database import Database
from storage.records import MEMBERS, AccessRule, Role

USAGE = "/fieldview access <who> <role>"

NONE = "none"

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")
_GROUP = re.compile(r"<!subteam\^(S[A-Z0-9]+)(?:\|[^>]*)?>")
_ID = re.compile(r"S[A-Z0-9]{6,20}")
_EVERYBODY = ("members", "everybody", "everyone", "all")


@dataclass(frozen=True)
class Changed:
    """A rule before and after; None is no rule of its own."""

    subject: str
    before: Role | None
    after: Role | None


@dataclass(frozen=True)
class Permissions:
    """Every rule, and the admins that the settings name."""

    rules: Sequence[AccessRule]
    first_admins: Sequence[str]


class Permitting:
    """Reads and changes the rules. That only admins come here is the gate's work."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        journal: Journal,
        clock: Callable[[], datetime],
        first_admins: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._slack = slack
        self._journal = journal
        self._clock = clock
        self._first_admins = tuple(first_admins)

    async def permissions(self) -> Permissions:
        async with self._database.reading() as session:
            return Permissions(await access_rules.everything(session), self._first_admins)

    async def permit(self, typed: str, by: str) -> Changed:
        """Carry out "<who> <role>"; `none` takes the rule back, and from all members every role. Raises UsageError."""
        who, _, word = typed.rpartition(" ")
        if word.lower() not in (NONE, Role.VIEWER, Role.OPERATOR, Role.ADMIN):
            raise UsageError("Say who, and then viewer, operator, admin or none.", USAGE)
        subject = await self._meant(who.strip())
        role = None if word.lower() == NONE else Role(word.lower())
        if subject == MEMBERS and role is Role.ADMIN:
            raise UsageError("If all members were admins, nobody could be asked. Name a group or people.", USAGE)
        return await self._set(subject, Role.GROWER if subject == MEMBERS and role is None else role, by)

    async def forget(self, subject: str, by: str) -> Changed:
        """Take a rule back; for all members, what holds without any rule holds again."""
        return await self._set(subject, None, by)

    async def _set(self, subject: str, role: Role | None, by: str) -> Changed:
        async with self._database.transaction() as session:
            before = await access_rules.put(session, subject, role, by, self._clock())
            await self._journal.fulfil(session, subject=subject, before=before, after=role)
        return Changed(subject, before, role)

    async def _meant(self, who: str) -> str:
        if who.lower() in _EVERYBODY:
            return MEMBERS
        if person := _PERSON.fullmatch(who):
            return person[1]
        if channel := _CHANNEL.fullmatch(who):
            return await self._closed_channel(channel[1])
        group = _GROUP.fullmatch(who)
        return await self._group(group[1] if group else who.removeprefix("@"))

    async def _closed_channel(self, channel: str) -> str:
        try:
            found = await self._slack.channel(channel)
        except ChannelUnreachable:
            raise UsageError("I cannot see that channel. Invite me to it with /invite first.") from None
        if not gives_roles(found):
            raise UsageError(
                "Only a private channel that nobody outside shares can give a role: anybody may join any other."
            )
        return channel

    async def _group(self, named: str) -> str:
        if not named:
            raise UsageError("Say who: a user group, a private channel, a person, or members.", USAGE)
        try:
            group = named if _ID.fullmatch(named) else await self._slack.group_named(named)
            if group is not None:
                await self._slack.group_members(group)
        except ProviderRejected:
            group = None
        if group is None:
            raise UsageError("I know no such group, channel or person here.", USAGE)
        return group
