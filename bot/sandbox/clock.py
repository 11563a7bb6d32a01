"""The one clock of the sandbox: real time plus whatever a test or the demo has jumped ahead."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Callable clock: `clock()` is the current aware UTC time of the sandbox's world."""

    def __init__(self, start: datetime | None = None) -> None:
        """Follow real time, or stand still at `start` until it is advanced."""
        self._frozen_at = start
        self._ahead = timedelta()
        self._jumped = timedelta()

    def __call__(self) -> datetime:
        return (self._frozen_at or datetime.now(UTC)) + self._ahead

    @classmethod
    def beginning(cls, at: datetime) -> Clock:
        """A clock that shows `at` now and goes on from there as real time does."""
        clock = cls()
        clock._ahead = at - datetime.now(UTC)
        return clock

    def advance(self, by: timedelta) -> datetime:
        """Jump ahead and return the new time. Raises ValueError for a jump into the past."""
        if by < timedelta():
            raise ValueError("a clock only goes forward")
        self._ahead += by
        self._jumped += by
        return self()

    def set_back(self, by: timedelta) -> datetime:
        """Somebody sets the machine's clock back: no time passes, and `seconds` does not go back with it."""
        self._ahead -= by
        return self()

    def seconds(self) -> float:
        """Seconds as a monotonic clock counts them: since some moment, with every jump ahead."""
        return (0.0 if self._frozen_at else time.monotonic()) + self._jumped.total_seconds()
