"""How fast we may write to Slack: per channel and for the whole workspace, all replicas together.

Source: docs.slack.dev, rate limits. chat.postMessage takes about one message a second in a channel and some hundreds a
minute in a workspace; chat.update is of tier 3, at least fifty a minute in a workspace, whatever the channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.pace import Pace, pace_for
from storage.database import Database

LONGEST_REST = 60.0
"""Seconds: who waits for a turn holds a claim on the message, which must not run out meanwhile."""


@dataclass(frozen=True)
class Rates:
    """Requests per second."""

    channel: float = 1.0
    workspace: float = 4.0
    edits: float = 1.0
    lookups: float = 0.75
    """Growers looked for in Slack for a list of links: users.lookupByEmail is of tier 3, and others look too."""

    def times(self, factor: float) -> Rates:
        return Rates(self.channel * factor, self.workspace * factor, self.edits * factor, self.lookups * factor)


class SlackPace:
    """Turns to post in a channel, and turns to edit anywhere."""

    def __init__(self, database: Database, rates: Rates) -> None:
        self._database = database
        self._rates = rates
        self._workspace = pace_for(database, "slack", rates.workspace)
        self._edits = pace_for(database, "slack-edits", rates.edits)
        self._channels: dict[str, Pace] = {}

    async def turn_to_post(self, channel: str) -> None:
        await self._channel(channel).turn()
        await self._workspace.turn()

    async def turn_to_edit(self) -> None:
        await self._edits.turn()

    async def hold(self, channel: str, seconds: float, *, editing: bool) -> None:
        """Slack asked for a pause: edits rest everywhere, as their limit is the workspace's, posts in this channel."""
        await (self._edits if editing else self._channel(channel)).hold(min(seconds, LONGEST_REST))

    def _channel(self, channel: str) -> Pace:
        if channel not in self._channels:
            self._channels[channel] = pace_for(self._database, f"slack:{channel}", self._rates.channel)
        return self._channels[channel]
