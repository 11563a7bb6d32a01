"""What a channel would have got last month with other settings, counted from what really happened."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.audience import TOPICS
from bot.reports import Rehearsed
from storage import rehearsals
from storage.records import Topic, Wishes

MONTH = timedelta(days=30)


async def rehearse(session: AsyncSession, wishes: Wishes, now: datetime) -> Rehearsed:
    """The messages of the last 30 days that these wishes cover, as growers are looked after and tagged today."""
    since = now - MONTH
    began = await rehearsals.watched_since(session)
    watched = min(MONTH, now - began) if began else timedelta()
    digests = watched // timedelta(days=1) if wishes.has_digest else 0
    if not wishes.hears_at_once:
        return Rehearsed(watched, digests=digests)
    whose = wishes.whose
    incidents = await rehearsals.incidents(session, since, whose)
    told = [each for each in incidents if wishes.hears_of(TOPICS[each.cause])]
    storms = {each.storm for each in told if each.storm}
    ill = await rehearsals.illnesses(session, since) if wishes.hears_of(Topic.ILL) else 0
    return Rehearsed(
        watched,
        alone=sum(each.number for each in told if each.storm is None),
        together=len(storms) + ill,
        silences=await rehearsals.rounds(session, since, whose) if wishes.hears_of(Topic.SILENT) else 0,
        connected=await rehearsals.new_connections(session, since, whose) if wishes.hears_of(Topic.CONNECTED) else 0,
        digests=digests,
    )
