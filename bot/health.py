"""What people ask: how is a connection, what happened to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive import Archive
from bot.dataflow import DataFlows
from bot.errors import ProviderError
from bot.monitor import Monitor
from bot.reports import History, Overview, StatusReport, Timeline, TimelineFact
from storage import (
    audit,
    care,
    connections,
    consents,
    first_data,
    growers,
    incidents,
    leaf_events,
    silences,
    storms,
    sweeps,
    tags,
)
from storage.database import Database
from storage.records import EVERYBODYS, AuditEntry, Connection, CredentialStatus, Grower, Transition, Whose

PAGE = 15
"""Facts on one page of a timeline."""

HISTORY_PAGE = 20
"""Entries on one page of the audit trail."""

STRIP = 30
"""Days the strip shows."""

LISTED = 1000

DEEDS_READ = 200
"""Entries of the audit trail read at a time."""

LOOKS = (
    *("status", "events", "history", "health", "help", "home", "find-grower"),
    *("links", "snoozes", "storm", "subscriptions"),
)
"""Actions that change nothing."""

BARE_LOOKS = ("access", "escalate", "owner", "tag")
"""Actions that change nothing where the audit trail has no detail of them."""

WORST_FIRST = (
    CredentialStatus.BROKEN,
    CredentialStatus.LIMITED,
    CredentialStatus.UNKNOWN,
    CredentialStatus.UNAVAILABLE,
    CredentialStatus.PENDING,
    CredentialStatus.ABSENT,
    CredentialStatus.HEALTHY,
)


class Health:
    """Status, events and history."""

    def __init__(
        self,
        database: Database,
        monitor: Monitor,
        archive: Archive,
        data: DataFlows,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._monitor = monitor
        self._archive = archive
        self._data = data
        self._clock = clock

    async def overview(self, whose: Whose = EVERYBODYS) -> Overview:
        """All growers at a glance, or only those, from what the last sweep left us."""
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
            needing = await connections.needing_someone(session, LISTED, whose)
            return Overview(
                counts=await connections.counts(session, whose),
                needing_someone=needing,
                waiting_for_consent=await consents.waiting(session, self._clock(), whose),
                as_of=last.finished_at if last else None,
                whose=whose,
                silent=await silences.standing(session, whose),
                snoozed=await care.with_snooze(session, whose),
                undecided=await consents.undecided(session, whose),
                consents=await consents.foremost_of(session, [grower.id for grower, _ in needing]),
            )

    async def connection(self, grower: Grower) -> Connection | None:
        """What we believe of the grower's connection, without asking Leaf."""
        async with self._database.reading() as session:
            return await connections.get(session, grower.id)

    async def status(self, grower: Grower) -> StatusReport:
        """Everything known of one grower, asked of Leaf just now; when Leaf does not tell, what we knew before."""
        why_not_live, held = await asyncio.gather(self._checked(grower), self._data.data_flow(grower.id))
        data = held if why_not_live is None else None
        async with self._database.reading() as session:
            connection = await connections.get(session, grower.id)
            last = await sweeps.last_finished(session)
            incident = await incidents.open_of_grower(session, grower.id)
            consent = await consents.foremost_of_grower(session, grower.id)
            silence = await silences.open_of_grower(session, grower.id)
            first = await first_data.get(session, consent.id) if consent else None
            own = await tags.of(session, grower.id)
            storm = await storms.around(session, incident.id) if incident else None
            ill = await storms.ill(session) if storm else []
        looked = [last.started_at] if last else []
        looked += [connection.checked_at] if connection else []
        return StatusReport(
            grower,
            connection,
            as_of=self._clock() if why_not_live is None else max(looked, default=None),
            live=why_not_live is None,
            why_not_live=why_not_live,
            incident=incident,
            consent=consent,
            data=data,
            silence=None if silence and data and data.synced_at and data.synced_at > silence.since else silence,
            first=None if first and data and data.synced_at and data.synced_at >= first.since else first,
            tags=own,
            storm=storm,
            ill=ill,
        )

    async def _checked(self, grower: Grower) -> str | None:
        """Ask Leaf now; why it could not be asked, if so."""
        try:
            await self._monitor.check(grower.id, "status")
        except ProviderError as failure:
            return str(failure)
        return None

    async def timeline(self, grower: Grower, days: int, page: int) -> Timeline:
        """One page (0 is the newest) of Leaf's events, our own actions and the changes of state."""
        why_archived_only = None
        try:
            await self._archive.keep(grower.id)
        except ProviderError as failure:
            why_archived_only = str(failure)
        now = self._clock()
        since = now - timedelta(days=days)
        wanted = (page + 1) * PAGE + 1
        async with self._database.reading() as session:
            facts: list[TimelineFact] = [
                *await leaf_events.of_grower(session, grower.id, since=since, limit=wanted),
                *await connections.transitions(session, grower.id, since=since, limit=wanted),
                *await self._deeds(session, grower.id, since, wanted),
            ]
            history = await connections.transitions(session, grower.id, since=_midnight(now, STRIP - 1))
            before = await connections.status_at(session, grower.id, _midnight(now, STRIP - 1))
        facts.sort(key=_moment, reverse=True)
        return Timeline(
            grower=grower,
            facts=facts[page * PAGE : (page + 1) * PAGE],
            page=page,
            has_older=len(facts) > (page + 1) * PAGE,
            since=since,
            days=strip(now, history, before),
            why_archived_only=why_archived_only,
        )

    async def _deeds(self, session: AsyncSession, grower_id: str, since: datetime, wanted: int) -> list[AuditEntry]:
        """Actions worth telling, newest first: looking is in the audit trail, but no part of a grower's story."""
        deeds: list[AuditEntry] = []
        before: int | None = None
        while len(deeds) < wanted:
            page = await audit.latest(session, target=grower_id, limit=DEEDS_READ, before=before)
            recent = [sealed.entry for sealed in page if sealed.entry.at >= since]
            deeds += [entry for entry in recent if entry.action not in LOOKS]
            if len(recent) < DEEDS_READ:
                break
            before = page[-1].seq
        return deeds[:wanted]

    async def history(
        self,
        grower: Grower | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        *,
        looks: bool = False,
    ) -> History:
        """Who did what, newest first: to one grower or at all; `before` is an entry to go on from.

        Who only looked is left out without `looks`, unless that very action is asked for.
        """
        actions = (action,) if action else ()
        everything = looks or action is not None
        target = grower.id if grower else None
        async with self._database.reading() as session:
            found = await audit.latest(
                session,
                target=target,
                actor=actor,
                actions=actions,
                looks=() if everything else LOOKS,
                bare_looks=() if everything else BARE_LOOKS,
                since=since,
                limit=HISTORY_PAGE + 1,
                before=before,
            )
            shown = found[:HISTORY_PAGE]
            about = [target, *(sealed.entry.target for sealed in shown)]
            known = await growers.get_many(session, {grower_id for grower_id in about if grower_id})
        older = shown[-1].seq if len(found) > HISTORY_PAGE else None
        entries = [sealed.entry for sealed in shown]
        about_whom = known.get(target or "", grower)
        return History(entries, about_whom, actor, action, since, older, before is not None, known, looks)


def _moment(fact: TimelineFact) -> datetime:
    return fact.at


def _midnight(now: datetime, days_ago: int) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days_ago), time(), UTC)


def strip(
    now: datetime, transitions: list[Transition], before: CredentialStatus | None
) -> list[tuple[date, CredentialStatus | None]]:
    """The worst status of each of the last 30 days (UTC), oldest first; None for days before anything was known.

    `transitions` are newest first; `before` is the status the first day began with.
    """
    current, days = before, []
    pending = list(reversed(transitions))
    for days_ago in reversed(range(STRIP)):
        day = _midnight(now, days_ago).date()
        statuses = [current] if current else []
        while pending and pending[0].at.astimezone(UTC).date() <= day:
            current = pending.pop(0).after
            statuses.append(current)
        days.append((day, min(statuses, key=WORST_FIRST.index) if statuses else None))
    return days
