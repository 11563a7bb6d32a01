"""Whom news concern: what a message is about, and which subscribed channels chose to hear of that at once."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from storage import concerns, storms, subscriptions
from storage.records import About, AnnouncementKind, Cause, StormKind, Topic

TOPICS: Mapping[Cause, Topic] = {
    Cause.GROWER_MUST_ACT: Topic.BROKEN,
    Cause.REMOVED_AT_LEAF: Topic.BROKEN,
    Cause.OUR_CONFIGURATION: Topic.BROKEN,
    Cause.UNKNOWN_STATUS: Topic.BROKEN,
    Cause.SCOPE_MISSING: Topic.PARTLY,
    Cause.FIELDVIEW_DOWN: Topic.ILL,
    Cause.LEAF_DOWN: Topic.ILL,
}


async def hearing(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[str]:
    """The subscribed channels that work and want this message at once."""
    found = [each for each in await subscriptions.everyone(session) if each.works]
    told = [each for each in found if each.wishes.hears_at_once]
    if all(each.wishes.is_of_all for each in told):
        return [each.channel for each in told]
    about = await _about(session, kind, subject)
    return [each.channel for each in told if any(map(each.wishes.covers, about))]


async def for_operators(session: AsyncSession) -> list[str]:
    """Where operators are told without an alert channel: in channels that hear everything, or else in all."""
    found = [each for each in await subscriptions.everyone(session) if each.works]
    whole = [each for each in found if each.hears_everything]
    return [each.channel for each in whole or found]


async def in_nobodys_stead(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[str]:
    """Who is told of trouble that no channel which works has chosen to hear of, at once or in its digest.

    Where operators are told, or else whoever subscribed a channel; nobody where nothing is subscribed.
    """
    found = await subscriptions.everyone(session)
    about = await _about(session, kind, subject)
    if any(each.wishes.covers(news) for each in found if each.works for news in about):
        return []
    return await for_operators(session) or sorted({each.made_by for each in found})


async def _about(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[About]:
    match kind:
        case AnnouncementKind.INCIDENT:
            return [About(TOPICS[cause], owner) for cause, owner in await concerns.of_incident(session, subject)]
        case AnnouncementKind.STORM:
            return await _about_storm(session, subject)
        case AnnouncementKind.CONNECTED:
            return [About(Topic.CONNECTED, owner) for owner in await concerns.of_consent(session, subject)]
        case AnnouncementKind.SILENCES:
            return [About(Topic.SILENT, owner) for owner in await concerns.of_round(session, subject)]
    raise LookupError(f"no channel subscribes to {kind}")


async def _about_storm(session: AsyncSession, storm_id: str) -> list[About]:
    storm = await storms.get(session, storm_id)
    if storm is None or storm.kind is not StormKind.GROWERS:
        return [About(Topic.ILL, is_everybodys=True)]
    return [About(TOPICS[cause], owner) for cause, owner in await concerns.of_storm(session, storm_id)]
