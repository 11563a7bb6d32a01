"""Asking a grower for consent: the link is made, and brought to them or handed to the agent who asked."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.consent_news import LOGIN_TIME
from bot.directory import Directory
from bot.errors import ChannelUnreachable, ProviderError
from bot.reports import Invitation
from bot.slack.client import Posted, SlackClient
from bot.vault import digest
from storage import connections, consents, incidents, owners
from storage.database import Database
from storage.records import AnnouncementKind, Consent, ConsentState, Grower, NoteKind, ThreadNote

log = structlog.get_logger(__name__)

WORDS = (
    [
        "amber",
        "clover",
        "copper",
        "early",
        "gentle",
        "golden",
        "green",
        "hazel",
        "linen",
        "misty",
        "quiet",
        "red",
        "rural",
        "silver",
        "sunny",
        "tall",
        "velvet",
        "warm",
        "western",
        "white",
        "willow",
        "winter",
        "young",
        "yellow",
    ],
    [
        "acre",
        "barley",
        "barn",
        "bean",
        "corn",
        "creek",
        "field",
        "furrow",
        "garden",
        "grain",
        "grove",
        "harvest",
        "hedge",
        "hill",
        "lane",
        "maize",
        "meadow",
        "oats",
        "orchard",
        "pasture",
        "prairie",
        "ridge",
        "rye",
        "wheat",
    ],
)
"""A code word is one of each: enough to be recognised, not a secret."""


class Inviting:
    """Makes consent links and delivers them."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        directory: Directory,
        announcer: Announcer,
        clock: Callable[[], datetime],
        public_url: str,
        link_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._slack = slack
        self._directory = directory
        self._announcer = announcer
        self._clock = clock
        self._public_url = public_url
        self._link_lifetime = link_lifetime
        self.company = "your customer-success team"

    async def invite(self, grower: Grower, asked_by: str, channel: str | None) -> Invitation:
        """Make a consent link and bring it to the grower by DM if they are in this workspace.

        Earlier links of this grower that nobody is using right now stop working. An unowned grower has an owner from
        now on: whoever asks. Raises ProviderError when the grower's place in Slack cannot be looked up.
        """
        asker = await self._slack.person(asked_by)
        token = secrets.token_urlsafe(32)
        now = self._clock()
        async with self._database.transaction() as session:
            incident = await incidents.open_of_grower(session, grower.id)
            consent = Consent(
                id=uuid.uuid4().hex,
                grower_id=grower.id,
                grower_name=grower.name,
                asked_by=asker.id,
                asked_by_name=asker.name,
                channel=channel,
                code_word="-".join(secrets.choice(words) for words in WORDS),
                created_at=now,
                expires_at=now + self._link_lifetime,
                incident_id=incident.id if incident else None,
            )
            replaced = await self._withdraw_older(session, grower.id, now)
            await consents.add(session, consent, digest(token))
            claimed = await owners.claim(session, grower.id, asker.id) is not None
            connection = await connections.get(session, grower.id)
            if incident:
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
                note = ThreadNote(NoteKind.LINK_SENT, now, asker.id)
                await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
        invitation = Invitation(
            consent,
            grower,
            f"{self._public_url}/connect/{token}",
            replaced=replaced,
            connection=connection,
            claimed=claimed,
        )
        return await self._sent(invitation)

    async def _withdraw_older(self, session: AsyncSession, grower_id: str, now: datetime) -> int:
        withdrawn = 0
        for older in await consents.open_of_grower(session, grower_id):
            in_use = older.begun_at is not None and now - older.begun_at < LOGIN_TIME
            if in_use or not await consents.move(session, older.id, ConsentState.OPEN, ConsentState.REVOKED):
                continue
            withdrawn += 1
            await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, older.id)
        return withdrawn

    async def _sent(self, invitation: Invitation) -> Invitation:
        """The invitation, delivered by DM where that is possible."""
        consent, undelivered = invitation.consent, None
        person = await self._person(invitation.grower)
        if person is None:
            return invitation
        message = messages.invitation_dm(invitation, self.company, self._clock())
        try:
            posted = await self._slack.post(person, message.payload())
        except ChannelUnreachable as unreachable:
            undelivered = unreachable.reason
        except ProviderError as failure:
            undelivered = failure.provider + " did not take the message"
        else:
            await self._remember_delivery(consent.id, person, posted)
        delivered_to = None if undelivered else person
        return replace(invitation, delivered_to=delivered_to, undelivered=undelivered)

    async def _person(self, grower: Grower) -> str | None:
        try:
            person = await self._directory.person_of(grower)
        except (ProviderError, ChannelUnreachable) as failure:
            log.warning("the grower could not be looked up in slack", detail=str(failure))
            return None
        return person.id if person else None

    async def _remember_delivery(self, consent_id: str, person: str, posted: Posted) -> None:
        async with self._database.transaction() as session:
            await consents.note(
                session, consent_id, sent_to=person, message_channel=posted.channel, message_ts=posted.ts
            )
            await self._announcer.adopt(session, AnnouncementKind.CONSENT_INVITATION, consent_id, person, posted)
