"""Alerts that nobody takes up go to a lead, once: how each channel has it, and the look at what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot import workhours
from bot.announcer import Announcer
from bot.errors import UsageError
from bot.journal import Deed, Journal
from bot.people import teammate
from bot.slack.client import SlackClient
from bot.subscribing import Subscribing
from storage import escalations, growers, storms
from storage.database import Database
from storage.records import AnnouncementKind, Escalation, Incident

USAGE = "/fieldview escalate #channel @lead 4h"
MOST_HOURS = 99
DEFAULT_ZONE = "UTC"


@dataclass(frozen=True)
class Wanted:
    """What somebody wants for a channel; without a zone it is their own."""

    channel: str
    lead: str
    hours: int
    zone: str | None = None


class Escalating:
    """Sets it by channel, and tells the lead when nobody has acknowledged an alert for so many working hours."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        subscribing: Subscribing,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._slack = slack
        self._subscribing = subscribing
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def everywhere(self) -> Sequence[Escalation]:
        """How it is set in each channel."""
        async with self._database.reading() as session:
            return await escalations.everywhere(session)

    async def set(self, wanted: Wanted, deed: Deed) -> Escalation:
        """From now on, also for alerts that are open. Raises UsageError."""
        if not 1 <= wanted.hours <= MOST_HOURS:
            raise UsageError(f"Hours go from 1 to {MOST_HOURS}.", USAGE)
        await teammate(self._slack, wanted.lead)
        await self._subscribing.reachable(wanted.channel)
        zone = wanted.zone or (await self._slack.person(deed.actor)).zone or DEFAULT_ZONE
        if workhours.zone(zone) is None:
            raise UsageError(f"I know no time zone “{zone}”.", f"{USAGE} America/Chicago")
        new = Escalation(wanted.channel, wanted.lead, wanted.hours * 60, zone, deed.actor, self._clock())
        async with self._database.transaction() as session:
            before = await escalations.get(session, new.channel)
            await escalations.save(session, new)
            await self._journal.done(session, deed, of=new.channel, before=_told(before), after=_told(new))
        return new

    async def end(self, channel: str, deed: Deed) -> bool:
        """Nobody is called for this channel any more; False when nobody was."""
        async with self._database.transaction() as session:
            before = await escalations.get(session, channel)
            was = await escalations.remove(session, channel)
            await self._journal.done(session, deed, of=channel, before=_told(before), after=None)
        return was

    async def call_leads(self) -> None:
        """Tell the leads of what is due; safe to run on every replica at once."""
        now = self._clock()
        for escalation in await self.everywhere():
            since = workhours.begun(now, timedelta(minutes=escalation.minutes), _zone(escalation))
            async with self._database.reading() as session:
                waiting = await escalations.candidates(session, escalation.channel, since, now)
                together = await escalations.storms_untaken(session, escalation, since, now)
                if await storms.ill(session):
                    # The storm's message itself says that nobody need act yet.
                    together = []
            for incident in waiting:
                await self._call(incident, escalation, now)
            for storm_id in together:
                await self._call_together(storm_id, escalation, since, now)

    async def _call(self, incident: Incident, escalation: Escalation, now: datetime) -> None:
        async with self._database.transaction() as session:
            if not await escalations.escalate(session, incident.id, escalation.lead, now):
                return
            await self._announcer.call(session, incident.id, escalation.lead, None)
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
            grower = await growers.get(session, incident.grower_id)
            deed = Deed("job:escalation", "job", "escalated", incident.id[:12], escalation.channel)
            await self._journal.done(session, deed, grower, incident=incident.id, lead=escalation.lead)

    async def _call_together(self, storm_id: str, escalation: Escalation, since: datetime, now: datetime) -> None:
        async with self._database.transaction() as session:
            number = await escalations.escalate_storm(session, storm_id, escalation.lead, since, now)
            if number:
                await self._announcer.has_news(session, AnnouncementKind.STORM, storm_id)
                await self._announcer.to_person(session, AnnouncementKind.STORM, storm_id, escalation.lead)
                deed = Deed("job:escalation", "job", "storm-escalated", storm_id[:12], escalation.channel)
                await self._journal.done(session, deed, growers=number, lead=escalation.lead)


def _zone(escalation: Escalation) -> ZoneInfo:
    zone = workhours.zone(escalation.zone) or workhours.zone(DEFAULT_ZONE)
    if zone is None:
        raise LookupError("no time zones on this machine")
    return zone


def _told(escalation: Escalation | None) -> dict[str, str | int] | None:
    """For the audit trail."""
    if escalation is None:
        return None
    return {"lead": escalation.lead, "minutes": escalation.minutes, "zone": escalation.zone}
