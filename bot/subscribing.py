"""Which channels hear of alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.errors import ChannelUnreachable, UsageError
from bot.journal import Journal
from bot.slack.client import Channel, SlackClient
from storage import subscriptions
from storage.database import Database


@dataclass(frozen=True)
class Subscribed:
    """The outcome. `newly` is False when nothing had to change; `by_default`: the channel gets every alert anyway."""

    channel: str
    newly: bool
    by_default: bool


class Subscribing:
    """Subscribes channels and ends subscriptions. None of them depends on who made it."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        journal: Journal,
        clock: Callable[[], datetime],
        alert_channel: str | None,
    ) -> None:
        self._database = database
        self._journal = journal
        self._slack = slack
        self._clock = clock
        self._alert_channel = alert_channel

    async def subscribe(self, channel: str, by: str) -> Subscribed:
        """Alerts go to this channel from now on. Raises UsageError when the bot cannot post there."""
        await self.reachable(channel)
        async with self._database.transaction() as session:
            newly = await subscriptions.add(session, channel, by, self._clock())
            await self._journal.fulfil(session, channel=channel, before=not newly, after=True)
        return Subscribed(channel, newly, channel == self._alert_channel)

    async def unsubscribe(self, channel: str) -> bool:
        """No more alerts here; False when there were none."""
        async with self._database.transaction() as session:
            was = await subscriptions.remove(session, channel)
            await self._journal.fulfil(session, channel=channel, before=was, after=False)
        return was

    async def reachable(self, channel: str) -> Channel:
        """The channel, if alerts may be posted there. Raises UsageError."""
        try:
            found = await self._slack.channel(channel)
        except ChannelUnreachable:
            raise UsageError("I cannot see that channel. Invite me to it with /invite, then subscribe it.") from None
        if found.is_archived:
            raise UsageError("That channel is archived.")
        if not found.is_member:
            raise UsageError("I am not in that channel. Invite me to it with /invite, then subscribe it.")
        if found.is_shared:
            raise UsageError("People of other organisations read that channel, so growers are not named there.")
        return found
