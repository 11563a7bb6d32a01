"""Connecting a grower: invite, open the link, consent at FieldView, hand the token to Leaf.

A link is spent when Leaf accepts, not when somebody looks. The refresh token is with us, encrypted, only between
FieldView's answer and Leaf's.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.archive import Archive
from bot.directory import Directory
from bot.errors import (
    ChannelUnreachable,
    ConsentDeclined,
    ConsentError,
    ConsentExpired,
    ConsentForeign,
    ConsentRevoked,
    ConsentUnknown,
    ConsentUsed,
    ProviderError,
    ProviderGibberish,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
)
from bot.fieldview.client import FieldViewClient, Grant
from bot.jobs import Queue
from bot.journal import Journal
from bot.leaf.client import LeafClient
from bot.leaf.models import Credential
from bot.monitor import CHECK, Monitor, Reading
from bot.redaction import redact
from bot.reports import Invitation
from bot.slack.client import Posted, SlackClient
from bot.vault import Unreadable, Vault, digest
from storage import connections, consents, incidents
from storage.database import Database
from storage.records import (
    AnnouncementKind,
    Consent,
    ConsentState,
    CredentialStatus,
    Grower,
)

log = structlog.get_logger(__name__)

COMPLETE = "complete-consent"
"""The job that turns a returned authorization code into a credential at Leaf; its subject is the consent's id."""

LOGIN_TIME = timedelta(minutes=30)
"""How long a grower may take at FieldView; a consent begun before the link expires may finish within it."""

EXCHANGE_PATIENCE = timedelta(minutes=5)
"""How long a code is worth keeping while FieldView does not answer: how long codes live is not documented."""

HANDOVER_PATIENCE = timedelta(hours=72)
"""How long Leaf may be down before the grower is asked again: the refresh token itself dies after 30 days."""

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


class Trouble(StrEnum):
    """Why a consent is not through yet, kept in `Consent.trouble`."""

    DENIED = "denied-at-fieldview"
    CODE_REFUSED = "code-refused"
    ANSWER_LOST = "answer-lost"
    FIELDVIEW_DOWN = "fieldview-down"
    OUR_CONFIGURATION = "our-configuration"
    LEAF_DOWN = "leaf-down"
    LEAF_REFUSED = "leaf-refused"


@dataclass(frozen=True)
class Begun:
    """A consent on its way to FieldView: where to send the browser, and the secret that binds it to this consent."""

    address: str
    browser: str


