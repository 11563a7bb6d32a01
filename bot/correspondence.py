"""What growers are written, and the links in it.

A token is recognised by its hash, and kept encrypted as long as it may have to be shown again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from bot import messages
from bot.messages import Message
from bot.reports import Letter
from bot.vault import Unreadable, Vault, digest
from storage import connections, consents
from storage.database import Database
from storage.records import Consent, ConsentState

log = structlog.get_logger(__name__)

DAY_BEFORE = timedelta(days=1)
"""How long before a link runs out its last reminder comes."""


@dataclass(frozen=True)
class NewLink:
    """A link just made: its address, a secret, and what is stored of it."""

    url: str
    token_hash: str
    sealed: str


class Correspondence:
    """Makes links, and renders every message to a grower as it must look now."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], datetime], public_url: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._public_url = public_url
        self.company = "your customer-success team"

    def new_link(self) -> NewLink:
        token = secrets.token_urlsafe(32)
        return NewLink(self._address(token), digest(token), self._vault.seal(SecretStr(token)))

    async def letter(self, consent_id: str) -> Letter | None:
        """What a letter about this consent says; without the link where that is no longer kept."""
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
            sealed = await consents.sealed_link(session, consent_id)
            connection = await connections.get(session, consent.grower_id) if consent else None
        if consent is None:
            return None
        again = connection is not None and connection.connected_at is not None
        return Letter(consent, self.company, self._opened(consent, sealed), again)

    async def invitation(self, consent_id: str) -> Message | None:
        """The message that carried the link; None when there is nothing to change in it."""
        letter, now = await self.letter(consent_id), self._clock()
        if letter is None:
            return None
        if not may_press_again(letter.consent, now):
            return messages.invitation_dm_closed(letter, now)
        return messages.invitation_dm(letter, now) if letter.url else None

    async def reminder(self, subject: str) -> Message | None:
        """A reminder, named by `reminder_name`: to the grower, or for whoever asked to send on."""
        letter, now = await self.letter(subject.partition(":")[0]), self._clock()
        if letter is None:
            return None
        if letter.url is None or not may_press_again(letter.consent, now):
            return self._pointless(letter, now)
        if letter.consent.sent_to is None:
            return messages.reminder_to_pass_on(letter, now)
        is_last = letter.consent.expires_at - now <= DAY_BEFORE
        return messages.reminder(letter, now, last=is_last)

    def _pointless(self, letter: Letter, now: datetime) -> Message | None:
        if letter.consent.sent_to is None:
            return messages.reminder_over(letter.consent, now)
        return messages.invitation_dm_closed(letter, now)

    def _opened(self, consent: Consent, sealed: str | None) -> str | None:
        try:
            return self._address(self._vault.open(sealed).get_secret_value()) if sealed else None
        except Unreadable:
            log.error("a link cannot be decrypted: ENCRYPTION_KEYS lost a key", consent=consent.id)
            return None

    def _address(self, token: str) -> str:
        return f"{self._public_url}/connect/{token}"


def reminder_name(consent_id: str, number: int) -> str:
    """The subject of a reminder: the same one is owed once, however often it falls due."""
    return f"{consent_id}:{number}"


def may_press_again(consent: Consent, now: datetime) -> bool:
    """Whether the grower may press the link again: now, or if the approval that is being looked at fails."""
    is_open = consent.state is ConsentState.OPEN and now < consent.expires_at
    return is_open or consent.state is ConsentState.EXCHANGING
