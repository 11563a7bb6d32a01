"""What a message that is owed looks like: read as things are now, never as they were when it became owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from bot import digest, messages
from bot.correspondence import Correspondence
from bot.messages import Message
from bot.reports import BulkReport, DataFlow, IncidentCard
from bot.sealing import Anchor
from storage import (
    audit,
    bulks,
    connections,
    consents,
    disconnections,
    first_data,
    growers,
    handovers,
    incidents,
    notices,
    silences,
    storms,
)
from storage.database import Database
from storage.records import Announcement, AnnouncementKind, BulkState, ConsentState, FirstData


class DataSource(Protocol):
    """Who knows what Leaf holds of a grower's data."""

    async def data_flow(self, grower_id: str) -> DataFlow | None: ...


class Rendering:
    """Reads what an announcement is about, and has it put into words."""

    def __init__(
        self, database: Database, data: DataSource, correspondence: Correspondence, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._data = data
        self._correspondence = correspondence
        self._clock = clock

    async def of(self, owed: Announcement) -> Message | None:
        """The message as it must look now; None when its subject is gone and there is nothing to say."""
        now = self._clock()
        match owed.kind:
            case AnnouncementKind.INCIDENT:
                card = await self._incident_card(owed.subject, may_stand=owed.may_stand)
                return messages.incident(card, now) if card else None
            case AnnouncementKind.STORM:
                return await self._storm(owed.subject, now)
            case AnnouncementKind.CONNECTED:
                return await self._connected(owed.subject, now)
            case AnnouncementKind.CONSENT_OUTCOME:
                return await self._outcome(owed.subject, now)
            case AnnouncementKind.CONSENT_INVITATION:
                return await self._correspondence.invitation(owed.subject)
            case AnnouncementKind.CONSENT_REMINDER:
                return await self._correspondence.reminder(owed.subject)
            case AnnouncementKind.CONSENT_RENEWAL:
                return await self._renewal(owed.subject, now)
            case AnnouncementKind.DISCONNECTION:
                async with self._database.reading() as session:
                    wanted = await disconnections.get(session, owed.subject)
                    grower = await growers.get(session, wanted.grower_id) if wanted else None
                return messages.disconnection(wanted, now, grower) if wanted else None
            case AnnouncementKind.OPERATOR_NOTICE:
                async with self._database.reading() as session:
                    notice = await notices.get(session, owed.subject)
                return messages.operator_notice(notice, now) if notice else None
            case AnnouncementKind.HANDOVER:
                async with self._database.reading() as session:
                    handover = await handovers.get(session, owed.subject)
                    moved = await growers.in_order(session, handover.moved.growers) if handover else []
                if handover and owed.channel == handover.giver:
                    return messages.handover_given(handover)
                return messages.handover_received(handover, moved) if handover else None
            case AnnouncementKind.OWNER:
                async with self._database.reading() as session:
                    grower = await growers.get(session, owed.subject)
                    connection = await connections.get(session, owed.subject)
                if grower is None or (not owed.ts and grower.owner != owed.channel):
                    return None
                return messages.made_owner(grower, connection, owed.channel)
            case AnnouncementKind.THREAD:
                raise AssertionError("a thread is replied to, not rendered")
            case AnnouncementKind.SILENCES:
                async with self._database.reading() as session:
                    told = await silences.of_round(session, owed.subject)
                return messages.silences(told) if told else None
            case AnnouncementKind.NO_DATA_YET:
                return await self._no_data_yet(owed.subject)
            case AnnouncementKind.AUDIT_ANCHOR if owed.ts:
                # It proves something because nobody changes it: not even the bot, when the database tells it to.
                return None
            case AnnouncementKind.AUDIT_ANCHOR:
                async with self._database.reading() as session:
                    sealed = await audit.one(session, int(owed.subject))
                return messages.audit_anchor(sealed.seq, str(Anchor.of(sealed))) if sealed else None
            case AnnouncementKind.BULK:
                return await self._bulk(owed.subject, now)
            case AnnouncementKind.DIGEST:
                async with self._database.reading() as session:
                    report = await digest.report(session, owed.subject, now)
                return messages.digest(report, now) if report else None

    async def _outcome(self, consent_id: str, now: datetime) -> Message | None:
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
            if consent is None:
                return None
            grower = await growers.get(session, consent.grower_id)
            connection = await connections.get(session, consent.grower_id)
            whose = None
            if consent.state is ConsentState.HELD and consent.account_email:
                whose = await growers.with_account(session, consent.account_email, but=consent.grower_id)
        first = await self._first_data(consent_id)
        return messages.consent_outcome(consent, now, connection, first=first, grower=grower, whose=whose)

    async def _bulk(self, bulk_id: str, now: datetime) -> Message | None:
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
            if bulk is None:
                return None
            lines, answers = await bulks.lines(session, bulk_id), await bulks.answers(session, bulk_id)
            ill = frozenset(await storms.ill(session))
            known = {}
            if bulk.state is BulkState.PLANNED:
                known = await growers.get_many(session, {line.grower_id for line in lines if line.grower_id})
        return messages.bulk(BulkReport(bulk, lines, answers, ill, known), now)

    async def _no_data_yet(self, consent_id: str) -> Message | None:
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
            grower = await growers.get(session, consent.grower_id) if consent else None
        first = await self._first_data(consent_id)
        return messages.no_data_yet(consent, first, grower) if consent and first else None

    async def _renewal(self, consent_id: str, now: datetime) -> Message | None:
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
            latest = await consents.latest_of_grower(session, consent.grower_id) if consent else None
            grower = await growers.get(session, consent.grower_id) if consent else None
        return messages.renewal_asked(consent, latest, now, grower) if consent else None

    async def _storm(self, storm_id: str, now: datetime) -> Message | None:
        async with self._database.reading() as session:
            storm = await storms.get(session, storm_id)
            if storm is None:
                return None
            tally = await storms.tally(session, storm, messages.NAMED)
            return messages.storm(storm, tally, now, await storms.ill(session))

    async def _incident_card(self, incident_id: str, *, may_stand: bool) -> IncidentCard | None:
        async with self._database.reading() as session:
            incident = await incidents.get(session, incident_id)
            if incident is None:
                return None
            storm_id = await storms.of_incident(session, incident_id)
            if storm_id and not may_stand:
                # The storm's message stands for it; but a card that a channel may have is told to its end.
                return None
            grower = await growers.get(session, incident.grower_id)
            changes = 0
            if incident.flapping_since is not None:
                changes = await connections.flaps(session, incident.grower_id, self._clock())
            connection = await connections.get(session, incident.grower_id)
            consent = await consents.foremost_for_incident(session, incident.id)
            tally = await storms.around(session, incident_id) if storm_id and incident.recovered_at is None else None
            ill = await storms.ill(session) if tally else []
        if grower is None:
            return None
        data = await self._data.data_flow(grower.id) if incident.recovered_at else None
        return IncidentCard(incident, grower, connection, consent, data, changes, tally, ill)

    async def _connected(self, consent_id: str, now: datetime) -> Message | None:
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
            grower = await growers.get(session, consent.grower_id) if consent else None
            connection = await connections.get(session, consent.grower_id) if consent else None
        if consent is None or grower is None or connection is None:
            return None
        first = await self._first_data(consent_id)
        # Who is followed is told of from what we know; Leaf need not be asked once more.
        data = None if first else await self._data.data_flow(grower.id)
        return messages.connected(consent, grower, connection, data, now, first)

    async def _first_data(self, consent_id: str) -> FirstData | None:
        async with self._database.reading() as session:
            return await first_data.get(session, consent_id)
