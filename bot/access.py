"""Who may use the bot, for what, and where. What Slack does not say counts as no.

Everybody has the highest role that a rule gives them: a rule for all members, for a user group, a private channel's
members or one person. Workspace admins, and whoever ADMINS names, are admins whatever the rules say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import BotError, ChannelUnreachable, NotAllowed, ProviderRejected
from bot.pace import Pace, Unpaced
from bot.slack.client import Channel, Person, SlackClient
from bot.standing import Standing
from storage import access_rules
from storage.database import Database
from storage.records import MEMBERS, AccessRule, Role

NAMED = 3
"""Admins that a refusal names at most."""

LOOKED_THROUGH = 100
"""Members of a channel that are looked at one by one; Slack lets about a hundred a minute be asked for."""

AT_ONCE = 10
"""How many of them are asked for at the same time."""

TRY_AGAIN = "Try again in a minute."


@dataclass(frozen=True)
class Admitted:
    """Somebody who passed the gate, and what they may do."""

    user: str
    role: Role


@dataclass(frozen=True)
class Sight:
    """What somebody may see of a channel: everything, or only its name, or nothing; `in_doubt`: Slack does not say."""

    is_open: bool = False
    name: str | None = None
    in_doubt: bool = False


class Access:
    """The gate in front of everything that is typed, clicked or opened in Slack."""

    def __init__(self, database: Database, slack: SlackClient, first_admins: Sequence[str] = ()) -> None:
        self._database = database
        self._standing = Standing(slack)
        self._first_admins = tuple(first_admins)

    async def admit(
        self, user: str, team: str | None, home_team: str, needed: Role, channel: str | None = None
    ) -> Admitted:
        """Let the person pass who has at least this role and asks where no outsider reads. Raises NotAllowed.

        For what only admins may do, Slack is asked anew: whoever lost the role lost it at once.
        """
        if needed is Role.GROWER:
            return Admitted(user, Role.GROWER)
        rules = await self._rules()
        fresh = needed is Role.ADMIN
        try:
            person, _ = await asyncio.gather(
                self._insider(user, team, home_team, fresh=fresh), self._place_is_ours(channel, fresh=fresh)
            )
            role, doubt = await self._role(person, rules, fresh=fresh)
        except NotAllowed as refused:
            refused.admins = self._named(rules)
            raise
        if role.covers(needed):
            return Admitted(user, role)
        why = f"It takes {article(needed)}, and you are {article(role)}."
        if role is Role.GROWER:
            why = f"It takes {article(needed)}, and you have no role here."
        if doubt:
            why += f" Slack did not answer when I asked for your groups. {TRY_AGAIN}"
        raise NotAllowed("do this", why=why, admins=self._named(rules))

    async def require_reach(self, user: str, channel: str, asked_in: str | None) -> None:
        """Only admins reach into channels that they have not joined. Raises NotAllowed, also when Slack does not say.

        Slack lets nobody type in a channel without being in it. Who is an admin is asked anew.
        """
        if channel == asked_in:
            return
        why = f"It takes an admin, or somebody who has joined <#{channel}>."
        try:
            is_admin = await self.role_of(user, fresh=True) is Role.ADMIN
            if is_admin or await self._standing.is_in_channel(user, channel, fresh=True):
                return
        except ChannelUnreachable:
            why += " I cannot see that channel: invite me to it with `/invite`."
        except BotError:
            why += f" Slack does not tell me who has. {TRY_AGAIN}"
        raise NotAllowed("do this", why=why, admins=self._named(await self._rules()))

    async def sight(self, user: str, channel: str) -> Sight:
        """What somebody may see of a channel: of a private one only its members see more than nothing.

        Admins see that it is there.
        """
        try:
            found = await self._standing.channel(channel)
            if not found.is_private or await self._standing.is_in_channel(user, channel):
                return Sight(is_open=True)
            is_admin = await self.role_of(user) is Role.ADMIN
        except ChannelUnreachable:
            return Sight()
        except BotError:
            return Sight(in_doubt=True)
        return Sight(name=found.name) if is_admin else Sight()

    async def guests_in(
        self,
        channel: str,
        lookups: Pace = Unpaced(),  # noqa: B008 - has no state
        *,
        fresh: bool = False,
    ) -> int | None:
        """How many guests, or people of other workspaces, have joined the channel and read it.

        None when that is not known: it has more members than `LOOKED_THROUGH`, or Slack does not answer.
        """

        async def is_guest(member: str) -> bool:
            await lookups.turn()
            return (await self._standing.person(member)).is_outsider

        try:
            members = await self._standing.members(channel, LOOKED_THROUGH, fresh=fresh)
            if members is None:
                return None
            guests = 0
            for begin in range(0, len(members), AT_ONCE):
                some = members[begin : begin + AT_ONCE]
                guests += sum(await asyncio.gather(*map(is_guest, some)))
        except BotError:
            return None
        return guests

    async def role_of(self, user: str, *, fresh: bool = False) -> Role:
        """The role of somebody who was admitted; `fresh` asks anew. Raises BotError when Slack does not answer."""
        person = await self._standing.person(user, fresh=fresh)
        return (await self._role(person, await self._rules(), fresh=fresh))[0]

    async def still_covers(self, person: Person, needed: Role) -> bool:
        """Whether somebody who was let in before has at least this role now. Raises BotError when Slack leaves it open:
        then nobody has lost anything yet."""
        role, doubt = await self._role(person, await self._rules(), fresh=False)
        if doubt and not role.covers(needed):
            raise doubt
        return role.covers(needed)

    async def _rules(self) -> list[AccessRule]:
        async with self._database.reading() as session:
            return await access_rules.everything(session)

    async def _insider(self, user: str, team: str | None, home_team: str, *, fresh: bool) -> Person:
        if team and team != home_team:
            raise NotAllowed("use this bot", "somebody of the workspace it is installed in")
        try:
            person = await self._standing.person(user, fresh=fresh)
        except BotError as failure:
            raise NotAllowed("use this bot", why=f"Slack does not tell me who you are. {TRY_AGAIN}") from failure
        if home_team not in person.teams:
            raise NotAllowed("use this bot", "somebody of the workspace it is installed in")
        if person.is_outsider or person.is_bot or person.is_gone:
            raise NotAllowed("use this bot as a guest", "a full member of this workspace")
        return person

    async def _place_is_ours(self, channel: str | None, *, fresh: bool) -> None:
        """A direct message is read by whoever asks: the answer is shown to nobody else."""
        if channel is None or channel.startswith("D"):
            return
        try:
            found = await self._standing.channel(channel, fresh=fresh)
        except BotError as failure:
            raise NotAllowed(
                "use this bot",
                why="I cannot see this conversation, so I cannot tell who reads it. "
                "Write to me directly, or invite me here with `/invite`.",
            ) from failure
        if found.is_shared:
            raise NotAllowed(
                "use this bot",
                why="People from outside this workspace read this channel. "
                "Write to me directly, or in a channel of your own.",
            )

    async def _role(self, person: Person, rules: Sequence[AccessRule], *, fresh: bool) -> tuple[Role, BotError | None]:
        """The highest role that anything gives, and why Slack left open if there is a higher one, where it did.

        That a group is no more, or that a channel cannot be seen, is an answer: they give nobody anything.
        """
        if person.is_admin or person.id in self._first_admins:
            return Role.ADMIN, None
        role = next((rule.role for rule in rules if rule.subject == MEMBERS), Role.OPERATOR)
        doubt: BotError | None = None
        first = [AccessRule(group, Role.ADMIN) for group in self._first_admins if group.startswith("S")]
        for rule in sorted([*rules, *first], key=lambda rule: rule.role.rank, reverse=True):
            if role.covers(rule.role):
                continue
            try:
                if await self._is_meant(person, rule.subject, fresh=fresh):
                    role = rule.role
            except (ChannelUnreachable, ProviderRejected):
                continue
            except BotError as failure:
                doubt = failure
        return role, doubt

    async def _is_meant(self, person: Person, subject: str, *, fresh: bool) -> bool:
        if subject.startswith("S"):
            return await self._standing.is_in_group(person.id, subject, fresh=fresh)
        if subject.startswith(("C", "G")):
            # A channel that anybody can join, or that others share, gives nobody anything.
            if not gives_roles(await self._standing.channel(subject, fresh=fresh)):
                return False
            return await self._standing.is_in_channel(person.id, subject, fresh=fresh)
        return subject == person.id

    def _named(self, rules: Sequence[AccessRule]) -> tuple[str, ...]:
        by_rule = [rule.subject for rule in rules if rule.role is Role.ADMIN]
        people = [subject for subject in (*self._first_admins, *by_rule) if subject.startswith(("U", "W"))]
        return tuple(dict.fromkeys(people))[:NAMED]


def gives_roles(channel: Channel) -> bool:
    """Whether being in this channel may stand for a role: somebody has to let people in, and nobody from outside."""
    return channel.is_private and not channel.is_shared and not channel.is_archived


def article(role: Role) -> str:
    return f"{'a' if role in (Role.VIEWER, Role.GROWER) else 'an'} {role}"
