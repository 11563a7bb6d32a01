"""Growers whom Leaf no longer has: let go when it says so again and again, and never many at once on its first word."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.errors import ProviderError
from bot.leaf.client import LeafClient
from bot.messages import needs
from bot.messages.needs import MISSING
from bot.questions import Questions
from bot.reducer import Reducer
from storage import connections, growers, notices
from storage.database import Database

FEW = 5
"""So many may vanish at once, however few growers there are."""

SHARE = 0.1
"""More than these of all growers vanishing at once are more likely another login of ours at Leaf."""

BELIEVED_AFTER = timedelta(days=1)
"""When many are missing for so long it is believed: somebody has read of it, and a wrong login has been mended."""

AT_A_TIME = 100


class Departures:
    """Who is missing from Leaf, and whether they are gone."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        reducer: Reducer,
        announcer: Announcer,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._reducer = reducer
        self._announcer = announcer
        self._clock = clock

    async def known(self) -> set[str]:
        """Whom Leaf should list."""
        async with self._database.reading() as session:
            return await growers.ids(session)

    async def look(self, known: Set[str], listed: Set[str], questions: Questions) -> None:
        """After a whole look: let those go whom Leaf did not list, if it says so when asked directly.

        `known` were known before the look began. Raises ProviderError.
        """
        missing = known - listed
        if await self._are_too_many(missing, known):
            await self._announcer.tell_operators(needs.growers_missing(len(missing), len(known)))
            return
        for grower_id in sorted(missing)[:AT_A_TIME]:
            try:
                await self._let_go_if_gone(grower_id, "sweep")
            except ProviderError as failure:
                await questions.failed(grower_id, failure)
            else:
                questions.answered(grower_id)
        if not _are_many(missing, known):
            await self._announcer.all_clear(MISSING)

    async def has_gone(self, grower_id: str, source: str) -> bool:
        """Whether this grower, who has no credential, is gone, or may be: what is known of them stays then.

        Raises ProviderError.
        """
        async with self._database.reading() as session:
            doubted = await self._doubted_since(session) is not None
        return await self._is_gone(grower_id) if doubted else await self._let_go_if_gone(grower_id, source)

    async def _let_go_if_gone(self, grower_id: str, source: str) -> bool:
        asked_at = self._clock()
        if not await self._is_gone(grower_id):
            return False
        async with self._database.transaction() as session:
            await self._reducer.let_go(session, grower_id, asked_at, source)
        return True

    async def _is_gone(self, grower_id: str) -> bool:
        """Whether Leaf has no such user, as often as it is asked."""
        for _ in range(self._reducer.agreeing_reads):
            if await self._leaf.user(grower_id) is not None:
                return False
        return True

    async def _are_too_many(self, missing: Set[str], known: Set[str]) -> bool:
        """Whether nothing is concluded from it yet; never, while Leaf lists nobody whom we know."""
        async with self._database.reading() as session:
            since = await self._doubted_since(session)
            before = await connections.changed_before(session, since) & known if since and missing else set()
        if since is None or missing == known:
            return _are_many(missing, known)
        if before and before <= missing:
            # Whoever is listed was met since: another account's growers, who prove nothing about ours.
            return True
        return bool(missing) and self._clock() - since < BELIEVED_AFTER

    async def _doubted_since(self, session: AsyncSession) -> datetime | None:
        return next((each.raised_at for each in await notices.standing(session) if each.kind == MISSING), None)


def _are_many(missing: Set[str], known: Set[str]) -> bool:
    if not missing:
        return False
    return missing == known or (len(missing) > FEW and len(missing) > SHARE * len(known))
