"""Who hears of a consent, and what is written down of it: in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.correspondence import reminder_name
from bot.journal import Journal
from storage import bulks, consents, growers
from storage.records import AnnouncementKind, Consent, ConsentState, NoteKind, ThreadNote, Trouble

LOGIN_TIME = timedelta(minutes=30)
"""How long a grower may take at FieldView; what was begun before the link expired, or was replaced, may finish within
it, and nothing is begun after."""


class ConsentNews:
    """Tells the team and the grower how a consent stands, and keeps the audit trail."""

    def __init__(self, announcer: Announcer, journal: Journal) -> None:
        self._announcer = announcer
        self._journal = journal

    async def tell(self, session: AsyncSession, consent: Consent, *, outcome: bool = True) -> None:
        """Whoever shows this consent shows how it stands: the grower's messages, the incident's card, the asker."""
        await self.tell_grower(session, consent)
        if consent.incident_id:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)
        for bulk in await bulks.of_consent(session, consent.id):
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk)
        if outcome:
            for person in sorted({consent.asked_by, await self.answerable(session, consent)}):
                await self._announcer.to_person(session, AnnouncementKind.CONSENT_OUTCOME, consent.id, person)

    async def ran_out(self, session: AsyncSession, consent: Consent) -> None:
        """Nobody used the link. Of a list's many links, the list's own message tells."""
        await self.tell(session, consent, outcome=not await bulks.of_consent(session, consent.id))

    async def answerable(self, session: AsyncSession, consent: Consent) -> str:
        """Whose turn it is when the grower does not act: the grower's owner, or whoever asked."""
        grower = await growers.get(session, consent.grower_id)
        return (grower.owner if grower else None) or consent.asked_by

    async def below_the_card(
        self,
        session: AsyncSession,
        consent: Consent,
        what: NoteKind,
        at: datetime,
        by: str | None = None,
        /,
        **detail: str | bool,
    ) -> None:
        """What became of a link that should repair an incident is told in the thread of the incident's card."""
        if consent.incident_id:
            note = ThreadNote(what, at, by, detail)
            await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, consent.incident_id, note)

    async def renewal_asked(self, session: AsyncSession, consent: Consent) -> None:
        """The team hears that the grower wants a new link."""
        person = await self.answerable(session, consent)
        await self._announcer.to_person(session, AnnouncementKind.CONSENT_RENEWAL, consent.id, person)

    async def tell_grower(self, session: AsyncSession, consent: Consent) -> None:
        """The messages that carry the link say how it stands."""
        await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, consent.id)
        for number in range(1, consent.reminders + 1):
            subject = reminder_name(consent.id, number)
            await self._announcer.has_news(session, AnnouncementKind.CONSENT_REMINDER, subject)

    async def replaced(self, session: AsyncSession, consent: Consent, at: datetime) -> None:
        """Another link took the place of this one, which is in use: what was begun may finish, and nothing begins."""
        await consents.replace(session, consent, at, until=(consent.begun_at or at) + LOGIN_TIME)
        await self.tell_no_more(session, consent)

    async def withdraw(
        self,
        session: AsyncSession,
        grower_id: str,
        at: datetime,
        why: Trouble | None = None,
        *,
        made_before: datetime | None = None,
    ) -> int:
        """This grower's links end, all or those made before a moment; returns how many ended at once.

        What is in use may be finished. `why` says what ended them when it was not another link.
        """
        withdrawn = 0
        for known in await consents.open_of_grower(session, grower_id):
            if made_before is not None and known.created_at >= made_before:
                continue
            # Whoever is just beginning it is waited for, and then seen.
            await consents.lock(session, known.id)
            older = await consents.get(session, known.id) or known
            in_use = older.begun_at is not None and at - older.begun_at < LOGIN_TIME
            ended = {"trouble": why, "finished_at": at}
            if in_use or not await consents.move(session, older.id, ConsentState.OPEN, ConsentState.REVOKED, **ended):
                await self.replaced(session, older, at)
                continue
            withdrawn += 1
            await self.tell_no_more(session, older)
            if why:
                await self.record(session, older, "consent-withdrawn", "done", "", {"why": why})
        return withdrawn

    async def tell_no_more(self, session: AsyncSession, consent: Consent) -> None:
        """Whatever was told of a link whose place another one took is mended; nobody hears anything new."""
        await self.tell_grower(session, consent)
        await self._announcer.has_news(session, AnnouncementKind.CONSENT_OUTCOME, consent.id)
        for bulk in await bulks.of_consent(session, consent.id):
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk)

    async def fulfil(self, session: AsyncSession, consent: Consent, **detail: Any) -> None:
        """What a colleague or a grower did in Slack with a consent, in writing: see `Journal.fulfil`."""
        await self._journal.fulfil(session, consent=consent.id, **detail)

    async def record(
        self,
        session: AsyncSession,
        consent: Consent,
        action: str,
        outcome: str,
        request_id: str,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        by_job = not request_id
        await self._journal.record(
            session,
            "job:consent" if by_job else "grower",
            "job" if by_job else "web",
            action,
            outcome,
            request_id or consent.id[:12],
            channel=consent.channel,
            target=consent.grower_id,
            target_name=consent.grower_name,
            detail=detail,
        )
