"""Links for a whole list of growers: what people say to it, from the file they give to the list they get back.

Planned line by line in bot/bulk_planning.py, made once somebody says so in bot/bulk_making.py, handed back as a file in
bot/bulk_listing.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.bulk_listing import HAND_BACK, record
from bot.bulk_making import MAKE
from bot.bulk_planning import as_given, counted, planned, unplanned
from bot.errors import ProviderRefusedUs, UsageError
from bot.jobs import Queue
from bot.journal import Journal
from bot.reports import StormBulk
from bot.slack.client import SlackClient
from bot.spreadsheet import MOST_BYTES, MOST_LINES, Line, sheet_of
from storage import bulks, consents, storms, sweeps
from storage.database import Database
from storage.records import AnnouncementKind, Bulk, BulkLine, BulkState

log = structlog.get_logger(__name__)

KEPT = timedelta(days=30)
"""How long a list is kept, with what people wrote in it."""

_ENDS = {
    BulkState.WAITING: BulkState.CANCELLED,
    BulkState.PLANNED: BulkState.CANCELLED,
    BulkState.RUNNING: BulkState.STOPPED,
}
"""How a list ends that somebody stops."""


class BulkInviting:
    """What somebody may say to a list; all of it is for whoever made it alone."""

    def __init__(
        self,
        *,
        database: Database,
        slack: SlackClient,
        announcer: Announcer,
        journal: Journal,
        queue: Queue,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._slack = slack
        self._announcer = announcer
        self._journal = journal
        self._queue = queue
        self._clock = clock

    # The plan

    async def plan_file(self, file_id: str, by: str, channel: str | None) -> Bulk:
        """`plan` for a file that was given to the bot. Raises ProviderError too."""
        try:
            file = await self._slack.file(file_id, MOST_BYTES)
        except ProviderRefusedUs as refused:
            log.warning("files cannot be read", detail=refused.detail)
            raise UsageError(
                "Slack does not let me read files here: an admin has to add `files:read` to the app and reinstall it. "
                "Until then, paste the list into the form."
            ) from None
        return await self.plan(file.name, file.content, by, channel)

    async def plan(self, name: str, content: bytes, by: str, channel: str | None) -> Bulk:
        """Say to whoever asks what would happen with each line; nothing else happens. Raises UsageError.

        The list waits for the end of the first sweep: until then somebody may seem to fit nobody, and one of two of a
        name to be the only one.
        """
        sheet, now = sheet_of(content), self._clock()
        bulk = Bulk(uuid.uuid4().hex, name, by, channel, now, left_out=tuple(sheet.left_out))
        async with self._database.transaction() as session:
            if await sweeps.last_finished(session) is None:
                bulk, fates = replace(bulk, state=BulkState.WAITING), unplanned(sheet.lines)
            else:
                fates = await planned(session, sheet.lines, now)
            await self._plan(session, bulk, fates)
        return bulk

    async def _plan(self, session: AsyncSession, bulk: Bulk, fates: Sequence[BulkLine]) -> None:
        await bulks.add(session, bulk, fates)
        await self._announcer.to_person(session, AnnouncementKind.BULK, bulk.id, bulk.made_by)
        await self._journal.fulfil(session, bulk=bulk.id, planned=True, **counted(fates))

    async def plan_storm(self, storm_id: str, by: str, channel: str | None) -> StormBulk:
        """`plan` for those of a storm whom a new permission cures and who have no link that works. Raises UsageError.

        Whoever asks again for the same growers before deciding is led to the plan they have.
        """
        now = self._clock()
        async with self._database.transaction() as session:
            await storms.lock(session)
            storm = await storms.get(session, storm_id)
            broken = await storms.still_in(session, storm) if storm else []
            curable = [each.grower for each in broken if messages.is_cured_by_grower(each.cause)]
            linked = await consents.working_of(session, now, [grower.id for grower in curable])
            without = [grower for grower in curable if grower.id not in linked]
            if not without:
                raise UsageError("Nobody on this list needs a new link: they have one that works, or work again.")
            listed = without[:MOST_LINES]
            bulk = await self._undecided(session, by, {grower.id for grower in listed})
            if bulk is None:
                bulk = Bulk(uuid.uuid4().hex, messages.TOGETHER, by, channel, now)
                lines = [Line(number, grower.name, (grower.id,)) for number, grower in enumerate(listed, start=1)]
                await self._plan(session, bulk, await planned(session, lines, now))
            else:
                await self._journal.fulfil(session, bulk=bulk.id)
        return StormBulk(bulk, len(listed), len(without) - len(listed))

    async def _undecided(self, session: AsyncSession, by: str, grower_ids: set[str]) -> Bulk | None:
        for bulk in await bulks.planned_by(session, by, messages.TOGETHER):
            if {line.grower_id for line in await bulks.lines(session, bulk.id)} == grower_ids:
                return bulk
        return None

    async def plan_waiting(self) -> None:
        """Plan the lists that came before everybody at Leaf was known, once they all are."""
        async with self._database.reading() as session:
            waiting = await bulks.waiting(session)
            if not waiting or await sweeps.last_finished(session) is None:
                return
        for bulk in waiting:
            async with self._database.transaction() as session:
                if await bulks.move(session, bulk.id, BulkState.WAITING, BulkState.PLANNED) is None:
                    continue
                fates = await planned(session, as_given(await bulks.lines(session, bulk.id)), self._clock())
                await bulks.plan_anew(session, bulk.id, fates)
                await self._announcer.has_news(session, AnnouncementKind.BULK, bulk.id, prompt=True)
                await record(self._journal, session, bulk, "bulk-planned", counted(fates))

    # What somebody says to it

    async def start(self, bulk_id: str, by: str) -> Bulk:
        """Make the links. Raises UsageError when that was decided already."""
        await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            begun = await bulks.move(session, bulk_id, BulkState.PLANNED, BulkState.RUNNING)
            if begun is None:
                raise UsageError("That list was begun or cancelled already; its message says how it stands.")
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk_id, prompt=True)
            await self._journal.fulfil(session, bulk=bulk_id, begun=True)
            await self._queue.enqueue(session, MAKE, bulk_id, f"{MAKE}-{bulk_id}")
        return begun

    async def stop(self, bulk_id: str, by: str) -> Bulk:
        """Make no more links; those made go on working. Raises UsageError when it is over already."""
        await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            now = self._clock()
            for state, end in _ENDS.items():
                if over := await bulks.move(session, bulk_id, state, end, finished_at=now):
                    break
            if over is None:
                raise UsageError("It is too late to stop that list: it is through.")
            await self._announcer.has_news(session, AnnouncementKind.BULK, bulk_id, prompt=True)
            await self._journal.fulfil(session, bulk=bulk_id, state=over.state)
            if over.state is BulkState.STOPPED:
                await bulks.settle_begun(session, bulk_id)
                await self._queue.enqueue(session, HAND_BACK, bulk_id, f"{HAND_BACK}-{bulk_id}")
        return over

    async def ask_for_list(self, bulk_id: str, by: str) -> Bulk:
        """The list as it stands now, as a file; once a minute, however often it is asked for. Raises UsageError."""
        bulk = await self._own(bulk_id, by)
        async with self._database.transaction() as session:
            await self._journal.fulfil(session, bulk=bulk_id, listed=True)
            await self._queue.enqueue(session, HAND_BACK, bulk_id, f"{HAND_BACK}-{bulk_id}-{self._clock():%Y%m%d%H%M}")
        return bulk

    async def _own(self, bulk_id: str, by: str) -> Bulk:
        async with self._database.reading() as session:
            bulk = await bulks.get(session, bulk_id)
        if bulk is None:
            raise UsageError("I no longer have that list: they are kept for 30 days.", "/fieldview bulk")
        if bulk.made_by != by:
            raise UsageError(
                "That list belongs to somebody else: only whoever made it begins it, stops it or has its file."
            )
        return bulk

    async def forget_old(self) -> int:
        """Lists are kept for thirty days; returns how many are gone."""
        async with self._database.transaction() as session:
            return await bulks.forget(session, self._clock() - KEPT)
