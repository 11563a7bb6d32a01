"""Who hears of something: what a message is about, which channels chose to hear of that, and who does when none can."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import BotError
from bot.slack.client import SlackClient
from storage import concerns, consents, outbox, storms, subscriptions
from storage.database import Database
from storage.records import About, Announcement, AnnouncementKind, Cause, StormKind, Topic

log = structlog.get_logger(__name__)

TOPICS: Mapping[Cause, Topic] = {
    Cause.GROWER_MUST_ACT: Topic.BROKEN,
    Cause.REMOVED_AT_LEAF: Topic.BROKEN,
    Cause.OUR_CONFIGURATION: Topic.BROKEN,
    Cause.UNKNOWN_STATUS: Topic.BROKEN,
    Cause.STAYS_PENDING: Topic.BROKEN,
    Cause.SCOPE_MISSING: Topic.PARTLY,
    Cause.FIELDVIEW_DOWN: Topic.ILL,
    Cause.LEAF_DOWN: Topic.ILL,
}

TURNS = (AnnouncementKind.CONSENT_OUTCOME, AnnouncementKind.CONSENT_RENEWAL, AnnouncementKind.NO_DATA_YET)
"""What tells one colleague that it is their turn; somebody else's when they cannot be written to."""

TOLD_ONCE = (AnnouncementKind.CONSENT_RENEWAL, AnnouncementKind.NO_DATA_YET, AnnouncementKind.CONSENT_REMINDER)
"""What one colleague has to hear; how it goes on from there need not be told anywhere else."""

PERSONAL = (
    AnnouncementKind.CONSENT_REMINDER,
    AnnouncementKind.HANDOVER,
    AnnouncementKind.OWNER,
    AnnouncementKind.BULK,
)
"""What is of use to one person and to nobody else, or shows links that are nobody else's."""

FOR_OPERATORS = (
    AnnouncementKind.OPERATOR_NOTICE,
    AnnouncementKind.DISCONNECTION,
    AnnouncementKind.AUDIT_ANCHOR,
)
"""What goes where operators look, whatever channels chose to hear."""

TROUBLE = (AnnouncementKind.INCIDENT, AnnouncementKind.STORM)
"""What somebody must hear of, whatever channels chose, as soon as any channel is subscribed."""


