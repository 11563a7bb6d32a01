"""Which channels hear of alerts, of which, and when."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import workhours
from bot.access import Access, Sight
from bot.announcer import Announcer
from bot.errors import BotError, ChannelUnreachable, UsageError
from bot.journal import Journal
from bot.messages import needs
from bot.people import teammate
from bot.rehearsal import rehearse
from bot.reports import Draft, Subscribed, Subscriptions
from bot.slack.client import Channel, SlackClient
from storage import growers, notices, owners, subscriptions, tags
from storage.database import Database
from storage.records import EVERYBODYS, EVERYTHING, Subscription, Whose, Wishes

CHANNEL = re.compile(r"[CG][A-Z0-9]{2,31}")
DEFAULT_ZONE = "UTC"


class Subscribing:
    """Subscribes channels and ends subscriptions. None of them depends on who made it."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        journal: Journal,
        clock: Callable[[], datetime],
        alert_channel: str | None,
        access: Access,
        announcer: Announcer,
    ) -> None:
        self._database = database
        self._journal = journal
        self._slack = slack
        self._clock = clock
        self._alert_channel = alert_channel
        self._access = access
        self._announcer = announcer

    async def subscribe(self, channel: str, by: str, wishes: Wishes | None = None) -> Subscribed:
        """Alerts go to this channel from now on: those it wishes, or all at once. Raises UsageError.

        A channel that was lost and is back wants what it wanted, unless somebody says otherwise; what stands there is
        brought up to date.
        """
        await self.reachable(channel)
        guests = await self._access.guests_in(channel, fresh=True)
        if guests:
            are = "A guest is" if guests == 1 else f"{guests:,} guests are"
            raise UsageError(f"{are} in that channel, and would read growers’ names. Choose a channel without guests.")
        if wishes and wishes.owner:
            await teammate(self._slack, wishes.owner)
        now = self._clock()
        async with self._database.transaction() as session:
            before = await subscriptions.get(session, channel)
            newly = await subscriptions.add(session, channel, by, now)
            # Whoever subscribed it at the same moment was waited for: it is what they chose that is kept or changed.
            before = before if newly else await subscriptions.get(session, channel)
            had = before.wishes if before else EVERYTHING
            wants = wishes or (had if newly else EVERYTHING)
            if wants != had:
                at = (by, now) if before else (None, None)
                await subscriptions.choose(session, channel, wants, *at)
            await self._announcer.is_back(session, channel)
            number = await growers.count(session, wants.whose)
            told = {"wishes": _told(wants)} if wants != EVERYTHING or wants != had else {}
            await self._journal.fulfil(session, channel=channel, before=not newly, after=True, **told)
        was = had if before and wants != had else None
        by_default = channel == self._alert_channel
        return Subscribed(channel, newly, by_default, wants, was, number, guests_unknown=guests is None)

    async def unsubscribe(self, channel: str) -> bool:
        """No more alerts here; False when there were none."""
        async with self._database.transaction() as session:
            was = await subscriptions.remove(session, channel)
            await self._journal.fulfil(session, channel=channel, before=was, after=False)
        return was

    async def everywhere(self, user: str) -> Subscriptions:
        """Every subscription that this person may see, the oldest first."""
        async with self._database.reading() as session:
            found = await subscriptions.everyone(session)
            wished = {each.wishes.whose for each in found} - {EVERYBODYS}
            known = await _known(session) if wished else set()
            told = {notice.kind for notice in await notices.standing(session)}
        channels = {each.channel for each in found} | ({self._alert_channel} if self._alert_channel else set())
        sights = await asyncio.gather(*(self._access.sight(user, channel) for channel in channels))
        seen = dict(zip(channels, sights, strict=True))
        return Subscriptions(
            [each for each in found if seen[each.channel].is_open],
            self._alert_channel if self._alert_channel and seen[self._alert_channel].is_open else None,
            hidden=sorted(sight.name for sight in sights if sight.name),
            in_doubt=sum(sight.in_doubt for sight in sights),
            of_nobody=frozenset(wished - known),
            with_guests=frozenset(channel for channel in channels if needs.guests(channel) in told),
        )

    async def begin(self, channel: str | None, user: str) -> Draft:
        """What this channel hears now, to be changed by somebody: hours are in its zone, or else in theirs.

        A direct message is no channel.
        """
        channel = channel if channel and CHANNEL.fullmatch(channel) else None
        sight = await self._access.sight(user, channel) if channel else Sight()
        async with self._database.reading() as session:
            now = await subscriptions.get(session, channel) if channel and sight.is_open else None
        zone = now.wishes.zone if now else None
        return await self.draft(channel, now.wishes if now else EVERYTHING, zone or await self._zone_of(user), user)

    async def draft(self, channel: str | None, wishes: Wishes, zone: str, user: str) -> Draft:
        """What these wishes would have meant for the channel, and of what it hears now what this person may see."""
        sight = await self._access.sight(user, channel) if channel else Sight()
        async with self._database.reading() as session:
            now: Subscription | None = await subscriptions.get(session, channel) if channel else None
            rehearsed = await rehearse(session, wishes, self._clock())
            number = await growers.count(session, wishes.whose)
        by_default = sight.is_open and channel == self._alert_channel
        hidden = now is not None and sight.name is not None
        return Draft(channel, wishes, rehearsed, zone, now if sight.is_open else None, by_default, hidden, number)

    async def _zone_of(self, user: str) -> str:
        try:
            zone = (await self._slack.person(user)).zone or DEFAULT_ZONE
        except BotError:
            return DEFAULT_ZONE
        return zone if workhours.zone(zone) else DEFAULT_ZONE

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
            raise UsageError("People from outside this workspace read that channel, so growers are not named there.")
        return found


async def _known(session: AsyncSession) -> set[Whose]:
    """Of whom there is any grower: the colleagues who look after some, and the tags that some have."""
    by_owner = {Whose(owner=owner) for owner in await owners.everybody(session)}
    return by_owner | {Whose(tag=tag) for tag in await tags.counts(session)}


def _told(wishes: Wishes) -> dict[str, Any]:
    """For the audit trail."""
    digest = {"digest_hour": wishes.digest_hour, "zone": wishes.zone} if wishes.has_digest else {}
    topics = None if wishes.topics is None else list(wishes.topics)
    return {"owner": wishes.owner, "tag": wishes.tag, "topics": topics, "delivery": wishes.delivery, **digest}
