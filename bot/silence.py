"""Valid but silent: a healthy connection through which nothing comes, or whose permission may lapse for want of use."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.archive import Archive
from bot.dataflow import DataFlows
from bot.errors import ProviderError
from bot.freshness import DataWatch
from bot.journal import Journal
from bot.season import Season
from storage import freshness, leaf_events, silences
from storage.database import Database
from storage.records import (
    AnnouncementKind,
    Connection,
    CredentialStatus,
    Freshness,
    Grower,
    Silence,
    SilenceEnd,
    SilenceKind,
)

log = structlog.get_logger(__name__)

FRESHNESS = "freshness"
"""The job that reads a share of what is due and takes back what is over; its subject is the slot of time it is for."""

SILENCE = "silence"
"""The job that tells once a day who has newly fallen silent; its subject is the day."""

TOLD_AT = timedelta(hours=14)
"""The time of day (UTC) at which that is told: by daylight in Europe and the Americas."""

WAITS = timedelta(hours=3)
"""How long it waits for growers to be read who were not read for long, as after a downtime."""

RECENTLY = timedelta(days=2)
"""What was read of a grower earlier than this says nothing about today."""

SETTLING = timedelta(days=1)
"""A connection that is healthy only since then gets time to bring something."""

FIRST_DATA = timedelta(days=3)
"""How long a new connection is "waiting for first data", and nothing else."""

LIFE = timedelta(days=30)
"""FieldView's refresh token lives so long from its last use. Source: Climate's own api-example, `reauthorize`."""

WARNING = timedelta(days=7)
"""So long before that it is said."""

USE_KEPT = timedelta(days=3)
"""What Leaf's events told of the last use is asked for again after this."""

ASKED = 1000
"""Growers of whom Leaf is asked in one round whether it is really so; the others have their turn the next day."""

ENDING = (CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN, CredentialStatus.ABSENT)
"""States in which something else is said of the connection. An outage alone changes nothing about a silence."""


@dataclass(frozen=True)
class Finding:
    """What is to be said: since when nothing came, and when the permission may lapse. See Silence."""

    kind: SilenceKind
    since: datetime
    ever: bool
    lapses_at: datetime | None = None


@dataclass(frozen=True)
class Rules:
    """When silence is worth a word: out of season, and the stricter number that counts from the season's first day."""

    stale_after: timedelta = timedelta(days=14)
    stale_after_in_season: timedelta = timedelta(days=5)
    season: Season | None = None

    @property
    def shortest(self) -> timedelta:
        """Nobody who was heard of since then is silent."""
        return min(self.stale_after, self.stale_after_in_season, LIFE - WARNING)

    def judge(self, connection: Connection, read: Freshness, now: datetime) -> Finding | None:
        """Whether this connection, being healthy, is silent."""
        begun = connection.connected_at
        ever = read.synced_at is not None and (begun is None or read.synced_at >= begun)
        since = max(filter(None, (read.synced_at, begun)), default=connection.changed_at)
        used = max(since, read.used_at or since)
        if now - used >= LIFE - WARNING:
            return Finding(SilenceKind.LAPSING, since, ever, used + LIFE)
        return Finding(SilenceKind.STALE, since, ever) if self._is_stale(since, ever, now) else None

    def _is_stale(self, since: datetime, ever: bool, now: datetime) -> bool:
        if not ever and now - since < FIRST_DATA:
            return False
        began = self.season.began(now) if self.season else None
        in_season = began is not None and now - max(since, began) >= self.stale_after_in_season
        return in_season or now - since >= self.stale_after


