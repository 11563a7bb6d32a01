"""Making the links of a list of growers, a few lines at a time, by a durable job that goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.access import Access
from bot.announcer import Announcer
from bot.bulk_listing import HAND_BACK, NAP, record
from bot.bulk_planning import counted, is_well
from bot.correspondence import Correspondence, may_press_again
from bot.directory import Directory
from bot.errors import (
    ChannelUnreachable,
    NotAllowed,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)
from bot.inviting import Inviting
from bot.jobs import Queue
from bot.journal import Journal
from bot.pace import Pace
from bot.slack.client import Person, SlackClient
from bot.tagging import Tagging
from storage import bulks, connections, consents, growers
from storage.database import Database
from storage.records import AnnouncementKind, Bulk, BulkLine, BulkState, Consent, Grower, LineFate, Role

log = structlog.get_logger(__name__)

MAKE = "make-bulk-links"
"""The job that makes the links of a list; its subject is the list's id."""

AT_ONCE = 10
"""Lines that one run of the job does: a program that stops waits no longer than for these."""


class BulkMaking:
    """Makes what was planned and agreed to: link after link, each brought to its grower where that is possible."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        access: Access,
        directory: Directory,
        correspondence: Correspondence,
        inviting: Inviting,
        tagging: Tagging,
        announcer: Announcer,
        journal: Journal,
        queue: Queue,
        clock: Callable[[], datetime],
        lookups: Pace,
    ) -> None:
        self._database = database
        self._slack = slack
        self._access = access
        self._directory = directory
        self._correspondence = correspondence
        self._inviting = inviting
        self._tagging = tagging
        self._announcer = announcer
        self._journal = journal
        self._queue = queue
        self._clock = clock
        self._lookups = lookups

    async def make(self, bulk_id: str) -> float | None:
        """Job: the next lines, and soon those after them. It may be stopped or die anywhere, and goes on there.

        Each time it is asked whether whoever made the list may still do that; while nobody says, it waits.
        """
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
            to_tag = await bulks.to_tag(session, bulk_id, AT_ONCE)
            lines = await bulks.to_do(session, bulk_id, AT_ONCE)
        if bulk is None or bulk.state is not BulkState.RUNNING:
            return None
        try:
            asker = await self._asker(bulk)
            if asker is None or not await self._access.still_covers(asker, Role.OPERATOR):
                await self._abandon(bulk, "role lost" if asker else "left or guest")
                return None
            for line in to_tag:
                await self._tag(bulk, line)
            for line in lines:
                await self._make(bulk, asker, line)
        except (ProviderUnavailable, ProviderRefusedUs) as failure:
            log.warning("a list of links waits", bulk=bulk_id, detail=failure.detail)
            return (failure.retry_after if isinstance(failure, ProviderUnavailable) else None) or NAP
        if lines or to_tag:
            return 0.0
        await self._finish(bulk)
        return None

    async def _asker(self, bulk: Bulk) -> Person | None:
        """Whoever made the list; None when they have left this Slack or are a guest. Raises ProviderUnavailable."""
        try:
            asker = await self._slack.person(bulk.made_by)
        except ChannelUnreachable:
            return None
        return asker if asker.is_colleague else None

    async def _abandon(self, bulk: Bulk, why: str) -> None:
        """Nobody is there any more to pass links on or to be answered for: no more of them are made."""
        log.warning("a list is stopped: whoever made it may not do that any more", bulk=bulk.id, why=why)
        end = {"finished_at": self._clock(), "trouble": NotAllowed.__name__}
        async with self._database.transaction() as session:
            if await bulks.move(session, bulk.id, BulkState.RUNNING, BulkState.STOPPED, **end):
                await bulks.settle_begun(session, bulk.id)
                await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)
                counts = counted(await bulks.lines(session, bulk.id))
                await record(self._journal, session, bulk, "bulk-abandoned", {"why": why, **counts})

    async def _tag(self, bulk: Bulk, line: BulkLine) -> None:
        """Give the line's grower its tags, unless somebody has filled up what a grower may have."""
        async with self._database.transaction() as session:
            # First the grower, then the list, then its line, as in `_issued`: the job may run twice.
            await growers.lock(session, line.grower_id or "")
            if not await bulks.is_running(session, bulk.id):
                return
            grower = await growers.get(session, line.grower_id or "")
            if not await bulks.is_tagged(session, bulk.id, line.number) or grower is None:
                return
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)
            try:
                done = await self._tagging.added(session, grower, line.tags)
            except UsageError as too_many:
                note = f"{line.note} {too_many}" if line.note else str(too_many)
                await bulks.untagged(session, bulk.id, line.number, note)
                return
            if done.tags == done.before:
                return
            await self._record_line(session, bulk, grower, "tag", before=done.before, after=done.tags)

    async def _make(self, bulk: Bulk, asker: Person, line: BulkLine) -> None:
        async with self._database.reading() as session:
            grower = await growers.get(session, line.grower_id or "")
        if grower is None or grower.gone_at is not None:
            await self._settle(bulk, line, fate=LineFate.UNKNOWN, note="Leaf no longer has this grower.")
            return
        person = await self._person(grower)
        consent = await self._issued(bulk, asker, line, grower, person)
        if consent is None:
            return
        fate, note = await self._delivered(consent, person)
        await self._settle(bulk, line, fate=fate, note=note, consent=consent)

    async def _person(self, grower: Grower) -> Person | None:
        """The grower in this Slack. Raises ProviderUnavailable: a link is not left unsent because Slack was busy."""
        if grower.slack_user or grower.email:
            await self._lookups.turn()
        try:
            return await self._directory.person_of(grower)
        except (ChannelUnreachable, ProviderRejected) as unknown:
            log.info("slack does not know a grower", reason=type(unknown).__name__)
            return None

    async def _issued(
        self, bulk: Bulk, asker: Person, planned: BulkLine, grower: Grower, person: Person | None
    ) -> Consent | None:
        """The consent of this line, made now or before a crash; None where there is nothing more to do."""
        link, now = self._correspondence.new_link(), self._clock()
        async with self._database.transaction() as session:
            await growers.lock(session, grower.id)
            if not await bulks.is_running(session, bulk.id):
                return None
            line = await bulks.line(session, bulk.id, planned.number)
            if line is None or line.fate is not LineFate.TO_INVITE:
                return None
            if line.consent_id is not None:
                return await consents.get(session, line.consent_id)
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)
            connection = await connections.get(session, grower.id)
            if is_well(connection):
                await bulks.settle(session, bulk.id, line.number, fate=LineFate.CONNECTED)
                return None
            if others := await consents.working(session, now, grower_id=grower.id):
                await bulks.settle(session, bulk.id, line.number, fate=LineFate.HAS_LINK, consent_id=others[0].id)
                return None
            issued = await self._inviting.issue(session, grower, asker, person, bulk.channel, link.token_hash)
            consent = issued.consent
            await bulks.settle(session, bulk.id, line.number, consent_id=consent.id)
            to = person.id if person else None
            await self._record_line(session, bulk, grower, "connect", consent=consent.id, to=to)
        return consent

    async def _record_line(self, session: AsyncSession, bulk: Bulk, grower: Grower, action: str, **detail: Any) -> None:
        """The audit row of what the job did for one grower of the list."""
        await self._journal.record(
            session,
            bulk.made_by,
            "job",
            action,
            "done",
            bulk.id[:12],
            channel=bulk.channel,
            target=grower.id,
            target_name=grower.name,
            detail={"bulk": bulk.id, **detail},
        )

    async def _delivered(self, consent: Consent, person: Person | None) -> tuple[LineFate, str | None]:
        """Bring the link to the grower unless they have it. Raises ProviderUnavailable: then it is tried again."""
        if consent.sent_to is not None:
            return LineFate.SENT, None
        if person is None:
            return LineFate.TO_SHARE, None
        letter, now = await self._correspondence.letter(consent.id), self._clock()
        if letter is None or not may_press_again(consent, now):
            return LineFate.TO_SHARE, None
        try:
            posted = await self._slack.post(person.id, messages.invitation_dm(letter, now).payload())
        except ChannelUnreachable as unreachable:
            return LineFate.TO_SHARE, unreachable.reason
        except ProviderRejected as rejected:
            log.error("slack rejects a link's message", detail=rejected.detail)
            return LineFate.TO_SHARE, rejected.code
        except ProviderUnavailable as unsure:
            if unsure.maybe_done:
                # They may have it: from here on it is tried ever more rarely, and the list goes on.
                await self._inviting.owe_delivery(consent, person.id)
            raise
        await self._inviting.remember_delivery(consent, person.id, posted)
        return LineFate.SENT, None

    async def _settle(
        self, bulk: Bulk, line: BulkLine, *, fate: LineFate, note: str | None = None, consent: Consent | None = None
    ) -> None:
        async with self._database.transaction() as session:
            await bulks.settle(session, bulk.id, line.number, fate=fate, **({"note": note} if note else {}))
            if fate is LineFate.TO_SHARE and consent and may_press_again(consent, self._clock()):
                # Nobody is reminded in person of each of so many: the list tells who has not answered.
                await consents.note(session, consent.id, remind_at=consent.expires_at)
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id)

    async def _finish(self, bulk: Bulk) -> None:
        async with self._database.transaction() as session:
            done = await bulks.move(session, bulk.id, BulkState.RUNNING, BulkState.DONE, finished_at=self._clock())
            if done is None:
                return
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id, prompt=True)
            counts = counted(await bulks.lines(session, bulk.id))
            await record(self._journal, session, bulk, "bulk-done", counts)
            await self._queue.enqueue(session, HAND_BACK, bulk.id, f"{HAND_BACK}-{bulk.id}")
