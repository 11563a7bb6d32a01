"""Who may use the bot: full members of the workspace. When Slack cannot say who somebody is, nobody."""

from __future__ import annotations

import time

from bot.errors import BotError, NotAllowed
from bot.slack.client import Person, SlackClient

REMEMBERED = 60.0
"""Seconds for which a person's standing is not asked again."""


class Access:
    """The gate in front of everything that is typed, clicked or opened in Slack."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._known: dict[str, tuple[float, Person]] = {}

    async def admit(self, user: str, team: str | None, home_team: str) -> Person:
        """The person, if they are a full member of the workspace the bot lives in. Raises NotAllowed."""
        if team and home_team and team != home_team:
            raise NotAllowed("use this bot", "somebody of the workspace it is installed in")
        try:
            person = await self._person(user)
        except BotError as failure:
            raise NotAllowed("use this bot", "again in a minute, Slack does not tell me who you are") from failure
        if person.is_outsider or person.is_bot or person.is_gone:
            raise NotAllowed("use this bot as a guest", "a full member of this workspace")
        return person

    async def _person(self, user: str) -> Person:
        known = self._known.get(user)
        if known and time.monotonic() - known[0] < REMEMBERED:
            return known[1]
        person = await self._slack.person(user)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[user] = (time.monotonic(), person)
        return person