class Silences:
    """Finds who has fallen silent, tells all of them in one message a day, and takes it back when data moves."""

    def __init__(
        self,
        database: Database,
        watch: DataWatch,
        archive: Archive,
        data: DataFlows,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
        rules: Rules,
    ) -> None:
        self._database = database
        self._watch = watch
        self._archive = archive
        self._data = data
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._rules = rules

    # Once a day

    async def tell_job(self, day: str) -> float | None:
        """Job: tell of everybody newly silent, as soon as everybody has been read."""
        now = self._clock()
        due_at = datetime.combine(date.fromisoformat(day), time(), UTC) + TOLD_AT
        async with self._database.reading() as session:
            unread = await freshness.due(session, now - RECENTLY)
        if unread and now - due_at < WAITS:
            return 60.0
        await self.tell(f"{SILENCE}-{day}")
        return None

    async def tell(self, round_id: str) -> int:
        """One message per channel with everybody who is newly silent; returns how many they are."""
        found = await self._found()
        await self.clear()
        now = self._clock()
        async with self._database.transaction() as session:
            fresh, told_before = [], set()
            for grower_id, finding in found:
                before = await silences.open_of_grower(session, grower_id)
                if before and not _is_worse(finding, before):
                    continue
                if before and await silences.end(session, before.id, now, SilenceEnd.LAPSING):
                    told_before.add(before.round)
                if await silences.open_new(session, self._silence(grower_id, finding, round_id, now)):
                    fresh.append(finding)
            if fresh:
                await self._announcer.to_channels(session, AnnouncementKind.SILENCES, round_id)
                await self._announce_news(session, told_before)
                lapsing = sum(1 for finding in fresh if finding.kind is SilenceKind.LAPSING)
                await self._record(session, "silence-told", {"stale": len(fresh) - lapsing, "lapsing": lapsing})
        return len(fresh)

    def _silence(self, grower_id: str, finding: Finding, round_id: str, now: datetime) -> Silence:
        return Silence(
            id=uuid.uuid4().hex,
            grower_id=grower_id,
            kind=finding.kind,
            round=round_id,
            since=finding.since,
            ever=finding.ever,
            told_at=now,
            lapses_at=finding.lapses_at,
        )

    async def _found(self) -> list[tuple[str, Finding]]:
        """Who is silent and was not told of, each as far as Leaf confirmed it."""
        now = self._clock()
        async with self._database.reading() as session:
            quiet = await freshness.quiet(session, before=now - self._rules.shortest, read_since=now - RECENTLY)
            told = {silence.grower_id: silence for silence in await silences.unended(session)}
        asked, found = 0, []
        for grower, connection, read in quiet:
            finding, before = self._rules.judge(connection, read, now), told.get(grower.id)
            if finding is None or now - connection.changed_at < SETTLING:
                continue
            if before and finding.kind is SilenceKind.STALE:
                continue
            if not _is_sure(finding, read, now):
                if asked == ASKED:
                    continue
                asked += 1
                finding = await self._confirmed(connection, finding)
            if finding and (before is None or _is_worse(finding, before)):
                found.append((grower.id, finding))
        return found

    async def _confirmed(self, connection: Connection, finding: Finding) -> Finding | None:
        """Ask Leaf directly before anybody is told: a list may leave somebody out, and events tell of a later use."""
        try:
            if not finding.ever:
                await self._data.read(connection.grower_id)
            await self._read_use(connection.grower_id)
        except ProviderError as failure:
            log.warning("leaf does not confirm a silence", grower=connection.grower_id, detail=failure.detail)
            return None
        async with self._database.reading() as session:
            read = await freshness.get(session, connection.grower_id)
        return self._rules.judge(connection, read, self._clock()) if read else None

    async def _read_use(self, grower_id: str) -> None:
        asked_at = self._clock()
        await self._archive.keep(grower_id)
        async with self._database.transaction() as session:
            used_at = await leaf_events.newest_success(session, grower_id)
            await freshness.note_use(session, grower_id, used_at, asked_at)

    # As things change

    async def look_job(self, slot: str) -> float | None:
        """Job: read this slot's share, and take back what that settles. When Leaf is ill, the next slot goes on."""
        try:
            await self._watch.look()
        except ProviderError as failure:
            log.warning("leaf does not tell how fresh data is", detail=failure.detail)
        await self.clear()
        return None

    async def clear(self) -> int:
        """Take back what is over, in the messages that told it; returns how many silences that were."""
        now = self._clock()
        async with self._database.reading() as session:
            known = await freshness.of_silent(session)
            standing = await silences.unended(session)
        changes = [(each, self._became(each, *known[each.id], now)) for each in standing if each.id in known]
        over = [(silence, became) for silence, became in changes if isinstance(became, SilenceEnd)]
        milder = [(silence, became) for silence, became in changes if isinstance(became, Finding)]
        if not over and not milder:
            return 0
        async with self._database.transaction() as session:
            for silence, by in over:
                await silences.end(session, silence.id, now, by)
            for silence, finding in milder:
                await silences.restate(session, silence.id, finding.kind, finding.lapses_at)
            await self._announce_news(session, {silence.round for silence, became in changes if became})
            await self._record(session, "silence-over", {"growers": len(over)})
        return len(over)

    async def _announce_news(self, session: AsyncSession, rounds: set[str]) -> None:
        for round_id in sorted(rounds):
            await self._announcer.has_news(session, AnnouncementKind.SILENCES, round_id)

    async def _record(self, session: AsyncSession, action: str, detail: dict[str, int]) -> None:
        request_id = f"{self._clock():%Y%m%d%H%M%S}"
        await self._journal.record(session, "job:silence", "job", action, "done", request_id, detail=detail)

    def _became(
        self, silence: Silence, grower: Grower, connection: Connection | None, read: Freshness | None, now: datetime
    ) -> SilenceEnd | Finding | None:
        """What became of a silence: over, milder than it was told, or (None) as it was."""
        if grower.gone_at or connection is None or read is None or connection.status in ENDING:
            return SilenceEnd.NOT_HEALTHY
        finding = self._rules.judge(connection, read, now)
        if finding is None:
            if connection.connected_at and connection.connected_at > silence.told_at:
                return SilenceEnd.RECONNECTED
            moved = read.synced_at is not None and read.synced_at > silence.since
            return SilenceEnd.DATA if moved else SilenceEnd.RULES
        is_news = (finding.kind, finding.lapses_at) != (silence.kind, silence.lapses_at)
        return finding if is_news and silence.kind is SilenceKind.LAPSING else None


def _is_worse(finding: Finding, told: Silence) -> bool:
    return finding.kind is SilenceKind.LAPSING and told.kind is SilenceKind.STALE


def _is_sure(finding: Finding, read: Freshness, now: datetime) -> bool:
    """Whether Leaf has said enough: a time of its own, and when it matters its events, not long ago."""
    if finding.kind is SilenceKind.LAPSING:
        return read.use_read_at is not None and now - read.use_read_at < USE_KEPT
    return finding.ever
