"""Leaf's events, kept: Leaf itself forgets them after 30 days, and all of them when a credential is deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from bot.leaf.client import LeafClient
from bot.leaf.models import ProviderEvent
from bot.redaction import redact
from storage import leaf_events
from storage.database import Database
from storage.records import LeafEvent

LONGEST = 500
"""Characters of a provider's answer worth keeping."""


class Archive:
    """Copies a grower's events from Leaf, with secrets struck out, each once."""

    def __init__(self, database: Database, leaf: LeafClient, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._leaf = leaf
        self._clock = clock

    async def keep(self, grower_id: str) -> int:
        """Archive what Leaf has now; returns how many events were new. Raises ProviderError."""
        events = [self._kept(grower_id, event) for event in await self._leaf.events(grower_id)]
        if not events:
            return 0
        async with self._database.transaction() as session:
            return await leaf_events.archive(session, events)

    def _kept(self, grower_id: str, event: ProviderEvent) -> LeafEvent:
        # An event's id is Leaf's; hashed with the grower's it also fits when Leaf numbers events per credential.
        key = hashlib.sha256(f"{grower_id}\n{event.id}".encode()).hexdigest()
        at = event.created_at or self._clock()
        return LeafEvent(key, grower_id, at, event.status_code, redact(event.body[: 10 * LONGEST])[:LONGEST])
