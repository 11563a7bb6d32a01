"""Whoever waits for an acknowledgement goes before the work that others have asked for.

Slack gives an acknowledgement three seconds and shows an error after them; the work behind it may take its time. Both
run on one loop, so that in a burst of commands the work on the first would keep the others waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

BURST = 0.05
"""Seconds between two requests that belong to one burst: who comes alone waits for nobody."""

QUIET = 0.002
"""Seconds without a request after which the work on a burst begins."""

LONGEST = 0.25
"""Seconds that work waits for that at most, however much comes in."""


class Precedence:
    """Work begins in the order in which it was asked for, when no request comes in."""

    def __init__(
        self,
        *,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._seconds = seconds
        self._sleep = sleep
        self._latest_request = float("-inf")
        self._quiet_from = float("-inf")
        self._first = asyncio.Lock()

    def request(self) -> None:
        """One came in just now."""
        now = self._seconds()
        if now < self._latest_request + BURST:
            self._quiet_from = now + QUIET
        self._latest_request = now

    async def turn(self) -> None:
        """Return when work may begin."""
        at_the_latest = self._seconds() + LONGEST
        async with self._first:
            while (wait := min(self._quiet_from, at_the_latest) - self._seconds()) > 0:
                await self._sleep(wait)
