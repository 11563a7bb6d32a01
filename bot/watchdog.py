"""Silence is a fault: operators are told once when no look at all connections has ended for too long, and when it is
over. It runs in every replica, so the death of the one that should look is told by another, or by the next start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.announcer import Announcer
from bot.messages import needs
from bot.messages.needs import BLIND, CONTRACT, LOGIN, Need
from storage import notices, sweeps
from storage.database import Database

SLACK_OF_A_SWEEP = timedelta(seconds=60)
"""How much longer than twice the interval a look may take before anybody is bothered."""


class Watchdog:
    """Looks at the age of the last complete sweep, which all replicas share in the database."""

    def __init__(
        self, database: Database, announcer: Announcer, clock: Callable[[], datetime], interval: timedelta
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._clock = clock
        self._allowance = 2 * interval + SLACK_OF_A_SWEEP
        self._born = clock()

    async def look(self) -> None:
        """Tell when it has been too long, or that it is over."""
        now = self._clock()
        async with self._database.reading() as session:
            last = await sweeps.last_finished(session)
            standing = {notice.kind: notice for notice in await notices.standing(session)}
        since = last.finished_at if last and last.finished_at else self._born
        if now - since > self._allowance:
            # What keeps us from looking may have been told already, with what to do about it.
            if not standing.keys() & {BLIND, LOGIN, CONTRACT}:
                was_down = self._born > since + self._allowance and now - self._born < self._allowance
                await self._announcer.tell_operators(needs.blind(since, now, was_down=was_down))
        elif BLIND in standing:
            await self._announcer.all_clear(await self._looking_back(standing[BLIND].raised_at, since))

    async def _looking_back(self, raised_at: datetime, until: datetime) -> Need:
        async with self._database.reading() as session:
            before = await sweeps.last_finished(session, before=raised_at)
        since = before.finished_at if before and before.finished_at else raised_at
        return needs.was_blind(since, until)
