"""Storms: when many growers break at once, or Leaf or FieldView is ill, one message stands for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import STORM_RANK, Announcer
from bot.errors import UsageError
from bot.journal import Journal
from bot.reports import StormList
from storage import consents, incidents, storms
from storage.database import Database, at_end
from storage.records import AnnouncementKind, Grower, NoteKind, Storm, StormKind, ThreadNote

SIZE = 5
"""So many growers at once are a storm."""

WINDOW = timedelta(minutes=10)
"""How close together they are one storm, and how long after the last one another joins it unless it is over."""

ONE_ILLNESS = timedelta(hours=1)
"""A provider that falls ill again so soon is still ill: the same message says so."""

PAGE = 10
"""Growers on one page of a storm's list: each has a row of its own with a button."""

_NEWS = "news of storms"
"""Where a session keeps the incidents that storms must hear of at its end."""


@dataclass
class _News:
    """The incidents of one transaction: those that channels must hear of, with the grower's own channel, those
    that changed or ended, and those that may concern other channels now."""

    new: dict[str, str | None] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


class Storms:
    """Decides whether a new incident gets a message of its own, and watches over the health of Leaf and FieldView."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
        size: int = SIZE,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._size = size

    # Incidents

    def broke(self, session: AsyncSession, incident_id: str, channel: str | None) -> None:
        """Channels, and the grower's own, must hear of this: by a message for it alone or by that of its storm."""
        self._news(session).new[incident_id] = channel

    def changed(self, session: AsyncSession, incident_id: str) -> None:
        """An incident looks different or is over: if it is part of a storm, the storm's message must tell."""
        self._news(session).changed.append(incident_id)

    def moved(self, session: AsyncSession, incident_id: str) -> None:
        """An open incident has another reason, or its grower another owner or tag: channels that want that hear now."""
        self._news(session).moved.append(incident_id)

    def _news(self, session: AsyncSession) -> _News:
        """What this transaction has to tell; it is told once, at the end, whatever number of incidents there are."""
        if _NEWS not in session.info:
            session.info[_NEWS] = _News()
            at_end(session, (STORM_RANK, "storm"), lambda: self._tell(session, session.info.pop(_NEWS)))
        news: _News = session.info[_NEWS]
        return news

    async def _tell(self, session: AsyncSession, news: _News) -> None:
        await storms.lock(session)
        if news.new:
            await self._gather(session, news.new)
        for storm_id in await storms.of_incidents(session, news.changed):
            await self._look_whether_over(session, storm_id)
            working = await storms.count_growers(session, storm_id) - await storms.count_broken(session, storm_id)
            if working <= len(news.changed):
                # The first of them work again: what the cards of the others say is no longer so.
                await self._tell_the_cards(session, storm_id)
        for incident_id in news.moved:
            storm_of_it = await storms.of_incident(session, incident_id)
            kind = AnnouncementKind.STORM if storm_of_it else AnnouncementKind.INCIDENT
            await self._announcer.to_newcomers(session, kind, storm_of_it or incident_id)

    async def _gather(self, session: AsyncSession, new: Mapping[str, str | None]) -> None:
        now = self._clock()
        storm = await storms.growing(session, now, WINDOW)
        if storm is not None:
            await self._join(session, storm, new)
            return
        loose = await storms.loose(session, now, WINDOW)
        if len(loose) < self._size:
            for incident_id, channel in new.items():
                await self._announcer.to_channels(session, AnnouncementKind.INCIDENT, incident_id, channel)
            return
        storm = await storms.begin(session, StormKind.GROWERS, min(each.since for each in loose), now)
        await storms.join(session, storm.id, [each.incident_id for each in loose])
        for each in loose:
            if each.incident_id not in new:
                # Its card came first: from now on it says that it is one of many.
                await self._announcer.has_news(session, AnnouncementKind.INCIDENT, each.incident_id)
        await self._announce(session, storm, *{each.channel for each in loose})

    async def _join(self, session: AsyncSession, storm: Storm, new: Mapping[str, str | None]) -> None:
        """The message counts them, and as Slack notifies of no edit, a reply below it calls those who own them."""
        now, before = self._clock(), await storms.count_growers(session, storm.id)
        await storms.join(session, storm.id, new)
        joined = await storms.count_growers(session, storm.id) - before
        if joined:
            # Whoever comes and goes keeps it open for nobody.
            await storms.note(session, storm.id, last_at=now)
        if joined < len(new):
            await self._tell_the_cards(session, storm.id)
        await self._announcer.has_news(session, AnnouncementKind.STORM, storm.id)
        if joined:
            detail = {"growers": joined, "people": await storms.owners(session, new)}
            note = ThreadNote(NoteKind.JOINED, now, detail=detail)
            await self._announcer.note_in_threads(session, AnnouncementKind.STORM, storm.id, note, if_read=True)
        await self._announcer.to_newcomers(session, AnnouncementKind.STORM, storm.id, *new.values())

    async def _look_whether_over(self, session: AsyncSession, storm_id: str) -> None:
        storm = await storms.get(session, storm_id)
        if storm is None:
            return
        await self._announcer.has_news(session, AnnouncementKind.STORM, storm_id)
        if storm.over_at is None and await storms.count_broken(session, storm_id) == 0:
            await self._end(session, storm)

    # Providers

    async def is_ill(self, kind: StormKind, growers: int = 0) -> None:
        """A sweep found Leaf or FieldView ill: told when the next one finds so too: most of it is over in minutes."""
        now = self._clock()
        async with self._database.transaction() as session:
            await storms.lock(session)
            storm = await storms.latest(session, kind, now, ONE_ILLNESS)
            if storm is None:
                storm = await storms.begin(session, kind, now, now)
                await storms.note(session, storm.id, growers=growers)
                await self._tell_the_broken(session)
                return
            if storm.over_at is not None:
                await self._tell_the_broken(session)
            await storms.note(session, storm.id, last_at=now, over_at=None, growers=max(growers, storm.growers))
            if storm.told_at is None:
                await self._announce(session, storm)
            elif storm.over_at is not None or growers > storm.growers:
                await self._announcer.has_news(session, AnnouncementKind.STORM, storm.id)

    async def is_well(self, kind: StormKind) -> None:
        """A sweep found that Leaf or FieldView works."""
        async with self._database.reading() as session:
            if not [storm for storm in await storms.standing(session) if storm.kind is kind]:
                return
        async with self._database.transaction() as session:
            await storms.lock(session)
            storm = await storms.latest(session, kind, self._clock(), ONE_ILLNESS)
            if storm is not None and storm.over_at is None:
                await self._end(session, storm)
                await self._tell_the_broken(session)

    async def _tell_the_broken(self, session: AsyncSession) -> None:
        """While a provider is ill, growers who broke together need not act: their message says so."""
        for storm in await storms.standing(session):
            if storm.kind is StormKind.GROWERS:
                await self._announcer.has_news(session, AnnouncementKind.STORM, storm.id)
                await self._tell_the_cards(session, storm.id)

    async def _tell_the_cards(self, session: AsyncSession, storm_id: str) -> None:
        """The cards that came before the storm say who must act as its message does."""
        for incident_id in await storms.cards(session, storm_id):
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident_id)

    async def look_at_fieldview(self) -> None:
        """After a sweep: FieldView is ill when it fails Leaf over many growers, and well when few of them are left."""
        async with self._database.reading() as session:
            failing = await storms.count_unavailable(session)
        if failing >= self._size:
            await self.is_ill(StormKind.FIELDVIEW, failing)
        elif failing <= self._size // 2:
            await self.is_well(StormKind.FIELDVIEW)

    async def ill_now(self) -> list[Storm]:
        """Which of Leaf and FieldView is ill at this moment, whether or not anybody was told."""
        async with self._database.reading() as session:
            return [storm for storm in await storms.standing(session) if storm.kind is not StormKind.GROWERS]

    # People

    async def broken_with(self, grower: Grower) -> int:
        """How many broke together, this grower among them, while none of them works again; else 0."""
        async with self._database.reading() as session:
            incident = await incidents.open_of_grower(session, grower.id)
            tally = await storms.around(session, incident.id) if incident else None
        return tally.growers if tally and tally.is_whole else 0

    async def page(self, storm_id: str, page: int) -> StormList:
        """A page (0 is the first) of those who are still broken. Raises UsageError."""
        async with self._database.reading() as session:
            storm = await storms.get(session, storm_id)
            if storm is None:
                raise UsageError("I no longer know what this list was about.", "/fieldview status")
            tally = await storms.tally(session, storm, 0)
            last = max(0, tally.still_broken - 1) // PAGE
            page = min(page, last)
            affected = await storms.still_in(session, storm, limit=PAGE, offset=page * PAGE)
            asked = await consents.foremost_of(session, [each.grower.id for each in affected])
        return StormList(storm, tally, affected, asked, page, last)

    # Both

    async def _announce(self, session: AsyncSession, storm: Storm, *channels: str | None) -> None:
        await storms.note(session, storm.id, told_at=self._clock())
        await self._announcer.to_channels(session, AnnouncementKind.STORM, storm.id, *channels)
        await self._record(session, storm, "storm-began")

    async def _end(self, session: AsyncSession, storm: Storm) -> None:
        await storms.note(session, storm.id, over_at=self._clock())
        if storm.told_at is not None:
            await self._announcer.has_news(session, AnnouncementKind.STORM, storm.id)
            await self._record(session, storm, "storm-over")

    async def _record(self, session: AsyncSession, storm: Storm, action: str) -> None:
        detail = {"kind": storm.kind}
        await self._journal.record(session, "job:sweep", "job", action, "done", storm.id[:12], detail=detail)
