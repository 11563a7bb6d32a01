"""What happens by the clock: sweeps, taking over from dead replicas, tidying up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.alerts import TEND
from bot.announcer import DELIVER
from bot.bot import Bot
from bot.chasing import CHASE
from bot.freshness import SLOT
from bot.jobs import KEPT, Jobs
from bot.messages import needs
from bot.monitor import SWEEP
from bot.people import PEOPLE
from bot.replicas import Place
from bot.silence import FRESHNESS, SILENCE, TOLD_AT
from bot.verifying import Broken
from bot.watchdog import SLACK_OF_A_SWEEP, Watchdog
from storage import sweeps

log = structlog.get_logger(__name__)

OVERDUE = timedelta(minutes=3)
"""A message owed for so long without being delivered has lost its job."""

AFTER_FAILURE = 15.0
"""Seconds at most until work that failed is tried again: a database away for a moment must not cost a whole sweep."""

ROUND = 30.0
"""Seconds between two looks at what falls due at a moment that is written in the database, or was dropped here."""

LOOK = 60.0
"""Seconds at most between two looks of the watchdog."""

SCAN = 2.0
"""Seconds between two looks for dead replicas."""


class Timer:
    """Starts each sweep once, whichever replica's timer is first, because a sweep's name is its tick."""

    def __init__(
        self, bot: Bot, jobs: Jobs, place: Place, watchdog: Watchdog, sweep_interval: timedelta, *, tends_alerts: bool
    ) -> None:
        self._bot = bot
        self._jobs = jobs
        self._place = place
        self._watchdog = watchdog
        self._interval = sweep_interval
        self._tends_alerts = tends_alerts
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._every(self._interval.total_seconds(), self.tick)),
            asyncio.create_task(self._every(SLOT.total_seconds(), self.look_at_data)),
            asyncio.create_task(self._every(SCAN, self._watch_replicas)),
            asyncio.create_task(self._every(ROUND, self.round)),
            asyncio.create_task(self._every(ROUND, self._take_up_dropped)),
            asyncio.create_task(self._every(min(LOOK, self._interval.total_seconds()), self._watchdog.look)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def tick(self) -> None:
        """Start this interval's sweep unless it was started already, then tidy up."""
        now = self._bot.clock()
        name = str(int(now.timestamp() // self._interval.total_seconds()))
        async with self._bot.database.transaction() as session:
            if await sweeps.clock_was_set_back(session, now, self._interval + SLACK_OF_A_SWEEP):
                # The names of this time are used up; until it is over each replica starts what is its own.
                name += f"-{uuid.uuid4().hex[:8]}"
        await self._jobs.start_now(SWEEP, f"sweep-{name}", f"{SWEEP}-{name}")
        if self._tends_alerts:
            await self._jobs.start_now(TEND, f"tick-{name}", f"{TEND}-{name}")
        await self._jobs.start_now(CHASE, f"tick-{name}", f"{CHASE}-{name}")
        await self._jobs.start_now(PEOPLE, f"{now:%Y-%m-%d}", f"{PEOPLE}-{now:%Y-%m-%d}")
        under_way = await self._jobs.keys_under_way(DELIVER, begun_after=datetime.now(UTC) - OVERDUE)
        if lost := await self._bot.announcer.start_overdue(now - OVERDUE, under_way):
            log.warning("messages were owed for long and nobody was delivering them", messages=lost)
        await self._jobs.forget_finished(now - KEPT)
        async with self._bot.database.transaction() as session:
            await sweeps.forget(session, now - KEPT)
        await self._bot.bulk_inviting.forget_old()
        await self._keep_the_trail()

    async def _keep_the_trail(self) -> None:
        # An anchor first: what is removed is held against the file.
        try:
            await self._bot.anchors.drop()
        except OSError as failure:
            log.error("the audit trail could not be anchored", failure=type(failure).__name__)
            await self._bot.announcer.tell_operators(needs.not_anchored())
        else:
            await self._bot.announcer.all_clear(needs.ANCHOR)
        try:
            await self._bot.retention.remove_old()
        except Broken as broken:
            log.error("old entries of the audit trail are kept: they are not what was written", fault=str(broken))
            await self._bot.announcer.tell_operators(needs.not_proved(str(broken)))
        else:
            await self._bot.announcer.all_clear(needs.TRAIL)

    async def round(self) -> None:
        """Do what has fallen due. Every replica looks; compare-and-set in the database makes it happen once.

        What crashes keeps nothing else from being done.
        """
        bot = self._bot
        for work in (
            bot.casework.wake_due,
            bot.escalating.call_leads,
            bot.reminding.remind,
            bot.digesting.owe_due,
            bot.bulk_inviting.plan_waiting,
        ):
            await _went_well(work)

    async def look_at_data(self) -> None:
        """Start this slot's reading of how fresh data is; once a day, what is told of it."""
        now = self._bot.clock()
        slot = int(now.timestamp() // SLOT.total_seconds())
        await self._jobs.start_now(FRESHNESS, f"slot-{slot}", f"{FRESHNESS}-{slot}")
        day = (now - TOLD_AT).date().isoformat()
        await self._jobs.start_now(SILENCE, day, f"{SILENCE}-{day}")

    async def _watch_replicas(self) -> None:
        if not await self._place.is_held():
            log.error("this replica lost its place and stops: another one may have taken its work")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        for owner in await self._jobs.owners_of_running() - {self._place.name}:
            if await self._place.while_nobody_holds(owner, lambda owner=owner: self._inherit(owner)):  # type: ignore[misc]
                log.warning("took over from a dead replica", replica=owner)

    async def _take_up_dropped(self) -> None:
        if not await self._place.is_held():
            # Who has it now runs what counts as ours.
            return
        if dropped := await self._jobs.take_up_dropped():
            log.warning("jobs counted as running here and were not; starting them again", jobs=dropped)

    async def _inherit(self, owner: str) -> None:
        await self._bot.announcer.forget_claims(owner)
        await self._jobs.take_over(owner)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            well = await _went_well(work)
            await asyncio.sleep(seconds if well else min(seconds, AFTER_FAILURE))


async def _went_well(work: Callable[[], Awaitable[object]]) -> bool:
    """Do it; what fails is logged, and done again in time."""
    try:
        await work()
    except (SQLAlchemyError, OSError) as failure:
        log.warning("the database did not answer; trying again in time", failure=type(failure).__name__)
        return False
    except Exception:
        log.exception("timed work crashed; trying again in time")
        return False
    return True
