"""When the engine looks for jobs: at once when there are some, and now and then for what other processes left.

The engine asks its tables at a fixed interval, whether there is work or not. Here that interval is long, and whoever
puts work into a lane ends the wait.
"""

from __future__ import annotations

import threading
import time
from typing import cast

import structlog
from dbos import DBOS
from dbos._queue import Queue, queue_worker_thread

log = structlog.get_logger(__name__)

APART = 0.05
"""Seconds between the starts of two looks at least: what comes in a burst is found by one of them."""

JITTER = 1.05
"""By how much the engine's own interval is spread."""

PATIENCE = 10.0
"""Seconds that the end of a look is waited for."""


class Bell:
    """What the engine takes for its signal to stop. Waiting for it also ends when it is rung, or has taken long enough.

    `longest`, in seconds, is for an engine that waits longer and longer because replicas got into each other's way.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._changed = threading.Condition()
        self._is_set = False
        self._is_rung = False
        self._last = 0.0
        self.waits = 0
        """How often it was waited for."""

    def ring(self) -> None:
        """There is something to look for: end the wait that goes on, or else the next one."""
        with self._changed:
            self._is_rung = True
            self._changed.notify_all()

    def set(self) -> None:
        """Nothing is to be looked for any more."""
        with self._changed:
            self._is_set = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """True when it is set; False when it was rung, or after so many seconds, or the longest time there is."""
        self.waits += 1
        timeout = self._longest if timeout is None else min(timeout, self._longest)
        with self._changed:
            self._changed.wait_for(lambda: self._is_set or self._is_rung, timeout)
            self._changed.wait_for(lambda: self._is_set, self._last + APART - time.monotonic())
            self._is_rung = False
            self._last = time.monotonic()
            return self._is_set


class Lookout:
    """Looks for the jobs of one queue, in a thread of its own: when it is rung for, and every `poll` seconds."""

    def __init__(self, engine: DBOS, queue: Queue, poll: float) -> None:
        self._engine = engine
        self._queue = queue
        self._bell = Bell(longest=poll * JITTER)
        self._thread = threading.Thread(target=self._look, name=f"lookout-{queue.name}", daemon=True)

    def start(self) -> None:
        """Look for the first time at once."""
        self._bell.ring()
        self._thread.start()

    def ring(self) -> None:
        """Look now: there is something."""
        self._bell.ring()

    @property
    def looks(self) -> int:
        """How many looks have come to their end: between two of them the engine waits."""
        return self._bell.waits

    def stop(self) -> None:
        """Take up nothing more; a look that goes on comes to its end."""
        self._bell.set()

    def join(self) -> None:
        """Wait for that end, but not for ever: the database may be away."""
        self._thread.join(PATIENCE)

    def _look(self) -> None:
        while not self._bell.is_set():
            try:
                # The engine's own look, which says when it waits by this signal alone.
                queue_worker_thread(cast(threading.Event, self._bell), self._engine, self._queue)
            except Exception:
                log.exception("the look for jobs broke off; looking again", queue=self._queue.name)
            # It also ends when somebody has deleted the queue.
            self._bell.wait(1.0)
