"""Refusals that come again with every letter or look: in the audit trail once for a stretch of time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

STRETCH = timedelta(minutes=10)
"""How long one row stands for all refusals of somebody at one entry."""

MOST = 10_000
"""Refusals that are remembered at most; for a forgotten one there may be a second row."""


class Refusals:
    """Who was refused where just now. Each process knows its own."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], datetime] = {}

    def is_news(self, user: str, entry: str) -> bool:
        """Whether this refusal gets a row: the first one of the stretch does."""
        now, who = self._clock(), (user, entry)
        if (since := self._since.get(who)) is not None and now - since < STRETCH:
            return False
        self._since.pop(who, None)
        self._since[who] = now
        if len(self._since) > MOST:
            del self._since[next(iter(self._since))]
        return True

    def forget(self, user: str, entry: str) -> None:
        """Its row could not be written: the next refusal gets one."""
        self._since.pop((user, entry), None)
