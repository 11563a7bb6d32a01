"""Reading how fresh everybody's data is at Leaf: in pages where Leaf allows it, never in the way of the sweep."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.dataflow import DataFlows, told
from bot.errors import ProviderGibberish, ProviderRefusedUs, ProviderRejected
from bot.leaf.client import PAGE_SIZE, LeafClient
from storage import freshness
from storage.database import Database
from storage.records import Freshness

log = structlog.get_logger(__name__)

SLOT = timedelta(minutes=5)
READ_EVERY = timedelta(hours=6)
"""How old what we know of a grower's data may get before Leaf is asked again."""

SHARE = 0.2
"""The part of our requests to Leaf that this may use at most; the sweep goes first."""

AT_LEAST = 20
HEADROOM = 1.2
"""More than exactly what a round needs, so that what an outage left undone is made up for."""


class DataWatch:
    """Asks Leaf about the data of everybody with a healthy connection, each at least every READ_EVERY.

    All state is in what was read when, so that any replica goes on where another stopped.
    """

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        data: DataFlows,
        clock: Callable[[], datetime],
        requests_per_second: float,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._data = data
        self._clock = clock
        self._most = max(1, int(requests_per_second * SHARE * SLOT.total_seconds()))
        self._pages_again_at: datetime | None = None

    async def look(self) -> None:
        """Read what is due: in pages when that takes fewer requests, and else one by one, a share at a time.

        Raises ProviderError.
        """
        now = self._clock()
        async with self._database.reading() as session:
            watched = await freshness.watched(session)
            due = await freshness.due(session, now - READ_EVERY)
        if due > watched // PAGE_SIZE + 1 and (self._pages_again_at is None or now >= self._pages_again_at):
            await self._read_pages(now)
        await self._read_each(now, self.share(watched))

    def share(self, watched: int) -> int:
        """Requests of one slot when growers are asked for one by one."""
        return min(self._most, max(AT_LEAST, math.ceil(HEADROOM * watched * (SLOT / READ_EVERY))))

    async def _read_pages(self, now: datetime) -> None:
        """Everybody at once. What comes is believed; that somebody is not on it, only of a list that has an end."""
        read: dict[str, Freshness] = {}
        try:
            complete = await self._collect(read)
        except (ProviderRejected, ProviderGibberish, ProviderRefusedUs) as refusal:
            log.info("leaf does not list everybody's data; asking one by one", detail=refusal.detail)
            complete = False
        async with self._database.transaction() as session:
            watched = await freshness.healthy_ids(session)
            kept = [each for each in read.values() if each.grower_id in watched]
            if complete:
                # Who had data before and is not listed is asked for directly.
                silent = watched - read.keys() - await freshness.with_data(session)
                kept += [told(grower_id, None, now) for grower_id in silent]
            await freshness.save(session, kept)
        self._pages_again_at = None if complete else now + READ_EVERY

    async def _collect(self, read: dict[str, Freshness]) -> bool:
        """Every page into `read`; False when there is nobody on them, or the same people for ever."""
        page = 0
        while True:
            asked_at = self._clock()
            summaries = await self._leaf.data_summaries(page)
            if not summaries:
                return page > 0
            fresh = {each.user_id: told(each.user_id, each, asked_at) for each in summaries if each.user_id}
            if not fresh.keys() - read.keys():
                return False
            read |= fresh
            page += 1

    async def _read_each(self, now: datetime, limit: int) -> None:
        """One request after the other, the longest-waiting grower first."""
        async with self._database.reading() as session:
            waiting = await freshness.next_due(session, now - READ_EVERY, limit)
        for grower_id in waiting:
            try:
                await self._data.read(grower_id)
            except (ProviderRejected, ProviderGibberish) as strange:
                # This one grower must not keep all others from being read.
                log.warning("leaf does not tell of one grower's data", grower=grower_id, detail=strange.detail)