class Audience:
    """The channels and people who are to hear of something; delivering it to them is the announcer's."""

    def __init__(self, database: Database, slack: SlackClient, alert_channel: str | None) -> None:
        self._database = database
        self._slack = slack
        self._alert_channel = alert_channel

    async def channels(
        self, session: AsyncSession, kind: AnnouncementKind, subject: str, *also: str | None
    ) -> list[str]:
        """Every channel that wants to hear of it, the alert channel and those named; of trouble at least somebody."""
        named = filter(None, (*also, self._alert_channel))
        told = [*await _hearing(session, kind, subject), *named]
        if told or kind not in TROUBLE or await outbox.stands(session, kind, subject):
            return told
        return await _in_nobodys_stead(session, kind, subject)

    async def operators(self, session: AsyncSession, *, lost: str | None = None) -> list[str]:
        """The alert channel; without one, or when that is `lost`, the channels that hear everything, or else all."""
        if self._alert_channel and lost != self._alert_channel:
            return [self._alert_channel]
        return [channel for channel in await _for_operators(session) if channel != lost]

    async def elsewhere(self, session: AsyncSession, owed: Announcement) -> list[str]:
        """Who reads what was meant for a lost channel: the alert channel, or without it all that want to hear of it."""
        if owed.kind in PERSONAL:
            return []
        if owed.kind in (*FOR_OPERATORS, *TURNS) or (self._alert_channel and owed.channel != self._alert_channel):
            return await self.operators(session, lost=owed.channel)
        return [channel for channel in await _hearing(session, owed.kind, owed.subject) if channel != owed.channel]

    async def instead(self, session: AsyncSession, owed: Announcement) -> list[str]:
        """Who is told of trouble when there is nobody else: see `channels`. Never from person to person: a circle."""
        if self._alert_channel or owed.kind not in TROUBLE or not owed.channel.startswith(("C", "G")):
            return []
        found = await _in_nobodys_stead(session, owed.kind, owed.subject)
        return [place for place in found if place != owed.channel]

    async def is_for_a_grower(self, owed: Announcement) -> bool:
        """Whether this is a letter to a grower, who may well be a guest, and not to somebody of the team."""
        if owed.kind is not AnnouncementKind.CONSENT_REMINDER:
            return owed.kind is AnnouncementKind.CONSENT_INVITATION
        async with self._database.reading() as session:
            consent = await consents.get(session, owed.subject.partition(":")[0])
        return consent is not None and consent.sent_to == owed.channel

    def is_perhaps_a_stand_in(self, owed: Announcement) -> bool:
        """Whether a person may be told of this trouble only because there is nobody else: see `channels`."""
        return self._alert_channel is None and owed.kind in TROUBLE and owed.channel.startswith(("U", "W"))

    async def in_person(self, channel: str) -> list[str]:
        """Who is told in person that this channel is lost: whoever subscribed it, or else an admin of the workspace.

        An admin also when it is a person who cannot be written to, and no channel is there to hear of it, or they may
        have been told because none could.
        """
        is_person = channel.startswith(("U", "W"))
        async with self._database.reading() as session:
            subscription = await subscriptions.get(session, channel)
            makers = {each.made_by for each in await subscriptions.everyone(session)}
            nobody_hears = is_person and not await self.operators(session)
        stood_in = nobody_hears or (self._alert_channel is None and channel in makers)
        if subscription is None and channel != self._alert_channel and not stood_in:
            return []
        try:
            if subscription is not None and (await self._slack.person(subscription.made_by)).is_colleague:
                return [subscription.made_by]
        except BotError as failure:
            log.warning("slack does not tell who subscribed a channel", channel=channel, detail=str(failure))
        try:
            admins = await self._slack.admins()
            return [] if channel in admins else admins[:1]
        except BotError as failure:
            log.warning("slack does not tell who its admins are", channel=channel, detail=str(failure))
            return []


async def _hearing(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[str]:
    """The subscribed channels that work and want this message at once."""
    found = [each for each in await subscriptions.everyone(session) if each.works]
    told = [each for each in found if each.wishes.hears_at_once]
    if all(each.wishes.is_of_all for each in told):
        return [each.channel for each in told]
    about = await _about(session, kind, subject)
    return [each.channel for each in told if any(map(each.wishes.covers, about))]


async def _for_operators(session: AsyncSession) -> list[str]:
    """Where operators are told without an alert channel: in channels that hear everything, or else in all."""
    found = [each for each in await subscriptions.everyone(session) if each.works]
    whole = [each for each in found if each.hears_everything]
    return [each.channel for each in whole or found]


async def _in_nobodys_stead(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[str]:
    """Who is told of trouble that no channel which works has chosen to hear of, at once or in its digest.

    Where operators are told, or else whoever subscribed a channel; nobody where nothing is subscribed.
    """
    found = await subscriptions.everyone(session)
    about = await _about(session, kind, subject)
    if any(each.wishes.covers(news) for each in found if each.works for news in about):
        return []
    return await _for_operators(session) or sorted({each.made_by for each in found})


async def _about(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[About]:
    match kind:
        case AnnouncementKind.INCIDENT:
            return [About(TOPICS[cause], whose) for cause, whose in await concerns.of_incident(session, subject)]
        case AnnouncementKind.STORM:
            return await _about_storm(session, subject)
        case AnnouncementKind.CONNECTED:
            return [About(Topic.CONNECTED, whose) for whose in await concerns.of_consent(session, subject)]
        case AnnouncementKind.SILENCES:
            return [About(Topic.SILENT, whose) for whose in await concerns.of_round(session, subject)]
    raise LookupError(f"no channel subscribes to {kind}")


async def _about_storm(session: AsyncSession, storm_id: str) -> list[About]:
    storm = await storms.get(session, storm_id)
    if storm is None or storm.kind is not StormKind.GROWERS:
        return [About(Topic.ILL)]
    return [About(TOPICS[cause], whose) for cause, whose in await concerns.of_storm(session, storm_id)]
