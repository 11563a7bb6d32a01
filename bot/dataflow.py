"""Whether data really flows: what Leaf holds of a grower's farms and fields, asked and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from bot.errors import ProviderError
from bot.leaf.client import LeafClient
from bot.leaf.models import Summary
from bot.reports import DataFlow
from storage import freshness, growers
from storage.database import Database
from storage.records import Freshness

PATIENCE = 5.0
"""Seconds that whoever shows this waits for it: a message about a repair must not wait for an ill Leaf."""


class DataFlows:
    """Reads Leaf's integrations service for one grower. Whatever Leaf tells is remembered, whoever asked."""

    def __init__(self, database: Database, leaf: LeafClient, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._leaf = leaf
        self._clock = clock

    async def data_flow(self, grower_id: str) -> DataFlow | None:
        """Farms, fields and the last sync; None when Leaf has nothing or does not answer: it is extra information."""
        try:
            async with asyncio.timeout(PATIENCE):
                read = await self.read(grower_id)
        except (ProviderError, TimeoutError):
            return None
        return DataFlow(read.farms, read.fields, read.synced_at) if read else None

    async def read(self, grower_id: str) -> Freshness | None:
        """What Leaf holds now, None when it has nothing. Raises ProviderError."""
        asked_at = self._clock()
        summary = await self._leaf.data_summary(grower_id)
        read = told(grower_id, summary, asked_at)
        async with self._database.transaction() as session:
            if await growers.is_known(session, grower_id):
                await freshness.save(session, [read])
        return read if summary else None


def told(grower_id: str, summary: Summary | None, asked_at: datetime) -> Freshness:
    """Leaf's summary as we keep it; no summary is no data yet."""
    if summary is None:
        return Freshness(grower_id, None, 0, 0, asked_at)
    return Freshness(grower_id, summary.synced_at, summary.farms, summary.fields, asked_at)
