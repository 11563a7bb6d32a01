"""Whose a grower is: the member of the team who is called when something breaks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import messages
from bot.announcer import Announcer
from bot.errors import SomebodyWasFirst, UsageError
from bot.journal import Deed, Journal
from bot.messages.needs import left
from bot.people import teammate
from bot.reports import Owned
from bot.slack.client import SlackClient
from bot.storms import Storms
from bot.subscribing import Subscribing
from storage import consents, growers, handovers, incidents, outbox, owners
from storage.database import Database
from storage.records import AnnouncementKind, ConsentState, Grower, Handover, Moved

HANDOVER_USAGE = "/fieldview handover @from @to"


class Ownership:
    """Each change is one transaction with its audit row and the edit of the grower's card, if one is open."""

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        subscribing: Subscribing,
        announcer: Announcer,
        storms: Storms,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._slack = slack
        self._subscribing = subscribing
        self._announcer = announcer
        self._storms = storms
        self._journal = journal
        self._clock = clock

    async def of(self, grower: Grower) -> Owned:
        """Whose the grower is now."""
        return Owned(await self._now(grower), newly=False)

    async def claim(self, grower: Grower, deed: Deed) -> Owned:
        """Whoever asks becomes the owner. Raises SomebodyWasFirst when there is one."""
        async with self._database.transaction() as session:
            mine = await owners.claim(session, grower.id, deed.actor)
            if mine is not None:
                return await self._changed(session, mine, deed, replace(mine, owner=None))
        now = await self._now(grower)
        if now.owner != deed.actor:
            raise SomebodyWasFirst(now, now.owner or "", "claimed this grower")
        return Owned(now, newly=False)

    async def release(self, grower: Grower, deed: Deed) -> Owned:
        """Whoever asks is the owner no longer."""
        async with self._database.transaction() as session:
            free = await owners.release(session, grower.id, deed.actor)
            if free is not None:
                return await self._changed(session, free, deed, replace(free, owner=deed.actor))
        return Owned(await self._now(grower), newly=False)

    async def give(self, grower: Grower, owner: str | None, channel: str | None, deed: Deed) -> Owned:
        """This member of the team becomes the owner, this channel the grower's own; None leaves it as it is.

        Raises UsageError for who is no member and where the bot cannot post.
        """
        if owner:
            await teammate(self._slack, owner)
        if channel:
            await self._subscribing.reachable(channel)
        async with self._database.transaction() as session:
            await growers.lock(session, grower.id)
            before = await growers.get(session, grower.id) or grower
            given = await owners.give(session, grower.id, owner) if owner else None
            moved = await owners.set_channel(session, grower.id, channel) if channel else None
            if given or moved:
                return await self._changed(session, moved or given or before, deed, before, told=given is not None)
        return Owned(await self._now(grower), newly=False)

    async def leave_channel(self, grower: Grower, deed: Deed) -> Owned:
        """The grower has no channel of its own any more."""
        async with self._database.transaction() as session:
            await growers.lock(session, grower.id)
            before = await growers.get(session, grower.id) or grower
            free = await owners.set_channel(session, grower.id, None)
            if free is not None:
                return await self._changed(session, free, deed, before, told=False)
        return Owned(await self._now(grower), newly=False)

    async def hand_over(self, giver: str, taker: str, deed: Deed) -> Handover:
        """Everything of one person goes to another, or nothing does; both read what it was. Raises UsageError."""
        if giver == taker:
            raise UsageError("That is the same person twice.", HANDOVER_USAGE)
        name = (await teammate(self._slack, taker)).name
        told = {taker, giver} if await self._is_here(giver) else {taker}
        async with self._database.transaction() as session:
            moved = await handovers.move(session, giver, taker, name)
            handover = Handover(uuid.uuid4().hex, giver, taker, deed.actor, self._clock(), moved)
            if moved != Moved():
                await handovers.keep(session, handover)
                for incident, is_told in (await handovers.open_incidents(session, moved)).items():
                    await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident)
                    if is_told:
                        self._storms.moved(session, incident)
                for grower_id in await outbox.subjects(session, AnnouncementKind.OWNER, giver):
                    await self._announcer.has_news(session, AnnouncementKind.OWNER, grower_id)
                for bulk in moved.lists:
                    await self._announcer.to_person(session, AnnouncementKind.BULK, bulk, taker)
                for person in sorted(told - {deed.actor}):
                    await self._announcer.to_person(session, AnnouncementKind.HANDOVER, handover.id, person)
            numbers: dict[str, Any] = {name: len(ids) for name, ids in vars(moved).items()}
            await self._journal.done(session, deed, giver=giver, taker=taker, **numbers)
        await self._announcer.all_clear(left(giver))
        return handover

    async def _is_here(self, user: str) -> bool:
        try:
            await teammate(self._slack, user)
        except UsageError:
            return False
        return True

    async def _changed(
        self, session: AsyncSession, grower: Grower, deed: Deed, before: Grower, *, told: bool = True
    ) -> Owned:
        """An edit of the card notifies nobody: an owner made by somebody else gets it by direct message, or without an
        open alert, once, how the grower is."""
        incident = await incidents.open_of_grower(session, grower.id)
        new = grower.owner if told and grower.owner and grower.owner != deed.actor else None
        called, is_told, waits = bool(incident and new), False, False
        await self._announcer.has_news(session, AnnouncementKind.OWNER, grower.id)
        if incident is None and new:
            is_told = await outbox.find(session, AnnouncementKind.OWNER, grower.id, new) is None
            await self._announcer.to_person(session, AnnouncementKind.OWNER, grower.id, new)
        if incident is not None:
            at = self._clock()
            is_taken_up = incident.care.acknowledged_by or incident.care.is_snoozed(at)
            links = await consents.working(session, at, grower_id=grower.id, limit=1)
            curable = messages.is_cured_by_grower(incident.cause)
            waits = curable and incident.told_at is not None and not is_taken_up and not links
            if new:
                await self._announcer.call(session, incident.id, new, deed.actor)
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id, prompt=True)
            if incident.told_at is not None and grower.owner != before.owner:
                self._storms.moved(session, incident.id)
        held = [each for each in await consents.open_of_grower(session, grower.id) if each.state is ConsentState.HELD]
        for consent in held:
            # Those who are asked about its account read who looks after the grower.
            await self._announcer.has_news(session, AnnouncementKind.CONSENT_OUTCOME, consent.id)
        was = {"owner": before.owner, "channel": before.channel}
        now = {"owner": grower.owner, "channel": grower.channel}
        await self._journal.done(session, deed, grower, before=was, after=now)
        return Owned(await growers.get(session, grower.id) or grower, called=called, told=is_told, waits=waits)

    async def _now(self, grower: Grower) -> Grower:
        async with self._database.reading() as session:
            return await growers.get(session, grower.id) or grower
