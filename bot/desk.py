"""What lies on somebody's desk: their own growers that need somebody, wait, bring nothing, or are snoozed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.health import LISTED, Health
from bot.reports import Desk, DeskRow, Look, Overview, Pile
from storage import care, connections, consents, incidents, subscriptions
from storage.database import Database
from storage.records import CredentialStatus, Whose

PAGE = 15
"""Growers on one page: with three blocks each they fit into the hundred that Slack takes."""


class Desks:
    """Everybody's desk. The counts on it are those of `/fieldview status` and `/fieldview status --mine`."""

    def __init__(
        self, database: Database, health: Health, clock: Callable[[], datetime], alert_channel: str | None
    ) -> None:
        self._database = database
        self._health = health
        self._clock = clock
        self._alert_channel = alert_channel

    async def of(self, user: str, look: Look) -> Desk:
        """The desk of this person, as they look at it; a page beyond the last one is the last one."""
        overview = await self._health.overview(Whose(owner=user))
        is_mine = look.whose == "mine" or (not look.whose and any(overview.counts.values()))
        if not is_mine:
            overview = await self._health.overview()
        async with self._database.reading() as session:
            pile = await self._pile(session, overview, look.pile)
            pages = max(1, -(-len(pile) // PAGE))
            look = replace(look, page=min(look.page, pages - 1))
            rows = pile[look.page * PAGE :][:PAGE]
            alerts = await incidents.open_of_growers(session, [row.grower.id for row in rows])
            everybody = await connections.counts(session)
            subscribed = [each for each in await subscriptions.everyone(session) if each.broken_reason is None]
        return Desk(
            overview,
            look,
            is_mine,
            [replace(row, incident=alerts.get(row.grower.id)) for row in rows],
            pages,
            has_channel=bool(self._alert_channel or subscribed),
            has_connection=any(number for status, number in everybody.items() if status is not CredentialStatus.ABSENT),
        )

    async def _pile(self, session: AsyncSession, overview: Overview, pile: Pile) -> list[DeskRow]:
        match pile:
            case Pile.NEEDING:
                out = overview.consents
                return [DeskRow(grower, known, out.get(grower.id)) for grower, known in overview.needing_someone]
            case Pile.WAITING:
                asked = await consents.waiting_ones(session, self._clock(), LISTED, overview.whose)
                return [DeskRow(grower, consent=consent) for grower, consent in asked]
            case Pile.SILENT:
                return [DeskRow(grower, silence=silence) for grower, silence in overview.silent]
            case Pile.SNOOZED:
                return [DeskRow(grower) for _, grower in await care.snoozed(session, LISTED, overview.whose)]
