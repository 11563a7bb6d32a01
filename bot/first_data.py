"""After a consent: followed until Leaf shows data, and said once when none has come for days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.dataflow import DataFlows
from bot.errors import ProviderError
from bot.journal import Journal
from bot.silence import FIRST_DATA
from storage import connections, consents, first_data, freshness, growers
from storage.database import Database
from storage.records import AnnouncementKind, Consent, CredentialStatus, FirstData, Freshness

log = structlog.get_logger(__name__)

FOLLOW = "follow-first-data"
"""The job that follows a completed consent; its subject is the consent's id."""

FOLLOWED = timedelta(days=14)
"""After this nobody waits for it any more; then the connection counts as silent like any other."""

ASKED_DIRECTLY = timedelta(days=1)
"""So long Leaf is asked for this one grower; afterwards the regular reading of everybody is soon enough."""

SKEW = timedelta(minutes=5)
"""Leaf's clock and ours may differ by so much."""

SOONEST, LATEST = 30.0, 6 * 3600.0
"""Seconds between two looks: the longer it takes, the longer we wait."""


class FirstDataWatch:
    """Follows each completed consent until its first data, and brings the messages about it up to date."""

    def __init__(
        self,
        database: Database,
        data: DataFlows,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._data = data
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def follow(self, consent_id: str) -> float | None:
        """Job: look, and look again later; ends with the first data, a disconnect, or FOLLOWED."""
        async with self._database.reading() as session:
            consent, first = await consents.get(session, consent_id), await first_data.get(session, consent_id)
            connection = await connections.get(session, first.grower_id) if first else None
        if consent is None or first is None or first.came_at or connection is None:
            return None
        waited = self._clock() - first.since
        read = await self._read(first, waited)
        if read and _is_from(read, first, consent):
            await self._came(consent, first, read)
            return None
        if connection.status is CredentialStatus.ABSENT:
            return None
        if waited >= FIRST_DATA and first.missed_at is None:
            await self._missed(consent, is_healthy=connection.status is CredentialStatus.HEALTHY)
        return None if waited >= FOLLOWED else min(LATEST, max(SOONEST, waited.total_seconds() / 2))

    async def _read(self, first: FirstData, waited: timedelta) -> Freshness | None:
        if waited < ASKED_DIRECTLY:
            try:
                return await self._data.read(first.grower_id)
            except ProviderError as failure:
                log.warning("leaf does not tell whether data has come", grower=first.grower_id, detail=failure.detail)
        async with self._database.reading() as session:
            return await freshness.get(session, first.grower_id)

    async def _came(self, consent: Consent, first: FirstData, read: Freshness) -> None:
        now = self._clock()
        at = min(now, max(first.since, read.synced_at or now))
        async with self._database.transaction() as session:
            if await first_data.came(session, consent.id, at, read.farms, read.fields):
                await self._restate(session, consent)
                again = bool(consent.incident_id or consent.replaces_credential)
                detail = {"farms": read.farms, "fields": read.fields, "again": again}
                await self._record(session, consent, "first-data", detail)

    async def _missed(self, consent: Consent, *, is_healthy: bool) -> None:
        """Nothing came. Of a connection that is not well something else is said, by its own card; and of one that was
        made anew since, when it is its turn."""
        async with self._database.transaction() as session:
            if await first_data.missed(session, consent.id, self._clock()):
                await self._restate(session, consent)
                newest = await consents.latest_connected(session, consent.grower_id)
                told = is_healthy and (newest is None or newest.id == consent.id)
                if told:
                    grower = await growers.get(session, consent.grower_id)
                    person = grower.owner if grower and grower.owner else consent.asked_by
                    await self._announcer.to_person(session, AnnouncementKind.NO_DATA_YET, consent.id, person)
                await self._record(session, consent, "first-data-missing", {"told": told})

    async def _restate(self, session: AsyncSession, consent: Consent) -> None:
        """Every message that speaks of this consent's data."""
        for kind in (AnnouncementKind.CONNECTED, AnnouncementKind.CONSENT_OUTCOME, AnnouncementKind.NO_DATA_YET):
            await self._announcer.has_news(session, kind, consent.id)
        if consent.incident_id:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)

    async def _record(self, session: AsyncSession, consent: Consent, action: str, detail: dict[str, int]) -> None:
        await self._journal.record(
            session,
            "job:first-data",
            "job",
            action,
            "done",
            consent.id[:12],
            target=consent.grower_id,
            target_name=consent.grower_name,
            detail=detail,
        )


def _is_from(read: Freshness, first: FirstData, consent: Consent) -> bool:
    """Whether this came in after the consent, and is not what an earlier connection had left at Leaf."""
    if read.synced_at is not None:
        return read.synced_at >= first.since - SKEW
    return consent.replaces_credential is None and read.farms + read.fields > 0
