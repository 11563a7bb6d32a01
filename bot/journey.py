"""The grower's journey: opening the link, going on to FieldView, coming back, or saying no.

Looking changes nothing. A link is spent when Leaf accepts, not when somebody looks.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from bot.completion import COMPLETE, NOTHING_HELD
from bot.consent_news import LOGIN_TIME, ConsentNews
from bot.errors import (
    ConsentDeclined,
    ConsentError,
    ConsentExpired,
    ConsentForeign,
    ConsentRevoked,
    ConsentUnknown,
    ConsentUsed,
)
from bot.fieldview.client import FieldViewClient
from bot.jobs import Queue
from bot.redaction import redact
from bot.reports import left_out
from bot.vault import Vault, digest
from storage import connections, consents
from storage.database import Database
from storage.records import Connection, Consent, ConsentState, NoteKind, Trouble

ASK_AGAIN = timedelta(days=1)
"""How long a grower who asked for a new link waits before they can ask once more."""


@dataclass(frozen=True)
class Begun:
    """A consent on its way to FieldView: where to send the browser, and the secret that binds it to this consent."""

    address: str
    browser: str


@dataclass(frozen=True)
class Return:
    """The consent that a browser came back for; `is_own` when the approval that stands is the one it brought."""

    consent: Consent
    is_own: bool


@dataclass(frozen=True)
class Shared:
    """What a grower shares: the newest consent that was completed, and the connection it led to."""

    consent: Consent
    connection: Connection | None


class Journey:
    """What a grower can do with a link."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        fieldview: FieldViewClient,
        news: ConsentNews,
        queue: Queue,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._fieldview = fieldview
        self._news = news
        self._queue = queue
        self._clock = clock

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

    async def opened(self, consent: Consent, request_id: str) -> None:
        """What looks like a person's browser shows the link: noted once, as a hint on which nothing depends."""
        if consent.opened_at is not None or consent.state is not ConsentState.OPEN:
            return
        async with self._database.transaction() as session:
            if await consents.first(session, consent.id, "opened_at", self._clock()):
                await self._news.tell(session, consent, outcome=False)
                await self._news.record(session, consent, "consent-opened", "done", request_id)

    async def ask_again(self, token: str, request_id: str) -> Consent:
        """The grower whose link has run out, or who said no, wants a new one: who asked hears it, once a day at most.

        Raises ConsentUnknown; for a link that has not run out, nothing happens.
        """
        consent = await self.known(token)
        if consent is None:
            raise ConsentUnknown
        now = self._clock()
        if not self.has_run_out(consent):
            return consent
        async with self._database.transaction() as session:
            if await consents.first(session, consent.id, "renewal_asked_at", now, again_before=now - ASK_AGAIN):
                await self._news.tell_grower(session, consent)
                await self._news.renewal_asked(session, consent)
                await self._news.record(session, consent, "consent-renewal-asked", "done", request_id)
        return await self.known(token) or consent

    def has_run_out(self, consent: Consent) -> bool:
        """Whether a new link is what helps: this one's time is over, it failed for good, or the grower had said no."""
        is_unused = consent.state in (ConsentState.OPEN, ConsentState.HELD)
        is_late = is_unused and self._clock() >= consent.expires_at
        return is_late or consent.state in (ConsentState.FAILED, ConsentState.DECLINED)

    async def shared(self, consent: Consent) -> Shared:
        """What is shared since a consent was completed."""
        async with self._database.reading() as session:
            return Shared(
                await consents.latest_connected(session, consent.grower_id) or consent,
                await connections.get(session, consent.grower_id),
            )

    async def left_out(self, consent: Consent) -> Sequence[str] | None:
        """What this grower leaves out of what is needed, where only a part is shared; see `reports.left_out`."""
        async with self._database.reading() as session:
            return left_out(await connections.get(session, consent.grower_id))

    async def is_settled(self, consent: Consent) -> bool:
        """Whether nobody needs this link any more: the grower has been connected without it since it was made."""
        if consent.trouble == Trouble.WORKS_WITHOUT:
            return True
        async with self._database.reading() as session:
            latest = await consents.latest_connected(session, consent.grower_id)
        return bool(latest and latest.finished_at and latest.finished_at >= consent.created_at)

    def _refuse_if_over(self, consent: Consent) -> None:
        over: dict[ConsentState, type[ConsentError]] = {
            ConsentState.CONNECTED: ConsentUsed,
            ConsentState.DECLINED: ConsentDeclined,
            ConsentState.REVOKED: ConsentRevoked,
            ConsentState.FAILED: ConsentExpired,
        }
        if consent.state in over:
            raise over[consent.state]
        if consent.state is ConsentState.OPEN and consent.replaced_at is not None:
            raise ConsentRevoked
        if consent.state is ConsentState.OPEN and self._clock() >= consent.expires_at:
            raise ConsentExpired

    async def begin(self, token: str, browser: Sequence[str], request_id: str) -> Begun:
        """The grower presses "Continue": a one-time state bound to this browser. Raises ConsentError.

        Of the secrets that the browser has, only one that this consent was begun with before is good for it again:
        somebody else may have put there, and know, any other.
        """
        consent = await self.look(token)
        state, now = secrets.token_urlsafe(32), self._clock()
        async with self._database.transaction() as session:
            # A link that takes its place is made before this, or sees that this one has been begun.
            await consents.lock(session, consent.id)
            consent = await consents.get(session, consent.id) or consent
            self._refuse_to_begin(consent)
            if consent.state is ConsentState.HELD:
                # Signed in with another account than before, and starts anew: what was held is not wanted any more.
                await consents.move(session, consent.id, ConsentState.HELD, ConsentState.OPEN, **NOTHING_HELD)
            began = await consents.began_with(session, consent.id, _hashes(browser))
            secret = next((each for each in browser if digest(each) in began), None) or secrets.token_urlsafe(32)
            await consents.begin_attempt(
                session, consent.id, digest(state), digest(secret), at=now, until=now + LOGIN_TIME
            )
            await self._news.tell(session, consent, outcome=consent.state is ConsentState.HELD)
            if consent.begun_at is None:
                await self._news.below_the_card(session, consent, NoteKind.LINK_OPENED, now)
            await self._news.record(session, consent, "consent-begun", "done", request_id)
        return Begun(self._fieldview.consent_address(state), secret)

    def _refuse_to_begin(self, consent: Consent) -> None:
        self._refuse_if_over(consent)
        if consent.replaced_at is not None:
            raise ConsentRevoked
        if self.has_run_out(consent):
            raise ConsentExpired

    async def decline(self, token: str, request_id: str) -> Consent:
        """The grower says no on our page. Raises ConsentError."""
        consent = await self.look(token)
        async with self._database.transaction() as session:
            declined = await consents.move(
                session, consent.id, ConsentState.OPEN, ConsentState.DECLINED, finished_at=self._clock()
            )
            if declined is None:
                return consent
            await self._news.tell(session, declined)
            await self._news.below_the_card(session, declined, NoteKind.LINK_DECLINED, self._clock())
            await self._news.record(session, declined, "consent-declined", "done", request_id)
        return declined

    async def returned(
        self, state: str, browser: Sequence[str], code: SecretStr | None, error: str | None, request_id: str
    ) -> Consent:
        """FieldView sends the grower back with a code, an error, or neither. Raises ConsentForeign.

        The state is spent whatever came with it. A code goes to a durable job; what does not bring one leaves the
        link open; and what comes when somebody else was first, or when the link is over, is not taken.
        """
        async with self._database.transaction() as session:
            consent_id = await consents.spend_attempt(session, digest(state), _hashes(browser), self._clock())
            if consent_id is None:
                raise ConsentForeign
            # Of two who come back at the same moment, the second sees that the first was taken.
            await consents.lock(session, consent_id)
            consent = await consents.get(session, consent_id)
            if consent is None:
                raise ConsentForeign
            is_taken = consent.state is ConsentState.OPEN and code is not None and error is None
            await consents.note_attempt(session, digest(state), took_code=is_taken)
            if consent.state is not ConsentState.OPEN:
                late = {"because": f"the link was {consent.state.value}"}
                await self._news.record(session, consent, "consent-returned", "refused", request_id, detail=late)
                return consent
            if code is None or error is not None:
                await consents.note(session, consent.id, trouble=Trouble.DENIED)
                await self._news.tell(session, consent)
                why: dict[str, str | bool] = {"trouble": Trouble.DENIED, "link_works": True}
                why["replaced"] = consent.replaced_at is not None
                await self._news.below_the_card(session, consent, NoteKind.LINK_FAILED, self._clock(), **why)
                detail = {"error": redact(error or "no code")[:80]}
                await self._news.record(session, consent, "consent-denied", "refused", request_id, detail=detail)
            else:
                await self._take_code(session, consent, code)
                await self._news.record(session, consent, "consent-returned", "done", request_id)
            current = await consents.get(session, consent.id)
        return current or consent

    async def of_state(self, state: str) -> Consent | None:
        """The consent that was begun with this state, spent or not."""
        async with self._database.reading() as session:
            return await consents.of_attempt(session, digest(state))

    async def note_foreign(self, consent: Consent, request_id: str) -> None:
        """In writing: an answer came for this consent that was not taken, as `returned` refused it."""
        async with self._database.transaction() as session:
            why = {"because": "foreign-answer"}
            await self._news.record(session, consent, "consent-returned", "refused", request_id, detail=why)

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

    async def of_browser(self, browser: Sequence[str]) -> Return | None:
        """The consent this browser last came back with, for the page it is sent to."""
        async with self._database.reading() as session:
            consent = await consents.latest_of_browser(session, _hashes(browser))
            if consent is None:
                return None
            return Return(consent, is_own=await consents.came_from(session, consent.id, _hashes(browser)))


def _hashes(browser: Sequence[str]) -> list[str]:
    return [digest(secret) for secret in browser]
