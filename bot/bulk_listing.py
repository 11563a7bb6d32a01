"""A list of growers handed back as a file to whoever made it.

Of links only hashes are kept, so the file has links of its own, which lead to the same consents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.access import Access
from bot.announcer import GUEST, Announcer
from bot.correspondence import Correspondence
from bot.errors import ChannelUnreachable, NotAllowed, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.journal import Journal
from bot.reports import Letter
from bot.slack.client import SlackClient
from bot.spreadsheet import written
from storage import bulks, growers, outbox
from storage.database import Database
from storage.records import AnnouncementKind, Bulk, ConsentState, Role

log = structlog.get_logger(__name__)

HAND_BACK = "hand-back-bulk"
"""The job that sends the list back as a file; its subject is the list's id."""

NAP = 15.0
"""Seconds until a service that did not answer is asked again."""

LONGEST_NAP = 600.0
"""The longest of the naps between two tries to send the list: each is as long as all those before it."""

TRIED = timedelta(hours=2)
"""How long Slack is tried for the list before its message says that it did not come."""


class BulkListing:
    """Sends a list as it stands, with links that work, to whoever made it."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        access: Access,
        correspondence: Correspondence,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._slack = slack
        self._access = access
        self._correspondence = correspondence
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._waiting: dict[str, datetime] = {}
        """Since when a list could not be sent. Only here: after a restart it is tried a little more often again."""

    async def hand_back(self, bulk_id: str) -> float | None:
        """Job: the whole list as a file, into the direct messages of whoever made it and nowhere else.

        Not if they have lost the role that passing on links takes; while nobody says, it waits. Dying on the way may
        send it twice; its links are new each time, and all of them work.
        """
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
            told = await outbox.find(session, AnnouncementKind.BULK, bulk_id, bulk.made_by) if bulk else None
        if bulk is None or told is None or told.gave_up_reason:
            return None
        if told.posted_channel is None:
            return 1.0
        letters: list[Letter] = []
        try:
            maker = await self._slack.person(bulk.made_by)
            if not maker.is_colleague:
                raise ChannelUnreachable(told.posted_channel, GUEST)
            if not await self._access.still_covers(maker, Role.OPERATOR):
                log.warning("a list is kept back: whoever made it may not pass on links any more", bulk=bulk_id)
                await self._listed(bulk, 0, trouble=NotAllowed.__name__)
                return None
            content, letters = await self._list(bulk)
            words = messages.bulk_list_words(bulk, len(letters))
            await self._slack.send_file(told.posted_channel, messages.bulk_list_name(bulk), content, words)
        except ProviderUnavailable as failure:
            log.warning("a list waits", bulk=bulk_id, detail=failure.detail)
            if not failure.maybe_done:
                await self._correspondence.unsent(letters)
            return await self._later(bulk, len(letters), failure)
        except (ProviderRefusedUs, ProviderRejected, ChannelUnreachable) as failure:
            log.error("a list could not be sent", bulk=bulk_id, failure=str(failure))
            await self._correspondence.unsent(letters)
            await self._listed(bulk, len(letters), trouble=type(failure).__name__)
            return None
        await self._listed(bulk, len(letters), trouble=None)
        return None

    async def _later(self, bulk: Bulk, links: int, failure: ProviderUnavailable) -> float | None:
        """When Slack is asked again to take the list; None when that has gone on for too long."""
        waited = self._clock() - self._waiting.setdefault(bulk.id, self._clock())
        if waited < TRIED:
            return failure.retry_after or min(LONGEST_NAP, max(NAP, waited.total_seconds()))
        await self._listed(bulk, links, trouble=type(failure).__name__)
        return None

    async def _list(self, bulk: Bulk) -> tuple[bytes, list[Letter]]:
        """The file, and the letters whose links are in it."""
        async with self._database.reading() as session:
            lines = await bulks.lines(session, bulk.id)
            known = await bulks.consents_of(session, bulk.id)
            meant = await growers.get_many(session, {line.grower_id for line in lines if line.grower_id})
        letters: dict[str, Letter] = {}
        for consent in known.values():
            if consent.state is ConsentState.OPEN and (letter := await self._correspondence.letter(consent.id)):
                letters[consent.id] = letter
        now = self._clock()
        rows = [
            messages.bulk_list_row(
                line,
                meant.get(line.grower_id or ""),
                known.get(line.consent_id or ""),
                letters.get(line.consent_id or ""),
                now,
            )
            for line in lines
        ]
        return written(messages.BULK_COLUMNS, rows), [letter for letter in letters.values() if letter.url]

    async def _listed(self, bulk: Bulk, links: int, *, trouble: str | None) -> None:
        self._waiting.pop(bulk.id, None)
        async with self._database.transaction() as session:
            if trouble != bulk.trouble:
                await bulks.note(session, bulk.id, trouble)
                await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id, prompt=True)
            if trouble is None:
                await record(self._journal, session, bulk, "bulk-listed", {"links": links})


async def record(
    journal: Journal, session: AsyncSession, bulk: Bulk, action: str, told: Mapping[str, int | str]
) -> None:
    """The audit row of what a job did with a whole list."""
    detail = {"bulk": bulk.id, "asked_by": bulk.made_by, **told}
    await journal.record(session, "job:bulk", "job", action, "done", bulk.id[:12], channel=bulk.channel, detail=detail)