class Onboarding:
    """The consent journey from the invitation to Leaf's answer."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        slack: SlackClient,
        fieldview: FieldViewClient,
        leaf: LeafClient,
        application: dict[str, SecretStr],
        directory: Directory,
        monitor: Monitor,
        archive: Archive,
        announcer: Announcer,
        journal: Journal,
        queue: Queue,
        clock: Callable[[], datetime],
        public_url: str,
        link_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._vault = vault
        self._slack = slack
        self._fieldview = fieldview
        self._leaf = leaf
        self._application = application
        self._directory = directory
        self._monitor = monitor
        self._archive = archive
        self._announcer = announcer
        self._journal = journal
        self._queue = queue
        self._clock = clock
        self._public_url = public_url
        self._link_lifetime = link_lifetime
        self.company = "your customer-success team"

    # The team asks

    async def invite(self, grower: Grower, asked_by: str, channel: str | None) -> Invitation:
        """Make a consent link and bring it to the grower by DM if they are in this workspace.

        Earlier links of this grower that nobody is using right now stop working. Raises ProviderError when the
        grower's place in Slack cannot be looked up.
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
            connection = await connections.get(session, grower.id)
            if incident:
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
        invitation = Invitation(
            consent, grower, f"{self._public_url}/connect/{token}", replaced=replaced, connection=connection
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
        return Invitation(
            consent,
            invitation.grower,
            invitation.url,
            delivered_to=delivered_to,
            undelivered=undelivered,
            replaced=invitation.replaced,
            connection=invitation.connection,
        )

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

    # The grower comes

    async def look(self, token: str) -> Consent:
        """The consent behind a link, changing nothing, however often. Raises ConsentError when it cannot be used."""
        async with self._database.reading() as session:
            consent = await consents.by_token(session, digest(token))
        if consent is None:
            raise ConsentUnknown
        self._refuse_if_over(consent)
        return consent

    async def known(self, token: str) -> Consent | None:
        """The consent behind a link, usable or not."""
        async with self._database.reading() as session:
            return await consents.by_token(session, digest(token))

    def _refuse_if_over(self, consent: Consent) -> None:
        over: dict[ConsentState, type[ConsentError]] = {
            ConsentState.CONNECTED: ConsentUsed,
            ConsentState.DECLINED: ConsentDeclined,
            ConsentState.REVOKED: ConsentRevoked,
            ConsentState.FAILED: ConsentExpired,
        }
        if consent.state in over:
            raise over[consent.state]
        if consent.state is ConsentState.OPEN and self._clock() >= consent.expires_at:
            raise ConsentExpired

    async def begin(self, token: str, browser: str | None, request_id: str) -> Begun:
        """The grower presses "Continue": a one-time state bound to this browser. Raises ConsentError."""
        consent = await self.look(token)
        state, browser, now = secrets.token_urlsafe(32), browser or secrets.token_urlsafe(32), self._clock()
        async with self._database.transaction() as session:
            await consents.begin_attempt(
                session, consent.id, digest(state), digest(browser), at=now, until=now + LOGIN_TIME
            )
            await self._tell_team(session, consent, outcome=False)
            await self._record(session, consent, "consent-begun", "done", request_id)
        return Begun(self._fieldview.consent_address(state), browser)

    async def decline(self, token: str, request_id: str) -> Consent:
        """The grower says no on our page. Raises ConsentError."""
        consent = await self.look(token)
        async with self._database.transaction() as session:
            declined = await consents.move(
                session, consent.id, ConsentState.OPEN, ConsentState.DECLINED, finished_at=self._clock()
            )
            if declined is None:
                return consent
            await self._tell_team(session, declined)
            await self._record(session, declined, "consent-declined", "done", request_id)
        return declined

    async def returned(
        self, state: str, browser: str, code: SecretStr | None, error: str | None, request_id: str
    ) -> Consent:
        """FieldView sends the grower back with a code, an error, or neither. Raises ConsentForeign.

        The state is spent whatever came with it. A code goes to a durable job; what does not bring one leaves the
        link open.
        """
        async with self._database.transaction() as session:
            consent_id = await consents.spend_attempt(session, digest(state), digest(browser), self._clock())
            consent = await consents.get(session, consent_id) if consent_id else None
            if consent is None:
                raise ConsentForeign
            if consent.state is not ConsentState.OPEN:
                return consent
            if code is None or error is not None:
                await consents.note(session, consent.id, trouble=Trouble.DENIED)
                await self._tell_team(session, consent)
                detail = {"error": redact(error or "no code")[:80]}
                await self._record(session, consent, "consent-denied", "refused", request_id, detail=detail)
            else:
                await self._take_code(session, consent, code)
                await self._record(session, consent, "consent-returned", "done", request_id)
            current = await consents.get(session, consent.id)
        return current or consent

    async def _take_code(self, session: AsyncSession, consent: Consent, code: SecretStr) -> None:
        await consents.move(
            session,
            consent.id,
            ConsentState.OPEN,
            ConsentState.EXCHANGING,
            authorization_code=self._vault.seal(code),
            returned_at=self._clock(),
            trouble=None,
        )
        await self._queue.enqueue(session, COMPLETE, consent.id, f"{COMPLETE}-{consent.id}-{uuid.uuid4().hex[:8]}")

    async def of_browser(self, browser: str) -> Consent | None:
        """The consent this browser last came back with, for the page it is sent to."""
        async with self._database.reading() as session:
            return await consents.latest_of_browser(session, digest(browser))

    # The job

    async def complete(self, consent_id: str) -> float | None:
        """Job: exchange the code, hand the token to Leaf, erase both. Every step may run again."""
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
        if consent is not None and consent.state is ConsentState.EXCHANGING:
            wait = await self._exchange(consent)
            if wait is not None:
                return wait
            async with self._database.reading() as session:
                consent = await consents.get(session, consent_id)
        if consent is not None and consent.state is ConsentState.DELIVERING:
            return await self._hand_over(consent)
        return None

    async def _exchange(self, consent: Consent) -> float | None:
        async with self._database.reading() as session:
            sealed, returned_at = await consents.sealed_code(session, consent.id)
        if sealed is None:
            await self._reopen(consent, Trouble.ANSWER_LOST)
            return None
        try:
            grant = await self._fieldview.exchange(self._vault.open(sealed))
        except Unreadable:
            log.error("a code cannot be decrypted: ENCRYPTION_KEYS lost a key", consent=consent.id)
            await self._reopen(consent, Trouble.ANSWER_LOST)
            return None
        except ProviderRejected as refused:
            log.warning("fieldview refuses a code", consent=consent.id, detail=refused.detail)
            await self._reopen(consent, Trouble.OUR_CONFIGURATION if _is_ours(refused) else Trouble.CODE_REFUSED)
            return None
        except ProviderUnavailable as ill:
            if ill.maybe_done:
                await self._reopen(consent, Trouble.ANSWER_LOST)
                return None
            if returned_at and self._clock() - returned_at > EXCHANGE_PATIENCE:
                await self._reopen(consent, Trouble.FIELDVIEW_DOWN)
                return None
            await self._note_trouble(consent, Trouble.FIELDVIEW_DOWN)
            return min(ill.retry_after or 5.0, EXCHANGE_PATIENCE.total_seconds())
        except ProviderGibberish as nonsense:
            log.error("fieldview answers something unknown", consent=consent.id, detail=nonsense.detail)
            await self._reopen(consent, Trouble.ANSWER_LOST)
            await self._announcer.tell_operators("fieldview-gibberish", FIELDVIEW_GIBBERISH)
            return None
        except ProviderError as failure:
            log.error("fieldview does not work with us", consent=consent.id, detail=failure.detail)
            await self._reopen(consent, Trouble.OUR_CONFIGURATION)
            return None
        await self._keep(consent, grant)
        return None

    async def _keep(self, consent: Consent, grant: Grant) -> None:
        """The grant is ours until Leaf has it: encrypted, and the code is forgotten."""
        async with self._database.transaction() as session:
            await consents.move(
                session,
                consent.id,
                ConsentState.EXCHANGING,
                ConsentState.DELIVERING,
                authorization_code=None,
                refresh_token=self._vault.seal(grant.refresh_token),
                exchanged_at=self._clock(),
                account_email=grant.account_email,
                granted_scopes=list(grant.scopes),
                trouble=None,
            )

    async def _reopen(self, consent: Consent, trouble: Trouble) -> None:
        """This time it did not work; the link is good for another try."""
        async with self._database.transaction() as session:
            reopened = await consents.move(
                session,
                consent.id,
                ConsentState.EXCHANGING,
                ConsentState.OPEN,
                authorization_code=None,
                trouble=trouble,
            )
            if reopened is None:
                return
            await self._tell_team(session, reopened)
            await self._record(session, reopened, "consent-failed", "failed", "", detail={"trouble": trouble})
        if trouble is Trouble.OUR_CONFIGURATION:
            text = (
                "FieldView does not accept this bot's own set-up, so growers cannot finish their consent. "
                "Check the FIELDVIEW_ settings and the redirect address registered at FieldView."
            )
            await self._announcer.tell_operators("fieldview-configuration", text)

    async def _hand_over(self, consent: Consent) -> float | None:
        async with self._database.reading() as session:
            sealed, exchanged_at, began = await consents.sealed_refresh_token(session, consent.id)
        waited = self._clock() - exchanged_at if exchanged_at else timedelta()
        if sealed is None or waited > HANDOVER_PATIENCE:
            await self._fail(consent, Trouble.LEAF_DOWN)
            return None
        try:
            credential = await self._given(consent, self._vault.open(sealed), began)
        except ProviderRejected as refused:
            log.error("leaf refuses a token", consent=consent.id, detail=refused.detail)
            await self._fail(consent, Trouble.LEAF_REFUSED)
            return None
        except ProviderError as failure:
            log.warning("leaf does not take the token now", consent=consent.id, detail=failure.detail)
            await self._note_trouble(consent, Trouble.LEAF_DOWN)
            if isinstance(failure, ProviderRefusedUs):
                await self._announcer.tell_operators("leaf-login", LEAF_LOGIN_REFUSED)
            return min(600.0, max(2.0, waited.total_seconds() / 4))
        await self._succeed(consent, credential)
        return None

    async def _given(self, consent: Consent, token: SecretStr, began: bool) -> Credential:
        """Give Leaf the token, once: what Leaf holds already tells whether an earlier try went through."""
        current = await self._leaf.credential(consent.grower_id)
        if not began:
            replaces = current.id if current else None
            async with self._database.transaction() as session:
                await consents.note(session, consent.id, replaces_credential=replaces, handing_over=True)
        elif current is not None and current.id != consent.replaces_credential:
            return current
        body = self._application | {"refreshToken": token}
        if current is None:
            return await self._leaf.give_credential(consent.grower_id, body)
        await self._archive.keep(consent.grower_id)
        try:
            return await self._leaf.give_credential(consent.grower_id, body)
        except ProviderRejected:
            # There is no way to replace a credential in place: make room, then give it once more.
            await self._leaf.delete_credential(consent.grower_id)
            return await self._leaf.give_credential(consent.grower_id, body)

    async def _succeed(self, consent: Consent, credential: Credential) -> None:
        """Leaf has it: erase the token, believe the reading, tell everybody who waits, in one transaction."""
        now = self._clock()
        async with self._database.transaction() as session:
            done = await consents.move(
                session,
                consent.id,
                ConsentState.DELIVERING,
                ConsentState.CONNECTED,
                refresh_token=None,
                finished_at=now,
                trouble=None,
            )
            if done is None:
                return
            for other in await consents.open_of_grower(session, consent.grower_id):
                if await consents.move(session, other.id, ConsentState.OPEN, ConsentState.REVOKED):
                    await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, other.id)
            reading = Reading(consent.grower_id, credential, now)
            await self._monitor.apply(session, reading, "consent", done)
            await self._tell_team(session, done)
            connection = await connections.get(session, consent.grower_id)
            if connection is None or connection.status is not CredentialStatus.HEALTHY:
                await self._queue.enqueue(session, CHECK, consent.grower_id, f"{CHECK}-consent-{consent.id}")
            await self._record(session, done, "consent-completed", "done", "")
        for notice in ("fieldview-configuration", "fieldview-gibberish", "leaf-login"):
            await self._announcer.all_clear(notice)

    async def _fail(self, consent: Consent, trouble: Trouble) -> None:
        """Give up for good: the token is erased and the team told to ask again."""
        async with self._database.transaction() as session:
            failed = await consents.move(
                session,
                consent.id,
                ConsentState.DELIVERING,
                ConsentState.FAILED,
                refresh_token=None,
                finished_at=self._clock(),
                trouble=trouble,
            )
            if failed is None:
                return
            await self._tell_team(session, failed)
            await self._record(session, failed, "consent-failed", "failed", "", detail={"trouble": trouble})

    async def _note_trouble(self, consent: Consent, trouble: Trouble) -> None:
        if consent.trouble == trouble:
            return
        async with self._database.transaction() as session:
            await consents.note(session, consent.id, trouble=trouble)

    async def _tell_team(self, session: AsyncSession, consent: Consent, *, outcome: bool = True) -> None:
        """Whoever shows this consent shows how it stands: the DM that carried it, the incident's card, the asker."""
        await self._announcer.has_news(session, AnnouncementKind.CONSENT_INVITATION, consent.id)
        if consent.incident_id:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, consent.incident_id)
        if outcome:
            kind = AnnouncementKind.CONSENT_OUTCOME
            await self._announcer.to_person(session, kind, consent.id, consent.asked_by)

    async def _record(
        self,
        session: AsyncSession,
        consent: Consent,
        action: str,
        outcome: str,
        request_id: str,
        detail: dict[str, str] | None = None,
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


def _is_ours(refused: ProviderRejected) -> bool:
    """Whether FieldView found fault with this program's set-up, not with the grower's code."""
    if refused.code == "invalid_grant":
        return "mismatch" in refused.detail.lower()
    return bool(refused.code) or refused.status in (404, 405)


FIELDVIEW_GIBBERISH = (
    "FieldView answered a consent with something this bot does not understand, so a grower has to click again. "
    "If it comes again, FieldView may have changed how it answers: see the log."
)

LEAF_LOGIN_REFUSED = (
    "Leaf refuses this bot's own login, so nothing can be watched or connected. "
    "Check LEAF_USERNAME and LEAF_PASSWORD. No grower is to blame, and none was marked as broken."
)
