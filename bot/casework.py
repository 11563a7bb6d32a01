"""What the team does about an alert: acknowledge it, give it to somebody, silence it for a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.errors import AlertOver, SomebodyWasFirst, UsageError
from bot.journal import Deed, Journal
from bot.people import teammate
from bot.redaction import redact
from bot.reports import Handled, Snoozes
from bot.slack.client import SlackClient
from storage import care, growers, incidents
from storage.database import Database
from storage.records import AnnouncementKind, Grower, Incident, NoteKind, ThreadNote

LISTED = 40
"""Snoozes in one list; Slack takes fifty blocks."""

AT_A_TIME = 100

OLDER = "This button is from an older version of me."


class Casework:
    """Each deed is one transaction with its audit row and the edit of the card; of two at once, the first one counts.

    All raise AlertOver when the connection works again, and SomebodyWasFirst.
    """

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._slack = slack
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def look(self, incident_id: str) -> Handled:
        """The incident, as long as there is something to be done about it."""
        async with self._database.reading() as session:
            incident = await incidents.get(session, incident_id)
            grower = await growers.get(session, incident.grower_id) if incident else None
        if incident is None or grower is None:
            raise UsageError(OLDER, "/fieldview status")
        if incident.recovered_at is not None:
            raise AlertOver(grower, incident.recovered_at, incident.ended_by)
        return Handled(incident, grower, newly=False)

    async def acknowledge(self, incident_id: str, deed: Deed) -> Handled:
        """Somebody has seen it and takes it up: nobody else is called."""
        async with self._database.transaction() as session:
            taken = await care.acknowledge(session, incident_id, deed.actor, self._clock())
            if taken is not None:
                await self._note(session, incident_id, NoteKind.ACKNOWLEDGED, deed.actor)
                return await self._noted(session, taken, deed)
        found = await self.look(incident_id)
        by = found.incident.care.acknowledged_by
        if by != deed.actor:
            raise SomebodyWasFirst(found.grower, by or "", "acknowledged this", found.incident.care.acknowledged_at)
        return found

    async def assign(self, incident_id: str, to: str, reason: str, instead_of: str | None, deed: Deed) -> Handled:
        """Give it to a member of the team, who hears of it in their direct messages. Whoever gives has acknowledged.

        Raises UsageError when `to` is no member; SomebodyWasFirst when it is not `instead_of` who has it any more.
        """
        await teammate(self._slack, to)
        now, why = self._clock(), redact(reason) or None
        async with self._database.transaction() as session:
            given = await care.assign(session, incident_id, to, deed.actor, why, now, instead_of=instead_of)
            if given is not None:
                given = await care.acknowledge(session, incident_id, deed.actor, now) or given
                if to != deed.actor:
                    await self._announcer.call(session, incident_id, to, deed.actor)
                return await self._noted(session, given, deed, to=to, reason=why)
        found = await self.look(incident_id)
        has = found.incident.care
        if has.assigned_to != to:
            raise SomebodyWasFirst(found.grower, has.assigned_by or "", "given this to somebody", has.assigned_at)
        return found

    async def snooze(self, incident_id: str, span: timedelta | None, reason: str, deed: Deed) -> Handled:
        """Bother nobody with it for so long, or until it works again. The card goes on telling how it is."""
        now = self._clock()
        until, why = (now + span if span else None), redact(reason)
        async with self._database.transaction() as session:
            silenced = await care.snooze(session, incident_id, deed.actor, until, why, now)
            if silenced is not None:
                told = {"until": until.isoformat() if until else None}
                await self._note(session, incident_id, NoteKind.SNOOZED, deed.actor, **told)
                return await self._noted(session, silenced, deed, **told, reason=why)
        found = await self.look(incident_id)
        has = found.incident.care
        raise SomebodyWasFirst(found.grower, has.snoozed_by or "", "snoozed this", has.snoozed_at)

    async def end_snooze(self, incident_id: str, deed: Deed) -> Handled:
        """End it before its time; `newly` is False when it had ended."""
        before = await self.look(incident_id)
        async with self._database.transaction() as session:
            if await care.wake(session, incident_id, self._clock()):
                return await self._woken(session, before.incident, deed)
        return await self.look(incident_id)

    async def snoozes(self) -> Snoozes:
        """Everything that is snoozed now."""
        async with self._database.reading() as session:
            listed = await care.snoozed(session, LISTED)
            return Snoozes(listed, len(await care.with_snooze(session)) - len(listed))

    async def wake_due(self) -> None:
        """End the snoozes whose time has come; safe to run on every replica at once."""
        now = self._clock()
        async with self._database.reading() as session:
            due = await care.due_to_wake(session, now, AT_A_TIME)
        for incident in due:
            async with self._database.transaction() as session:
                if await care.wake(session, incident.id, now, only_if_due=True):
                    await self._woken(session, incident, Deed("job:snooze", "job", "end-snooze", incident.id[:12]))

    async def _woken(self, session: AsyncSession, before: Incident, deed: Deed) -> Handled:
        """Tell it below the card, where it reaches who was given the alert since, has the snooze, or is next."""
        after, has = await incidents.get(session, before.id) or before, before.care
        grower = await growers.get(session, before.grower_id)
        by = deed.actor if deed.via != "job" else None
        since = has.assigned_to if has.assigned_at and has.snoozed_at and has.assigned_at > has.snoozed_at else None
        turns = [since, has.snooze_told_to or has.snoozed_by, has.assigned_to, grower.owner if grower else None]
        await self._note(session, before.id, NoteKind.SNOOZE_OVER, by, snoozed_by=has.snoozed_by, turns=turns)
        return await self._noted(session, after, deed, snoozed_by=has.snoozed_by)

    async def _note(
        self, session: AsyncSession, incident_id: str, what: NoteKind, by: str | None, **detail: Any
    ) -> None:
        note = ThreadNote(what, self._clock(), by, detail)
        await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident_id, note)

    async def _noted(self, session: AsyncSession, incident: Incident, deed: Deed, **detail: str | None) -> Handled:
        grower = await growers.get(session, incident.grower_id) or Grower(incident.grower_id, incident.grower_name)
        await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id, prompt=True)
        await self._journal.done(session, deed, grower, incident=incident.id, **detail)
        return Handled(incident, grower)
