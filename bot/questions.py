"""Questions about single growers in a look at everybody: whom Leaf cannot answer for keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import structlog

from bot.errors import ProviderError, ProviderRefusedUs, ProviderUnavailable
from bot.leaf.client import LeafClient
from bot.reducer import Reading

log = structlog.get_logger(__name__)

WORKERS = 4
"""Requests at a time when each grower has to be asked for alone; the pace bounds them, this only hides latency."""

SEVERAL = 3
"""So many questions in a row without an answer are Leaf's trouble, unless it answers about somebody else."""


class Questions:
    """What Leaf was asked about single growers, and about whom it gave no answer.

    Raises ProviderError as soon as that is Leaf's own trouble: several in a row fail, and so does the question about
    somebody of whom Leaf has told in this look, or there is nobody like that. `alive` is called after each failure: an
    answer that does not come takes a minute, and a page has a hundred questions.
    """

    def __init__(self, leaf: LeafClient, clock: Callable[[], datetime], alive: Callable[[], Awaitable[None]]) -> None:
        self._leaf = leaf
        self._clock = clock
        self._alive = alive
        self._failures: dict[str, ProviderError] = {}
        self._in_a_row = 0
        self._heard_of: str | None = None

    @property
    def unanswered(self) -> list[str]:
        """About whom Leaf gave no answer, by id."""
        return sorted(self._failures)

    async def credentials(self, ids: Iterable[str]) -> list[Reading]:
        """One request per grower, a few at a time; nothing of those about whom Leaf gives no answer."""
        waiting = iter(list(ids))
        readings: list[Reading] = []

        async def ask() -> None:
            for grower_id in waiting:
                asked_at = self._clock()
                try:
                    reading = Reading(grower_id, await self._leaf.credential(grower_id), asked_at)
                except ProviderError as failure:
                    await self.failed(grower_id, failure)
                else:
                    self.answered(grower_id)
                    readings.append(reading)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(ask())
        except ExceptionGroup as failures:
            first = next((failure for failure in failures.exceptions if isinstance(failure, ProviderError)), None)
            if first is None:
                raise
            raise first from None
        return readings

    def listed(self, grower_id: str) -> None:
        """Leaf's list tells of this grower, so that a question about them should have an answer."""
        self._heard_of = self._heard_of or grower_id

    def answered(self, grower_id: str) -> None:
        self._failures.pop(grower_id, None)
        self._in_a_row, self._heard_of = 0, grower_id

    async def failed(self, grower_id: str, failure: ProviderError) -> None:
        """There was no answer about this grower. Raises ProviderError when it is not about them."""
        if not _may_be_about_one(failure):
            raise failure
        log.warning("leaf gives no answer about a grower", grower=grower_id, detail=failure.detail)
        self._failures[grower_id] = failure
        self._in_a_row += 1
        if self._in_a_row >= SEVERAL:
            if self._heard_of is None:
                raise failure
            self._in_a_row = 0
            await self._leaf.credential(self._heard_of)
        await self._alive()

    def end(self) -> None:
        """Raises ProviderError when Leaf told of nobody at all and failed more than one question."""
        if len(self._failures) > 1 and self._heard_of is None:
            raise next(iter(self._failures.values()))


def _may_be_about_one(failure: ProviderError) -> bool:
    """Not what is about our login, and not what Leaf never looked at: no connection, or too many requests."""
    if isinstance(failure, ProviderUnavailable):
        return failure.maybe_done
    return not (isinstance(failure, ProviderRefusedUs) and failure.at_login)
