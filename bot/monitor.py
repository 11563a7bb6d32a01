"""Watching: the sweep over all credentials, and the one reducer that may change what we believe of a connection."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.errors import (
    ProviderError,
    ProviderGibberish,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
    UnknownGrower,
)
from bot.flaps import Flaps
from bot.journal import Journal
from bot.leaf.client import LeafClient
from bot.leaf.models import Credential, LeafUser
from bot.leaf.statuses import meaning
from bot.storms import Storms
from storage import connections, consents, growers, incidents, notices, sweeps
from storage.database import Database
from storage.records import (
    AnnouncementKind,
    Cause,
    Connection,
    Consent,
    CredentialStatus,
    Grower,
    Incident,
    NoteKind,
    StormKind,
    Sweep,
    ThreadNote,
)

log = structlog.get_logger(__name__)

CHECK, ALERT, SWEEP = "check", "alert", "sweep"
"""Jobs: ask Leaf about one grower (the subject is the grower's id), about one credential that Leaf sent an alert for
(the credential's id), or about everybody (the sweep's id)."""

INCIDENT_STATUSES = (CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN)
STALLED = timedelta(minutes=3)
"""A sweep that gave no sign of life for so long is taken up by whoever comes next."""

BEAT = timedelta(seconds=20)
DISCONNECT_GRACE = timedelta(hours=1)
LOGIN, CONTRACT = "leaf-login", "leaf-contract"
"""Kinds of notices: what keeps us from watching and is nobody's but the operators' to repair."""

_STRANGE = (
    "Leaf answers something I do not understand, so connections are not being watched. "
    "Leaf's API may have changed, or something between us and Leaf answers in its place."
)
TROUBLES: dict[type[ProviderError], tuple[str, str]] = {
    ProviderRefusedUs: (
        LOGIN,
        "Leaf refuses this bot's own login, so nothing can be watched or connected. "
        "Check LEAF_USERNAME and LEAF_PASSWORD. No grower is to blame, and none was marked as broken.",
    ),
    ProviderGibberish: (CONTRACT, _STRANGE),
    ProviderRejected: (CONTRACT, _STRANGE),
}

AGREEING_READS = 2
"""How many readings in a row must say the same before a change is believed."""

LASTING = timedelta(hours=1)
"""How long FieldView may fail Leaf over one grower before that is worth a message: most of it is over in minutes."""

UNKNOWN_WORD = "unknown-word:"
"""Beginning of the kinds of notices that tell operators of a word of Leaf's, once for each word."""

WORD_STANDS = timedelta(days=1)
"""How long at least the notice of a word stands, so that one which comes and goes is told once a day at most."""

WORKERS = 4
"""Requests at a time when each grower has to be asked for alone; the pace bounds them, this only hides latency."""


@dataclass(frozen=True)
class Reading:
    """What Leaf said of one grower: the credential, or that there is none. `asked_at` is before Leaf was asked.

    `voices` counts how often in a row it was said: by this reading, by those before it, by the alert that led to it.
    """

    grower_id: str
    credential: Credential | None
    asked_at: datetime
    voices: int = 1

    @property
    def says(self) -> tuple[CredentialStatus, Cause | None] | None:
        """What Leaf's word means; None when there is no credential."""
        return meaning(self.credential.status) if self.credential else None

    def after(self, earlier: Reading) -> Reading:
        """This reading with the voices of the one before it, when both say the same."""
        return replace(self, voices=earlier.voices + 1) if self.says == earlier.says else self


class Monitor:
    """Reads credentials from Leaf and turns changes into transitions, incidents and messages, each exactly once."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        announcer: Announcer,
        journal: Journal,
        clock: Callable[[], datetime],
        needed_scopes: Sequence[str],
        storms: Storms,
        flaps: Flaps,
        *,
        agreeing_reads: int = AGREEING_READS,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._needed_scopes = tuple(needed_scopes)
        self._storms = storms
        self._flaps = flaps
        self._agreeing_reads = agreeing_reads
        self._leaf_embeds_status = False

    # One grower

    async def check(self, grower_id: str, source: str, *, alerted: bool = False) -> Connection | None:
        """Ask Leaf about one grower now, and again when that is news; returns what we believe afterwards.

        `alerted`: Leaf itself has just said that this credential is not well. Raises ProviderError.
        """
        await self._make_known(grower_id)
        reading = await self._read(grower_id)
        if alerted and reading.says and reading.says[0] in (CredentialStatus.BROKEN, CredentialStatus.LIMITED):
            reading = replace(reading, voices=2)
        for _ in range(2 * self._agreeing_reads):
            if await self.observe(reading, source):
                break
            reading = (await self._read(grower_id)).after(reading)
        else:
            log.warning("leaf contradicts itself, so nothing is believed", grower=grower_id)
        async with self._database.reading() as session:
            return await connections.get(session, grower_id)

    async def _read(self, grower_id: str) -> Reading:
        asked_at = self._clock()
        return Reading(grower_id, await self._leaf.credential(grower_id), asked_at)

    async def _make_known(self, grower_id: str) -> None:
        async with self._database.reading() as session:
            if await growers.get(session, grower_id) is not None:
                return
        user = await self._leaf.user(grower_id)
        if user is None:
            raise UnknownGrower(grower_id)
        async with self._database.transaction() as session:
            await growers.save(session, [grower_of(user)])

    async def check_job(self, grower_id: str) -> float | None:
        """Job: ask until Leaf answers and the credential is no longer pending."""
        try:
            connection = await self.check(grower_id, "check")
        except UnknownGrower:
            return None
        except ProviderError as failure:
            log.warning("leaf could not be asked", grower=grower_id, detail=failure.detail)
            return 30.0
        pending = connection is not None and connection.status is CredentialStatus.PENDING
        # The sweep goes on watching a credential that stays pending for long.
        fresh = pending and connection is not None and self._clock() - connection.changed_at < timedelta(minutes=30)
        return 5.0 if fresh else None

    async def alert_job(self, credential_id: str) -> float | None:
        """Job: an alert named this credential; find out whose it is and ask Leaf. Nobody's goes to the operators."""
        async with self._database.reading() as session:
            grower_id = await connections.grower_of_credential(session, credential_id)
        if grower_id is None:
            return await self._find_owner(credential_id)
        try:
            await self.check(grower_id, "alert", alerted=True)
        except ProviderError as failure:
            log.warning("leaf could not be asked after an alert", grower=grower_id, detail=failure.detail)
            return failure.retry_after or 15.0 if isinstance(failure, ProviderUnavailable) else 60.0
        return None

    async def _find_owner(self, credential_id: str) -> float | None:
        """A credential we have not met: look at everybody, which believes what it finds; then see who has it."""
        try:
            # A name of its own each time: a finished sweep is never done again, and this look must be a new one.
            swept = await self.sweep(f"alert-{uuid.uuid4().hex}")
        except ProviderError as failure:
            log.warning("leaf could not be asked after an alert", detail=failure.detail)
            return 60.0
        async with self._database.reading() as session:
            if await connections.grower_of_credential(session, credential_id) is not None:
                return None
        if swept is None:
            return 10.0
        text = (
            f"Leaf sent an alert for a FieldView credential that none of its users has (`{credential_id[:64]}`). "
            "It may have been removed already, or belong to another account at Leaf."
        )
        await self._announcer.tell_operators(f"unknown-credential:{credential_id[:64]}", text)
        return None

    async def observe(self, reading: Reading, source: str) -> bool:
        """The reducer: believe the reading, and if that is news, write down and announce what follows from it.

        False: it would be news, but too few readings agree so far, and nothing was changed.
        """
        async with self._database.transaction() as session:
            return await self.apply(session, reading, source)

    async def apply(self, session: AsyncSession, reading: Reading, source: str, consent: Consent | None = None) -> bool:
        """`observe` in the caller's transaction; `consent` is the one that Leaf has just accepted."""
        await growers.lock(session, reading.grower_id)
        known = await connections.get(session, reading.grower_id)
        seen = self._seen(reading, known, consent)
        if known is None and seen.status is CredentialStatus.ABSENT:
            return True
        if known is not None and reading.asked_at < known.checked_at:
            # Something newer is known: a slow page must not undo what a consent has just achieved.
            return True
        if consent is None and await self._is_of_hand_over(session, reading):
            return True
        if reading.voices + _speaks_for(consent, seen) < self._voices_needed(known, seen):
            if consent is None:
                return False
            seen = _in_doubt(seen, known, consent)
        if known is not None and known.status is seen.status:
            if _differs(known, seen):
                await connections.refresh(session, seen)
                await self._restate(session, seen)
            return True
        if await connections.change(session, seen, known.status if known else None, source):
            completed = consent.id if consent else known.completing_consent if known else None
            await self._follow(session, seen, completed, source)
        return True

    def _voices_needed(self, known: Connection | None, seen: Connection) -> int:
        """How many readings must agree: one is enough for what tells nobody anything, and for what we did ourselves."""
        if known is None:
            quiet = seen.status in (CredentialStatus.HEALTHY, CredentialStatus.PENDING)
        else:
            quiet = (known.status, known.cause) == (seen.status, seen.cause)
        return 1 if quiet or seen.status is CredentialStatus.ABSENT else self._agreeing_reads

    async def _is_of_hand_over(self, session: AsyncSession, reading: Reading) -> bool:
        """Whether we ourselves make room for a new credential at this moment, or have just put it there.

        Whoever hands it over tells of it, and of what it repaired, when Leaf's answer has arrived.
        """
        under_way = await consents.being_handed_over(session, reading.grower_id)
        if under_way is None:
            return False
        return reading.credential is None or reading.credential.id != under_way.replaces_credential

    def _seen(self, reading: Reading, known: Connection | None, consent: Consent | None = None) -> Connection:
        """What the reading makes of what we knew."""
        now = reading.asked_at
        base = known or Connection(reading.grower_id, CredentialStatus.ABSENT, now, now)
        credential = reading.credential
        if credential is None:
            return self._absent(base, now)
        if consent is not None:
            base = replace(base, connected_at=now, account_email=consent.account_email, completing_consent=consent.id)
        status, cause = meaning(credential.status)
        granted = credential.scopes or (consent.granted_scopes if consent else None)
        return replace(
            base,
            status=status,
            cause=cause,
            raw_status=credential.status,
            credential_id=credential.id or base.credential_id,
            missing_scopes=self._missing(granted) if granted else base.missing_scopes,
            changed_at=base.changed_at if base.status is status else now,
            checked_at=now,
            # Seen a moment before we removed it: its absence will still be no surprise.
            disconnecting_at=base.disconnecting_at if consent is None and _is_ending(base, now) else None,
            completing_consent=None if status is CredentialStatus.HEALTHY else base.completing_consent,
        )

    def _absent(self, base: Connection, now: datetime) -> Connection:
        """No credential at Leaf: as it should be, as we asked for, or somebody removed it there."""
        missed = base.status is not CredentialStatus.ABSENT and not _is_ending(base, now)
        status = CredentialStatus.BROKEN if missed else CredentialStatus.ABSENT
        return replace(
            base,
            status=status,
            cause=Cause.REMOVED_AT_LEAF if missed else None,
            raw_status=None,
            credential_id=base.credential_id if missed else None,
            missing_scopes=(),
            changed_at=base.changed_at if base.status is status else now,
            checked_at=now,
            disconnecting_at=None,
            completing_consent=None,
        )

    def _missing(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(scope for scope in self._needed_scopes if scope not in granted)

    async def _restate(self, session: AsyncSession, seen: Connection) -> None:
        """The status is the same but its reason is not: the open incident's card should say so."""
        incident = await incidents.open_of_grower(session, seen.grower_id)
        if incident is None or seen.cause is None:
            return
        await incidents.restate(session, incident.id, seen.status, seen.cause, seen.raw_status, seen.missing_scopes)
        if (incident.cause, incident.missing_scopes) != (seen.cause, seen.missing_scopes):
            await self._note(session, incident, NoteKind.REASON_CHANGED, seen.checked_at, _reason(seen))
        if seen.cause is Cause.UNKNOWN_STATUS:
            await self._tell_of_word(session, incident.grower_name, seen.raw_status)
        if incident.told_at is None and seen.cause is not Cause.UNKNOWN_STATUS:
            # So far only the operators have heard of it.
            await incidents.note(session, incident.id, told_at=self._clock())
            grower = await growers.get(session, incident.grower_id)
            self._storms.broke(session, incident.id, grower.channel if grower else None)
        else:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
            self._storms.changed(session, incident.id)

    async def _follow(self, session: AsyncSession, now: Connection, completed: str | None, source: str) -> None:
        """What a change of status means for incidents and for those who want to hear of it.

        `completed` is the consent whose first healthy reading this would be.
        """
        incident = await incidents.open_of_grower(session, now.grower_id)
        comes_and_goes = (
            incident is not None
            and now.status in (CredentialStatus.HEALTHY, *INCIDENT_STATUSES)
            and not completed
            and await self._flaps.is_one(session, incident, now)
        )
        if now.status in INCIDENT_STATUSES:
            await (self._restate(session, now) if incident else self._open_incident(session, now, source))
        elif comes_and_goes and incident:
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)
        elif now.status is CredentialStatus.ABSENT and incident:
            await self._end_incident(session, incident, now, "disconnect", None, source)
        elif now.status is CredentialStatus.HEALTHY:
            if incident:
                by = "repair" if completed else "leaf"
                await self._end_incident(session, incident, now, by, completed, source)
            elif completed:
                await self._announcer.to_channels(session, AnnouncementKind.CONNECTED, completed)
            if completed:
                await self._announcer.has_news(session, AnnouncementKind.CONSENT_OUTCOME, completed)

    async def _open_incident(self, session: AsyncSession, now: Connection, source: str) -> None:
        grower = await growers.get(session, now.grower_id)
        if grower is None:
            raise UnknownGrower(now.grower_id)
        incident = Incident(
            id=uuid.uuid4().hex,
            grower_id=grower.id,
            grower_name=grower.name,
            status=now.status,
            cause=now.cause or Cause.UNKNOWN_STATUS,
            opened_at=now.changed_at,
            raw_status=now.raw_status,
            missing_scopes=now.missing_scopes,
            told_at=None if now.cause is Cause.UNKNOWN_STATUS else self._clock(),
        )
        await incidents.open_new(session, incident)
        if incident.cause is Cause.UNKNOWN_STATUS:
            await self._tell_of_word(session, grower.name, now.raw_status)
        else:
            self._storms.broke(session, incident.id, grower.channel)
        await self._record(session, incident, "incident-opened", source)

    async def _tell_of_word(self, session: AsyncSession, grower_name: str, raw: str | None) -> None:
        """A word we do not know is the operators' to look into: once, however many growers have it."""
        word = _word_kind(raw).removeprefix(UNKNOWN_WORD)
        text = (
            f"Leaf describes FieldView connections with a word I do not know: `{word}`. "
            f"The first one is that of {grower_name}. I do not count them as working, and I blame no grower. "
            "Ask Leaf what the word means; `/fieldview status` names everybody who has it."
        )
        await self._announcer.notify(session, _word_kind(raw), text)

    async def _end_incident(
        self, session: AsyncSession, incident: Incident, now: Connection, by: str, repair: str | None, source: str
    ) -> None:
        if await incidents.end(session, incident.id, now.changed_at, by, repair):
            await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id, prompt=True)
            lasted = (now.changed_at - incident.opened_at).total_seconds()
            await self._note(
                session, incident, NoteKind.RECOVERED, now.changed_at, {"by": by, "seconds": max(0.0, lasted)}
            )
            self._storms.changed(session, incident.id)
            await self._record(session, incident, "incident-recovered", source)

    async def _note(
        self, session: AsyncSession, incident: Incident, what: NoteKind, at: datetime, detail: dict[str, Any]
    ) -> None:
        note = ThreadNote(what, at, detail=detail)
        await self._announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)

    async def _record(self, session: AsyncSession, incident: Incident, action: str, source: str) -> None:
        await self._journal.record(
            session,
            f"job:{source}",
            "job",
            action,
            "done",
            incident.id[:12],
            target=incident.grower_id,
            target_name=incident.grower_name,
            detail={"cause": incident.cause, "status": incident.raw_status},
        )

    # Everybody

    async def sweep_job(self, sweep_id: str) -> float | None:
        """Job: one look at everybody. A failing Leaf ends it early; the next one comes in due time anyway."""
        try:
            swept = await self.sweep(sweep_id)
        except ProviderError as failure:
            log.warning("the sweep stopped early", detail=failure.detail, provider=failure.provider)
            if isinstance(failure, ProviderUnavailable):
                await self._storms.is_ill(StormKind.LEAF)
            if trouble := TROUBLES.get(type(failure)):
                await self._announcer.tell_operators(*trouble)
            return None
        if swept is not None:
            await self._announcer.all_clear(LOGIN)
            await self._announcer.all_clear(CONTRACT)
            await self._storms.is_well(StormKind.LEAF)
        return None

    async def sweep(self, sweep_id: str) -> Sweep | None:
        """Look at every grower's credential; None when another sweep is under way or this one is done.

        One request per 100 growers when Leaf embeds the status, one per grower more when it does not.
        Writes only what changed, and a sign of life every 20 s. Raises ProviderError.
        """
        now = self._clock()
        async with self._database.transaction() as session:
            sweep = await sweeps.start(session, sweep_id, now, now - STALLED)
        if sweep is None or sweep.finished_at is not None:
            return None
        try:
            return await self._swept(sweep)
        except ProviderError:
            async with self._database.transaction() as session:
                await sweeps.abandon(session, sweep_id)
            raise

    async def _swept(self, sweep: Sweep) -> Sweep:
        whole = sweep.page == 0
        seen: set[str] = set()
        while True:
            asked_at = self._clock()
            page = await self._leaf.users(sweep.page)
            sweep = await self._look_at(page.users, asked_at, sweep)
            seen.update(user.id for user in page.users)
            if not page.users or sweep.growers >= page.total:
                break
            sweep = await self._beat(sweep)
        if whole:
            await self._notice_the_gone(seen)
        await self._storms.look_at_fieldview()
        await self._notice_the_lasting()
        await self._look_at_flaps()
        await self._forget_words()
        return await self._finish(sweep)

    async def _look_at(self, users: Sequence[LeafUser], asked_at: datetime, sweep: Sweep) -> Sweep:
        async with self._database.reading() as session:
            stored = await growers.get_many(session, [user.id for user in users])
            known = await connections.get_many(session, [user.id for user in users])
        await self._learn(users, stored)
        readings = await self._readings(users, asked_at, known)
        news = [reading for reading in readings if self._is_news(reading, known.get(reading.grower_id))]
        changed = await self._agreed(news, users, known, sweep.page)
        if changed:
            async with self._database.transaction() as session:
                # In the order of ids, so that two who look at the same growers never wait for each other in a circle.
                for reading in sorted(changed, key=lambda reading: reading.grower_id):
                    await self.apply(session, reading, "sweep")
        found = sum(1 for reading in readings if reading.credential is not None)
        return replace(
            sweep,
            page=sweep.page + 1,
            growers=sweep.growers + len(users),
            found=sweep.found + found,
            changed=sweep.changed + len(changed),
        )

    async def _agreed(
        self, news: list[Reading], users: Sequence[LeafUser], known: dict[str, Connection], page: int
    ) -> list[Reading]:
        """The news that Leaf repeats when the same page is read once more, or who is not told of on it is asked for."""
        told = {user.id for user in users if self._is_told(user, known.get(user.id))}
        for _ in range(self._agreeing_reads - 1):
            doubtful = {reading.grower_id: reading for reading in news if not self._is_enough(reading, known)}
            if not doubtful:
                break
            again = await self._again(doubtful, page if told & doubtful.keys() else None, known)
            news = [reading for reading in news if reading.grower_id not in doubtful]
            news += [reading.after(doubtful[reading.grower_id]) for reading in again]
        return [reading for reading in news if self._is_enough(reading, known)]

    async def _again(self, ids: Iterable[str], page: int | None, known: dict[str, Connection]) -> list[Reading]:
        """These growers once more: by the page that told of them, and directly where there is none or no longer."""
        wanted, asked_at = set(ids), self._clock()
        users = (await self._leaf.users(page)).users if page is not None else ()
        readings = await self._readings([user for user in users if user.id in wanted], asked_at, known)
        return readings + await self._ask_each(sorted(wanted - {reading.grower_id for reading in readings}))

    def _is_enough(self, reading: Reading, known: dict[str, Connection]) -> bool:
        before = known.get(reading.grower_id)
        return reading.voices >= self._voices_needed(before, self._seen(reading, before))

    def _is_news(self, reading: Reading, known: Connection | None) -> bool:
        seen = self._seen(reading, known)
        if known is None:
            return seen.status is not CredentialStatus.ABSENT
        return known.status is not seen.status or _differs(known, seen)

    async def _learn(self, users: Sequence[LeafUser], stored: dict[str, Grower]) -> None:
        fresh = [grower for user in users if _is_new(grower := grower_of(user), stored.get(user.id))]
        if fresh:
            async with self._database.transaction() as session:
                await growers.save(session, fresh)

    async def _readings(
        self, users: Sequence[LeafUser], asked_at: datetime, known: dict[str, Connection]
    ) -> list[Reading]:
        """What the page says, and Leaf's direct word for everybody of whom the page may not tell all."""
        if any(user.credential and user.credential.status for user in users):
            self._leaf_embeds_status = True
        told = [user for user in users if self._is_told(user, known.get(user.id))]
        untold = {user.id: user for user in users if not self._is_told(user, known.get(user.id))}
        asked = await self._ask_each(untold)
        if any(reading.credential and untold[reading.grower_id].credential is None for reading in asked):
            # Leaf kept quiet about somebody who has a credential: its silence proves nothing.
            self._leaf_embeds_status = False
        return [Reading(user.id, user.credential, asked_at) for user in told] + asked

    def _is_told(self, user: LeafUser, known: Connection | None) -> bool:
        if user.credential is not None:
            return user.credential.status is not None
        was_there = known is not None and known.status is not CredentialStatus.ABSENT
        return self._leaf_embeds_status and not was_there

    async def _ask_each(self, ids: Iterable[str]) -> list[Reading]:
        """One request per grower, a few at a time."""
        waiting = iter(list(ids))
        readings: list[Reading] = []

        async def ask() -> None:
            for grower_id in waiting:
                asked_at = self._clock()
                readings.append(Reading(grower_id, await self._leaf.credential(grower_id), asked_at))

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

    async def _beat(self, sweep: Sweep) -> Sweep:
        now = self._clock()
        if now - sweep.beat_at < BEAT:
            return sweep
        async with self._database.transaction() as session:
            await sweeps.note(
                session,
                sweep.id,
                beat_at=now,
                page=sweep.page,
                growers=sweep.growers,
                found=sweep.found,
                changed=sweep.changed,
            )
        return replace(sweep, beat_at=now)

    async def _notice_the_gone(self, seen: set[str]) -> None:
        """Growers we know and Leaf did not list: gone, if Leaf says so when asked directly."""
        async with self._database.reading() as session:
            missing = await growers.ids(session) - seen
        for grower_id in sorted(missing)[:100]:
            asked_at = self._clock()
            if await self._leaf.user(grower_id) is None:
                async with self._database.transaction() as session:
                    await self._let_go(session, grower_id, asked_at)

    async def _notice_the_lasting(self) -> None:
        """Growers over whom FieldView has failed Leaf for long: they get a message that says that nobody must act."""
        if StormKind.FIELDVIEW in {storm.kind for storm in await self._storms.ill_now()}:
            return
        before = self._clock() - LASTING
        async with self._database.reading() as session:
            lasting = await connections.unavailable_since(session, before)
        for grower_id in lasting:
            async with self._database.transaction() as session:
                await growers.lock(session, grower_id)
                known = await connections.get(session, grower_id)
                still = known is not None and known.status is CredentialStatus.UNAVAILABLE
                if known and still and await incidents.open_of_grower(session, grower_id) is None:
                    await self._open_incident(session, known, "sweep")

    async def _look_at_flaps(self) -> None:
        """What came and went and has been quiet for long is over, or broken for good; the rest is summed up in time."""
        async with self._database.reading() as session:
            flapping = await incidents.flapping(session)
        for grower_id in flapping:
            async with self._database.transaction() as session:
                await growers.lock(session, grower_id)
                incident = await incidents.open_of_grower(session, grower_id)
                known = await connections.get(session, grower_id)
                if incident is None or known is None or incident.flapping_since is None:
                    continue
                if not self._flaps.has_settled(known):
                    await self._flaps.sum_up(session, incident, known)
                elif known.status is CredentialStatus.HEALTHY:
                    await self._end_incident(session, incident, known, "leaf", None, "sweep")
                else:
                    await incidents.note(session, incident.id, flapping_since=None)
                    await self._announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)

    async def _forget_words(self) -> None:
        """Words of Leaf's that were told of long ago and that nobody has any more are over."""
        before = self._clock() - WORD_STANDS
        async with self._database.reading() as session:
            old = [notice.kind for notice in await notices.standing(session) if notice.raised_at <= before]
            in_use = {_word_kind(word) for word in await connections.unknown_words(session)}
        for kind in old:
            if kind.startswith(UNKNOWN_WORD) and kind not in in_use:
                await self._announcer.all_clear(kind)

    async def _let_go(self, session: AsyncSession, grower_id: str, at: datetime) -> None:
        """Leaf has no such user any more: nothing is wrong with the connection, it is over."""
        await growers.mark_gone(session, grower_id, at)
        await growers.lock(session, grower_id)
        known = await connections.get(session, grower_id)
        if known is None or known.status is CredentialStatus.ABSENT or at < known.checked_at:
            return
        over = self._absent(replace(known, disconnecting_at=at), at)
        if await connections.change(session, over, known.status, "sweep"):
            await self._follow(session, over, None, "sweep")

    async def _finish(self, sweep: Sweep) -> Sweep:
        finished = replace(sweep, finished_at=self._clock(), beat_at=self._clock())
        async with self._database.transaction() as session:
            await sweeps.note(
                session,
                sweep.id,
                finished_at=finished.finished_at,
                beat_at=finished.beat_at,
                page=sweep.page,
                growers=sweep.growers,
                found=sweep.found,
                changed=sweep.changed,
            )
        return finished


