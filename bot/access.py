"""Who may use the bot, and for what. When Slack cannot say who somebody is, nobody."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.errors import BotError, NotAllowed
from bot.slack.client import Person, SlackClient
from storage.records import Role

REMEMBERED = 60.0
"""Seconds for which a person's standing is not asked again."""


@dataclass(frozen=True)
class Admitted:
    """Somebody who passed the gate, and what they may do."""

    user: str
    role: Role


class Access:
    """The gate in front of everything that is typed, clicked or opened in Slack."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._known: dict[str, tuple[float, Person]] = {}

    async def admit(self, user: str, team: str | None, home_team: str, needed: Role) -> Admitted:
        """Let the person pass who has at least this role. Raises NotAllowed, also when Slack does not say."""
        if needed is Role.GROWER:
            return Admitted(user, Role.GROWER)
        if team and home_team and team != home_team:
            raise NotAllowed("use this bot", "somebody of the workspace it is installed in")
        try:
            person = await self._person(user)
        except BotError as failure:
            raise NotAllowed("use this bot", "again in a minute, Slack does not tell me who you are") from failure
        if person.is_outsider or person.is_bot or person.is_gone:
            raise NotAllowed("use this bot as a guest", "a full member of this workspace")
        role = Role.ADMIN if person.is_admin else Role.OPERATOR
        if not role.covers(needed):
            raise NotAllowed("do this: it takes the role of an admin", "a workspace admin")
        return Admitted(user, role)

    async def _person(self, user: str) -> Person:
        known = self._known.get(user)
        if known and time.monotonic() - known[0] < REMEMBERED:
            return known[1]
        person = await self._slack.person(user)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[user] = (time.monotonic(), person)
        return person
