"""When a channel's digest is due: once each local day, whichever replica sees it first and whatever was down before."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from bot import workhours
from bot.announcer import Announcer
from bot.journal import Journal
from storage import digests, subscriptions
from storage.database import Database
from storage.records import AnnouncementKind, Digest, Subscription

DAY = timedelta(days=1)

LONGEST = timedelta(days=7)
"""What happened earlier than this is not told as news, however long there was no digest."""


class Digesting:
    """Owes each digest to its channel at the hour that was chosen; a day that was missed is told with the next one."""

    def __init__(
        self, database: Database, announcer: Announcer, journal: Journal, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def owe_due(self) -> int:
        """Owe every digest whose hour has come; safe to run on every replica at once. Returns how many these were."""
        now, owed = self._clock(), 0
        async with self._database.reading() as session:
            wanted = [each for each in await subscriptions.everyone(session) if each.wishes.has_digest]
            last = {each.channel: await digests.latest(session, each.channel) for each in wanted}
        for each in wanted:
            told = last[each.channel]
            day, due_at = _today(each, now)
            chosen_at = each.changed_at or each.made_at
            if each.broken_reason or not chosen_at < due_at <= now or (told and told[0] >= day):
                continue
            since = max(told[1], due_at - LONGEST) if told else due_at - DAY
            digest = Digest(uuid.uuid4().hex, each.channel, day, since, now, each.wishes)
            owed += await self._owe(digest)
        return owed

    async def _owe(self, digest: Digest) -> bool:
        async with self._database.transaction() as session:
            if not await digests.add(session, digest):
                return False
            await digests.drop_older(session, digest)
            await self._announcer.to_channel(session, AnnouncementKind.DIGEST, digest.id, digest.channel)
            detail = {"channel": digest.channel, "day": digest.day.isoformat()}
            await self._journal.record(session, "job:digest", "job", "digest", "done", digest.id[:12], detail=detail)
        return True


def _today(wanted: Subscription, now: datetime) -> tuple[date, datetime]:
    """The day it is for the channel, and the moment at which its digest is due."""
    zone = workhours.zone(wanted.wishes.zone or "UTC") or UTC
    day = now.astimezone(zone).date()
    return day, datetime.combine(day, time(wanted.wishes.digest_hour or 0), zone).astimezone(UTC)
