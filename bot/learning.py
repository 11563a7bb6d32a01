"""Growers as Leaf has them; and those whom an attempt of ours had asked Leaf for that was not heard of again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.journal import Journal
from bot.vault import digest
from storage import creations, growers, incidents
from storage.growers import fold
from storage.records import AnnouncementKind, Grower

LOST = timedelta(minutes=2)
"""How long somebody may take to create a grower at Leaf. Whoever comes later looks there before making one."""


class Learning:
    """Keeps growers, and sees to it that nobody was created at Leaf of whom the trail does not tell."""

    def __init__(self, announcer: Announcer, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._announcer = announcer
        self._journal = journal
        self._clock = clock

    async def lost(self, session: AsyncSession) -> set[str]:
        """Whom somebody asked Leaf for who was not heard of again: whoever is found of those is kept anew, as they
        may have been kept while it was too early to tell."""
        return await creations.lost(session, self._clock() - LOST)

    async def keep(self, session: AsyncSession, fresh: Sequence[Grower]) -> None:
        """Add these growers or bring them up to date; the open card of one who is called otherwise by now says so.

        Whoever was killed after asking Leaf for one of them has left the claim: it is what tells that a row is owed.
        """
        await growers.save(session, fresh)
        open_ones = await incidents.open_of_growers(session, [grower.id for grower in fresh])
        for grower in fresh:
            incident = open_ones.get(grower.id)
            if incident is not None and incident.grower_name != grower.name:
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
        before = self._clock() - LOST
        lost = await creations.lost(session, before)
        for grower in fresh if lost else ():
            key = _key_of(grower)
            if key in lost and await creations.end_lost(session, key, before):
                await self._journal.record(
                    session,
                    "job:creation",
                    "job",
                    "grower-created",
                    "done",
                    key[:12],
                    target=grower.id,
                    target_name=grower.name,
                    detail={"found": True},
                )


def creation_key(name: str, email: str) -> str:
    """What is claimed by whoever creates this grower."""
    return digest(f"{fold(name)}\n{fold(email)}")


def is_among(grower: Grower, keys: Collection[str]) -> bool:
    """Whether somebody claimed to create this grower."""
    return _key_of(grower) in keys


def _key_of(grower: Grower) -> str:
    return creation_key(grower.name, grower.email or "")
