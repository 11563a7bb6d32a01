"""Asking a grower for consent: the link is made, and brought to them or handed to the agent who asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.chasing import falls_due
from bot.code_words import code_word
from bot.consent_news import ConsentNews
from bot.correspondence import Correspondence, may_press_again
from bot.directory import Directory
from bot.errors import (
    BotError,
    ChannelUnreachable,
    ConsentDeclined,
    ConsentExpired,
    ConsentRevoked,
    ConsentUnknown,
    ConsentUsed,
    ProviderError,
    ProviderUnavailable,
    UsageError,
)
from bot.journal import Journal
from bot.reports import Invitation
from bot.slack.client import Person, Posted, SlackClient
from bot.storms import Storms
from storage import connections, consents, growers, incidents, owners
from storage.database import Database
from storage.records import AnnouncementKind, Connection, Consent, ConsentState, Grower, NoteKind, ThreadNote

log = structlog.get_logger(__name__)

JUST_SENT = timedelta(minutes=10)
"""How long after a link was sent the same button makes no second one."""


@dataclass(frozen=True)
class Issued:
    """A consent just made, how the grower's connection was then, and what came with it."""

    consent: Consent
    connection: Connection | None
    replaced: int
    claimed: bool


class Inviting:
    """Makes consent links, brings them to growers, lists them, and takes them back."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        directory: Directory,
        correspondence: Correspondence,
        announcer: Announcer,
        news: ConsentNews,
        storms: Storms,
        journal: Journal,
        clock: Callable[[], datetime],
        link_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._slack = slack
        self._directory = directory
        self._correspondence = correspondence
        self._announcer = announcer
        self._news = news
        self._storms = storms
        self._journal = journal
        self._clock = clock
        self._link_lifetime = link_lifetime

    async def invite(
        self, grower: Grower, asked_by: str, channel: str | None, *, again: bool = True
    ) -> Invitation | Consent:
        """Make a consent link and bring it to the grower by DM if they are in this workspace.

        Earlier links of this grower that nobody is using right now stop working. An unowned grower has an owner from
        now on: whoever asks. Not `again`, for a button that many may press: a link that was made moments ago is enough,
        and its consent is returned. Raises ProviderError when Slack does not say who asks.
        """
        asker, person = await self._slack.person(asked_by), await self._person(grower)
        link, now = self._correspondence.new_link(), self._clock()
        async with self._database.transaction() as session:
            # Whoever presses at the same moment waits here, and then sees the other one's link.
            await growers.lock(session, grower.id)
            others = await consents.working(session, now, grower_id=grower.id)
            if not again and others and now - others[0].created_at < JUST_SENT:
                return others[0]
            issued = await self.issue(session, grower, asker, person, channel, link.token_hash)
            await self._journal.fulfil(
                session,
                consent=issued.consent.id,
                replaced=issued.replaced,
                to=person.id if person else None,
                owner=asker.id if issued.claimed else None,
            )
        company = self._correspondence.company
        invitation = Invitation(
            issued.consent,
            grower,
            link.url,
            company,
            replaced=issued.replaced,
            connection=issued.connection,
            claimed=issued.claimed,
        )
        return await self._sent(invitation, person) if person else invitation

    async def issue(
        self,
        session: AsyncSession,
        grower: Grower,
        asker: Person,
        person: Person | None,
        channel: str | None,
        token_hash: str,
    ) -> Issued:
        """The consent and all that follows from it, in the caller's transaction, which has locked the grower."""
        now = self._clock()
        latest = await consents.latest_of_grower(session, grower.id)
        incident = await incidents.open_of_grower(session, grower.id)
        connection = await connections.get(session, grower.id)
        consent = Consent(
            id=uuid.uuid4().hex,
            grower_id=grower.id,
            grower_name=grower.name,
            asked_by=asker.id,
            asked_by_name=asker.name,
            channel=channel,
            code_word=code_word(),
            created_at=now,
            expires_at=now + self._link_lifetime,
            incident_id=incident.id if incident else None,
            language=latest.language if latest else None,
            time_zone=(person.zone if person else None) or asker.zone,
        )
        consent = replace(consent, remind_at=falls_due(consent))
        replaced = await self._news.withdraw(session, grower.id, now)
        await consents.add(session, consent, token_hash)
        claimed = await owners.claim(session, grower.id, asker.id) is not None
        if claimed:
            await self._announcer.has_news(session, AnnouncementKind.OWNER, grower.id)
        if incident:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
            note = ThreadNote(NoteKind.LINK_SENT, now, asker.id)
            await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
            if claimed and incident.told_at is not None:
                self._storms.moved(session, incident.id)
        if latest and latest.renewal_asked_at:
            await self._announcer.has_news(session, AnnouncementKind.CONSENT_RENEWAL, latest.id)
        return Issued(consent, connection, replaced, claimed)

    async def _sent(self, invitation: Invitation, person: Person) -> Invitation:
        """The invitation, delivered by DM where that is possible; a Slack that is only slow is tried on and on."""
        consent = invitation.consent
        message = messages.invitation_dm(invitation.letter, self._clock())
        try:
            posted = await self._slack.post(person.id, message.payload())
        except ChannelUnreachable as unreachable:
            return replace(invitation, undelivered=unreachable.reason)
        except ProviderUnavailable:
            await self.owe_delivery(consent, person.id)
            return replace(invitation, delivered_to=person.id, delayed=True)
        except ProviderError as failure:
            return replace(invitation, undelivered=failure.provider + " did not take the message")
        await self.remember_delivery(consent, person.id, posted)
        return replace(invitation, delivered_to=person.id)

    async def owe_delivery(self, consent: Consent, person: str) -> None:
        """The message with the link comes as soon as Slack takes it, or the asker is told that it cannot."""
        async with self._database.transaction() as session:
            await consents.note(session, consent.id, sent_to=person)
            await self._announcer.to_person(session, AnnouncementKind.CONSENT_INVITATION, consent.id, person)
            if consent.incident_id:
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)

    async def _person(self, grower: Grower) -> Person | None:
        try:
            return await self._directory.person_of(grower)
        except (ProviderError, ChannelUnreachable) as failure:
            log.warning("the grower could not be looked up in slack", detail=str(failure))
            return None

    async def remember_delivery(self, consent: Consent, person: str, posted: Posted) -> None:
        """That message carries the link: it is ours to edit from here on."""
        async with self._database.transaction() as session:
            await consents.note(
                session, consent.id, sent_to=person, message_channel=posted.channel, message_ts=posted.ts
            )
            await self._announcer.adopt(session, AnnouncementKind.CONSENT_INVITATION, consent.id, person, posted)
            now = await consents.get(session, consent.id)
            if now is None or _shown(now) != _shown(consent):
                # While Slack took its time: nobody could tell a message that was not ours yet.
                await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, consent.id)
            if consent.incident_id:
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)

    # Links that were made

    async def working(self, grower: Grower | None = None) -> list[Consent]:
        """Links that work or are being worked on, newest first."""
        async with self._database.reading() as session:
            return await consents.working(session, self._clock(), grower_id=grower.id if grower else None)

    async def held(self, grower: Grower) -> Consent | None:
        """The approval of this grower about which somebody has to decide."""
        async with self._database.reading() as session:
            consent = await consents.foremost_of_grower(session, grower.id)
        return consent if consent and consent.state is ConsentState.HELD else None

    async def get(self, consent_id: str) -> Consent:
        """Raises ConsentUnknown."""
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
        if consent is None:
            raise ConsentUnknown
        return consent

    async def shown_again(self, consent_id: str, grower: Grower) -> Invitation:
        """The grower's invitation as it was, with one more link to it. Raises ConsentError when no link would work."""
        async with self._database.transaction() as session:
            invitation = await self._one_more(session, consent_id, grower)
            await self._journal.fulfil(session, consent=consent_id)
        return invitation

    async def speak(self, consent_id: str, language: str, grower: Grower) -> Invitation:
        """From here on the grower is written to in this language; `shown_again` in it. Raises ConsentError."""
        async with self._database.transaction() as session:
            await consents.note(session, consent_id, language=language)
            await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, consent_id)
            invitation = await self._one_more(session, consent_id, grower)
            await self._journal.fulfil(session, consent=consent_id, language=language)
        return invitation

    async def _one_more(self, session: AsyncSession, consent_id: str, grower: Grower) -> Invitation:
        letter = await self._correspondence.write(session, consent_id)
        if letter is None:
            raise ConsentUnknown
        if letter.url is None or not may_press_again(letter.consent, self._clock()):
            raise ConsentExpired
        consent, connection = letter.consent, await connections.get(session, grower.id)
        return Invitation(
            consent, grower, letter.url, letter.company, delivered_to=consent.sent_to, connection=connection
        )

    async def take_back(self, consent_id: str, by: str) -> Consent:
        """The link stops working at once. Raises ConsentError when it has stopped already, UsageError when the grower
        has agreed."""
        consent = await self.get(consent_id)
        async with self._database.transaction() as session:
            # Whoever begins anew what is held is waited for, and then seen.
            await consents.lock(session, consent_id)
            consent = await consents.get(session, consent_id) or consent
            for state in (ConsentState.OPEN, ConsentState.HELD):
                revoked = await consents.move(
                    session,
                    consent_id,
                    state,
                    ConsentState.REVOKED,
                    revoked_by=by,
                    finished_at=self._clock(),
                    refresh_token=None,
                )
                if revoked:
                    await self._news.tell(session, revoked, outcome=revoked.asked_by != by)
                    await self._journal.fulfil(session, consent=consent_id)
                    return revoked
        raise _over(consent)


def _shown(consent: Consent) -> tuple[object, ...]:
    """What the message with the link says of the consent, as far as it changes."""
    return consent.state, consent.replaced_at, consent.asked_by_name, consent.language


def _over(consent: Consent) -> BotError:
    match consent.state:
        case ConsentState.CONNECTED:
            return ConsentUsed()
        case ConsentState.DECLINED:
            return ConsentDeclined()
        case ConsentState.REVOKED:
            return ConsentRevoked()
        case ConsentState.FAILED:
            return ConsentExpired()
        case _:
            return UsageError("It is too late to take this link back: the grower has agreed, and Leaf is being told.")
