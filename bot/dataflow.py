"""Whether data really flows: what Leaf holds of a grower's farms and fields."""

from __future__ import annotations

import asyncio

from bot.errors import ProviderError
from bot.leaf.client import LeafClient
from bot.reports import DataFlow

PATIENCE = 5.0
"""Seconds that whoever shows this waits for it: a message about a repair must not wait for an ill Leaf."""


class DataFlows:
    """Reads Leaf's integrations service. It is extra information: when Leaf does not tell, there is none."""

    def __init__(self, leaf: LeafClient) -> None:
        self._leaf = leaf

    async def data_flow(self, grower_id: str) -> DataFlow | None:
        """Farms, fields and the last sync; None when Leaf has nothing or does not answer."""
        try:
            async with asyncio.timeout(PATIENCE):
                summary = await self._leaf.data_summary(grower_id)
        except (ProviderError, TimeoutError):
            return None
        return DataFlow(summary.farms, summary.fields, summary.synced_at) if summary else None
