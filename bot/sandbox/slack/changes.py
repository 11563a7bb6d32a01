"""The bell that rings whenever something in the workspace changes, and who can hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

BEYOND_SLACK = 0.05


class Changes:
    """Counts changes per person, so that a page redraws and a test waits without polling."""

    def __init__(self) -> None:
        self.version = 0
        self._seen_by_all = 0
        self._seen_by: dict[str, int] = {}
        self._bell = asyncio.Event()

    def ring(self, audience: list[str] | None = None) -> None:
        """Something changed that the `audience` (user ids; None is everybody) can see."""
        self.version += 1
        if audience is None:
            self._seen_by_all = self.version
        for user in audience or ():
            self._seen_by[user] = self.version
        self.wake()

    def wake(self) -> None:
        """Wake everyone who waits, though no person can see a difference."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def version_for(self, user: str) -> int:
        """The number of the last change this person could see."""
        return max(self._seen_by_all, self._seen_by.get(user, 0))

    async def next(self, within: float) -> bool:
        """Wait for the next change; False when none came within so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._bell.wait()
        except TimeoutError:
            return False
        return True

    async def until(self, predicate: Callable[[], T], within: float) -> T:
        """Wait until `predicate()` is truthy and return its value. Raises TimeoutError.

        It is asked at every change, and now and then besides, because it may look at more than Slack.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not (value := predicate()):
            left = deadline - loop.time()
            if left <= 0:
                raise TimeoutError(f"still not so after {within} seconds")
            await self.next(min(left, BEYOND_SLACK))
        return value
