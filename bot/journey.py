"""The grower's journey: opening the link, going on to FieldView, coming back, or saying no.

Looking changes nothing. A link is spent when Leaf accepts, not when somebody looks.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from bot.completion import COMPLETE
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
from bot.vault import Vault, digest
from storage import consents
from storage.database import Database
from storage.records import Consent, ConsentState, NoteKind, Trouble


@dataclass(frozen=True)
class Begun:
    """A consent on its way to FieldView: where to send the browser, and the secret that binds it to this consent."""

    address: str
    browser: str


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
            await self._news.tell(session, consent, outcome=False)
            if consent.begun_at is None:
                await self._news.below_the_card(session, consent, NoteKind.LINK_OPENED, now)
            await self._news.record(session, consent, "consent-begun", "done", request_id)
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
            await self._news.tell(session, declined)
            await self._news.below_the_card(session, declined, NoteKind.LINK_DECLINED, self._clock())
            await self._news.record(session, declined, "consent-declined", "done", request_id)
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
                await self._news.tell(session, consent)
                why: dict[str, str | bool] = {"trouble": Trouble.DENIED, "link_works": True}
                await self._news.below_the_card(session, consent, NoteKind.LINK_FAILED, self._clock(), **why)
                detail = {"error": redact(error or "no code")[:80]}
                await self._news.record(session, consent, "consent-denied", "refused", request_id, detail=detail)
            else:
                await self._take_code(session, consent, code)
                await self._news.record(session, consent, "consent-returned", "done", request_id)
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
