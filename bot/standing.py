"""Who somebody is in Slack and who reads a channel, as Slack says it, remembered for a moment."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from bot.slack.client import Channel, Person, SlackClient

REMEMBERED = 60.0
"""Seconds for which Slack is not asked the same again."""

MOST = 10_000
"""Answers that are kept at most."""


class Standing:
    """Slack's answers about people, groups and channels. Every method raises BotError when Slack gives none."""

    def __init__(self, slack: SlackClient, *, remembered: float = REMEMBERED) -> None:
        self._slack = slack
        self._remembered = remembered
        self._known: dict[tuple[str, ...], tuple[float, Any]] = {}

    async def person(self, user: str, *, fresh: bool = False) -> Person:
        """The person; `fresh` asks again, for what must not rest on the last minute's answer."""
        found: Person = await self._asked(("person", user), lambda: self._slack.person(user), fresh)
        return found

    async def channel(self, channel: str, *, fresh: bool = False) -> Channel:
        found: Channel = await self._asked(("channel", channel), lambda: self._slack.channel(channel), fresh)
        return found

    async def members(self, channel: str, most: int, *, fresh: bool = False) -> list[str] | None:
        """Who has joined the channel; None when they are more than that, or Slack does not say."""
        key = ("members", channel)
        found: list[str] | None = await self._asked(key, lambda: self._slack.members(channel, most), fresh)
        return found

    async def is_in_group(self, user: str, group: str, *, fresh: bool = False) -> bool:
        """Whether the person is in this user group."""
        members: frozenset[str] = await self._asked(("group", group), lambda: self._slack.group_members(group), fresh)
        return user in members

    async def is_in_channel(self, user: str, channel: str, *, fresh: bool = False) -> bool:
        """Whether the person has joined this channel."""
        key = ("member", channel, user)
        found: bool = await self._asked(key, lambda: self._slack.is_in_channel(channel, user), fresh)
        return found

    async def _asked(self, key: tuple[str, ...], ask: Callable[[], Awaitable[Any]], fresh: bool) -> Any:
        known = self._known.get(key)
        if known and not fresh and time.monotonic() - known[0] < self._remembered:
            return known[1]
        answer = await ask()
        if len(self._known) > MOST:
            self._known.clear()
        self._known[key] = (time.monotonic(), answer)
        return answer
