"""What growers are written, and the links in it.

Only the hash of a link is kept, so none can be shown twice: each letter gets another one, and those before go on
working.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.messages import Message
from bot.reports import Letter, left_out, was_connected
from bot.vault import digest
from storage import connections, consents, growers
from storage.database import Database
from storage.records import Consent, ConsentState

DAY_BEFORE = timedelta(days=1)
"""How long before a link runs out its last reminder comes."""


@dataclass(frozen=True)
class NewLink:
    """A link just made: its address, a secret, and what is stored of it."""

    url: str
    token_hash: str


class Correspondence:
    """Makes links, and renders every message to a grower as it must look now."""

    def __init__(self, database: Database, clock: Callable[[], datetime], public_url: str) -> None:
        self._database = database
        self._clock = clock
        self._public_url = public_url
        self.company = "your customer-success team"

    def new_link(self) -> NewLink:
        token = secrets.token_urlsafe(32)
        return NewLink(f"{self._public_url}/connect/{token}", digest(token))

    async def letter(self, consent_id: str, *, anew: bool = False) -> Letter | None:
        """What a letter about this consent says, with a link of its own where a link still leads somewhere.

        `anew`: also where it only leads to the page on which the grower can ask for a new one. Dying before it is sent
        does no harm: the next attempt makes another link, and nobody ever saw this one.
        """
        async with self._database.transaction() as session:
            return await self.write(session, consent_id, anew=anew)

    async def write(self, session: AsyncSession, consent_id: str, *, anew: bool = False) -> Letter | None:
        """`letter` in the caller's transaction."""
        now = self._clock()
        consent = await consents.get(session, consent_id)
        if consent is None:
            return None
        connection = await connections.get(session, consent.grower_id)
        link = None
        leads_somewhere = may_press_again(consent, now) or consent.state is ConsentState.CONNECTED
        if leads_somewhere or (anew and _may_ask_anew(consent, now)):
            link = self.new_link()
            await consents.add_link(session, consent_id, link.token_hash, now)
        url, again = link.url if link else None, was_connected(consent, connection)
        return Letter(consent, self.company, url, again, left_out(connection))

    async def unsent(self, letters: Iterable[Letter]) -> None:
        """Nobody saw these letters, and nobody will: their links go."""
        tokens = [letter.url.rpartition("/")[2] for letter in letters if letter.url]
        async with self._database.transaction() as session:
            await consents.remove_links(session, [digest(token) for token in tokens])

    async def invitation(self, consent_id: str) -> Message | None:
        """The message that carried the link; None when there is nothing to change in it."""
        letter, now = await self.letter(consent_id, anew=True), self._clock()
        if letter is None:
            return None
        if not may_press_again(letter.consent, now):
            return messages.invitation_dm_closed(letter, now)
        return messages.invitation_dm(letter, now)

    async def reminder(self, subject: str) -> Message | None:
        """A reminder, named by `reminder_name`: to the grower, or for whoever asked to send on."""
        letter, now = await self.letter(subject.partition(":")[0], anew=True), self._clock()
        if letter is None:
            return None
        if letter.consent.sent_to is None:
            return await self._to_pass_on(letter, now)
        if not may_press_again(letter.consent, now):
            return messages.invitation_dm_closed(letter, now)
        is_last = letter.consent.expires_at - now <= DAY_BEFORE
        return messages.reminder(letter, now, last=is_last)

    async def _to_pass_on(self, letter: Letter, now: datetime) -> Message:
        async with self._database.reading() as session:
            grower = await growers.get(session, letter.consent.grower_id)
        if not may_press_again(letter.consent, now):
            return messages.reminder_over(letter.consent, now, grower)
        return messages.reminder_to_pass_on(letter, now, grower)


def reminder_name(consent_id: str, number: int) -> str:
    """The subject of a reminder: the same one is owed once, however often it falls due."""
    return f"{consent_id}:{number}"


def may_press_again(consent: Consent, now: datetime) -> bool:
    """Whether the grower may press the link again: now, or if the approval that is being looked at fails."""
    if consent.replaced_at is not None:
        return False
    is_open = consent.state is ConsentState.OPEN and now < consent.expires_at
    return is_open or consent.state is ConsentState.EXCHANGING


def _may_ask_anew(consent: Consent, now: datetime) -> bool:
    """Whether the page behind the link would take it from a grower in Slack that they want a new one. Who said no is
    left alone."""
    if consent.sent_to is None or consent.renewal_asked_at is not None or consent.replaced_at is not None:
        return False
    return consent.state is ConsentState.OPEN and now >= consent.expires_at
