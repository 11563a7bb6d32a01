"""Whether data really flows: what Leaf holds of a grower's farms and fields."""

from __future__ import annotations

from bot.errors import ProviderError
from bot.leaf.client import LeafClient
from bot.reports import DataFlow


class DataFlows:
    """Reads Leaf's integrations service. It is extra information: when Leaf does not tell, there is none."""

    def __init__(self, leaf: LeafClient) -> None:
        self._leaf = leaf

    async def data_flow(self, grower_id: str) -> DataFlow | None:
        """Farms, fields and the last sync; None when Leaf has nothing or does not answer."""
        try:
            summary = await self._leaf.data_summary(grower_id)
        except ProviderError:
            return None
        return DataFlow(summary.farms, summary.fields, summary.synced_at) if summary else None
