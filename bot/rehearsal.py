"""What a channel would have got last month with other settings, counted from what really happened."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.audience import TOPICS
from bot.reports import Rehearsed
from storage import rehearsals
from storage.records import About, Topic, Wishes

MONTH = timedelta(days=30)


async def rehearse(session: AsyncSession, wishes: Wishes, now: datetime) -> Rehearsed:
    """The messages of the last 30 days that these wishes cover, as growers are looked after today."""
    since = now - MONTH
    began = await rehearsals.watched_since(session)
    watched = min(MONTH, now - began) if began else timedelta()
    digests = watched // timedelta(days=1) if wishes.has_digest else 0
    if not wishes.hears_at_once:
        return Rehearsed(watched, digests=digests)
    told = [
        each
        for each in await rehearsals.incidents(session, since)
        if wishes.covers(About(TOPICS[each.cause], each.owner))
    ]
    storms = {each.storm for each in told if each.storm}
    ill = await rehearsals.illnesses(session, since) if wishes.covers(About(Topic.ILL, is_everybodys=True)) else 0
    rounds = await rehearsals.rounds(session, since)
    fresh = await rehearsals.new_connections(session, since)
    return Rehearsed(
        watched,
        alone=sum(each.number for each in told if each.storm is None),
        together=len(storms) + ill,
        silences=len({round_id for round_id, owner in rounds if wishes.covers(About(Topic.SILENT, owner))}),
        connected=sum(number for owner, number in fresh if wishes.covers(About(Topic.CONNECTED, owner))),
        digests=digests,
    )
