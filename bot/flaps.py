"""Flaps: a connection that comes and goes has one card with a count, instead of a new card for each change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.journal import Journal
from storage import care, connections, incidents, storms
from storage.database import Database
from storage.records import AnnouncementKind, Connection, CredentialStatus, Incident, NoteKind, ThreadNote

LIMIT = 3
"""More changes than these within a day are flapping."""

QUIET = timedelta(hours=6)
"""It is over when nothing has changed for so long."""

SUMMED_UP = timedelta(hours=6)
"""How often a line in the card's thread says how it goes on."""


class Flaps:
    """Notices what comes and goes, sums it up in time, and knows when it has settled."""

    def __init__(
        self, database: Database, announcer: Announcer, journal: Journal, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def is_one(self, session: AsyncSession, incident: Incident, now: Connection) -> bool:
        """Whether this incident comes and goes, so that it stays open while the connection works; marked when new.

        An incident that is part of a storm has no card of its own that could tell of it.
        """
        if incident.flapping_since is not None:
            return True
        changes = await connections.flaps(session, incident.grower_id, self._clock())
        if changes <= LIMIT or await storms.of_incident(session, incident.id) is not None:
            return False
        await incidents.note(session, incident.id, flapping_since=now.changed_at, summarised_at=now.changed_at)
        await self._journal.record(
            session,
            "job:sweep",
            "job",
            "incident-flapping",
            "done",
            incident.id[:12],
            target=incident.grower_id,
            target_name=incident.grower_name,
            detail={"changes": changes},
        )
        return True

    def has_settled(self, known: Connection) -> bool:
        """Whether nothing has changed for long enough."""
        return self._clock() - known.changed_at >= QUIET

    async def settled_broken(self, session: AsyncSession, incident: Incident, known: Connection) -> None:
        """It is an ordinary alert again, and a snooze until it works again is due if it has worked since."""
        await incidents.note(session, incident.id, flapping_since=None)
        snoozed_at = incident.care.snoozed_at
        if snoozed_at is not None and snoozed_at < known.changed_at:
            await care.has_worked(session, incident.id, self._clock())
        await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)

    async def sum_up(self, session: AsyncSession, incident: Incident, known: Connection) -> None:
        """Once in six hours: a line in the thread, and the count on the card."""
        now = self._clock()
        if incident.summarised_at is not None and now - incident.summarised_at < SUMMED_UP:
            return
        changes = await connections.flaps(session, incident.grower_id, now, within=SUMMED_UP)
        note = ThreadNote(
            NoteKind.FLAPPED, now, detail={"changes": changes, "works": known.status is CredentialStatus.HEALTHY}
        )
        await incidents.note(session, incident.id, summarised_at=now)
        await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
        await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