def grower_of(user: LeafUser) -> Grower:
    """A Leaf user as we keep it; one without a name is called by its e-mail or id."""
    return Grower(user.id, user.name.strip() or user.email or user.id, user.email, user.external_id)


def _is_new(grower: Grower, stored: Grower | None) -> bool:
    if stored is None or stored.gone_at is not None:
        return True
    return (grower.name, grower.email, grower.external_id) != (stored.name, stored.email, stored.external_id)


def _reason(seen: Connection) -> dict[str, Any]:
    return {"cause": seen.cause, "raw_status": seen.raw_status, "missing_scopes": list(seen.missing_scopes)}


def _is_ending(connection: Connection, now: datetime) -> bool:
    """Whether we were told to remove this credential, not long ago."""
    since = connection.disconnecting_at
    return since is not None and now - since < DISCONNECT_GRACE


def _word_kind(raw: str | None) -> str:
    """The kind of notice for a word of Leaf's."""
    return UNKNOWN_WORD + (raw or "(none)").replace("`", "'")[:80]


def _speaks_for(consent: Consent | None, seen: Connection) -> int:
    """A consent that Leaf has accepted is a voice of its own for a healthy connection."""
    return 1 if consent is not None and seen.status is CredentialStatus.HEALTHY else 0


def _in_doubt(seen: Connection, known: Connection | None, consent: Consent) -> Connection:
    """Leaf took the credential, and what it says of it has to be asked again: until then it is being set up."""
    was_pending = known is not None and known.status is CredentialStatus.PENDING
    changed_at = known.changed_at if known and was_pending else seen.checked_at
    return replace(
        seen, status=CredentialStatus.PENDING, cause=None, changed_at=changed_at, completing_consent=consent.id
    )


def _differs(known: Connection, seen: Connection) -> bool:
    """Whether anything but the time of the reading changed."""
    return replace(seen, checked_at=known.checked_at) != known
