"""Alerts that nobody takes up are brought to mind, quietly, once a week."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.journal import Deed, Journal
from storage import care, growers, outbox, storms
from storage.database import Database
from storage.records import AnnouncementKind, Incident, NoteKind, StormKind, ThreadNote

WEEK = timedelta(days=7)
"""How long nobody has to take an alert up, or after a reminder goes on not to, until somebody is reminded."""

APART = timedelta(hours=1)
"""How long somebody who was reminded of one alert hears of no other: many that fall due at once come one by one."""

AT_A_TIME = 100


class Reminding:
    """Tells whoever looks after the grower, by direct message and below the card; recovery, "Acknowledge", a snooze
    and a link that works end it. Part of a storm is not told of alone: below its storm's message all owners are."""

    def __init__(
        self, database: Database, announcer: Announcer, journal: Journal, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def remind(self) -> None:
        """Everything that is due; safe to run on every replica at once."""
        now = self._clock()
        async with self._database.reading() as session:
            due = await care.forgotten(session, now - WEEK, now, AT_A_TIME, told_since=now - APART)
        for incident, whose in due:
            async with self._database.transaction() as session:
                if await care.remind(session, incident.id, now, before=now - WEEK):
                    await self._remind(session, incident, whose, now)

        await self._remind_of_storms(now)

    async def _remind_of_storms(self, now: datetime) -> None:
        async with self._database.reading() as session:
            if any(storm.kind is not StormKind.GROWERS for storm in await storms.standing(session)):
                # While FieldView or Leaf is ill, the storm's message itself says that nobody need act yet.
                return
            due = await care.forgotten_in_storms(session, now - WEEK, now)
        for storm, whose in due:
            async with self._database.transaction() as session:
                if await care.remind_of_storm(session, storm.id, now, before=now - WEEK):
                    days, growers = (now - storm.began_at).days, sum(whose.values())
                    detail = {"days": days, "growers": growers, "people": [owner for owner in whose if owner]}
                    note = ThreadNote(NoteKind.CALLED, now, detail=detail)
                    await self._announcer.note_in_threads(session, AnnouncementKind.STORM, storm.id, note)
                    deed = Deed("job:reminder", "job", "storm-reminded", storm.id[:12])
                    await self._journal.done(session, deed, growers=growers, days=days)

    async def _remind(self, session: AsyncSession, incident: Incident, whose: str | None, now: datetime) -> None:
        grower = await growers.get(session, incident.grower_id)
        days = (now - incident.opened_at).days
        note = ThreadNote(NoteKind.CALLED, now, detail={"person": whose, "days": days})
        await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
        if whose and await outbox.find(session, AnnouncementKind.INCIDENT, incident.id, whose) is None:
            await self._announcer.to_person(session, AnnouncementKind.INCIDENT, incident.id, whose)
        deed = Deed("job:reminder", "job", "alert-reminded", incident.id[:12])
        await self._journal.done(session, deed, grower, incident=incident.id, to=whose, days=days)
