"""Watching: asking Leaf about one credential, or about all of them in a sweep."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.announcer import Announcer
from bot.departing import Departures
from bot.errors import (
    ProviderError,
    ProviderGibberish,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
    UnknownGrower,
)
from bot.leaf.client import LeafClient
from bot.leaf.models import LeafUser, UserPage
from bot.learning import Learning, is_among
from bot.messages import needs
from bot.messages.needs import CONTRACT, LOGIN, UNANSWERED, UNKNOWN_WORD, Need, word_kind
from bot.questions import Questions
from bot.reducer import Reading, Reducer
from bot.storms import Storms
from storage import connections, growers, incidents, notices, sweeps
from storage.database import Database
from storage.records import (
    Cause,
    Connection,
    CredentialStatus,
    Grower,
    StormKind,
    Sweep,
)

log = structlog.get_logger(__name__)

CHECK, ALERT, SWEEP = "check", "alert", "sweep"
"""Jobs: ask Leaf about one grower (the subject is the grower's id), about one credential that Leaf sent an alert for
(the credential's id), or about everybody (the sweep's id)."""

STALLED = timedelta(minutes=3)
"""A sweep that gave no sign of life for so long is taken up by whoever comes next."""

BEAT = timedelta(seconds=20)

TROUBLES: dict[type[ProviderError], Callable[[], Need]] = {
    ProviderRefusedUs: needs.login_refused,
    ProviderGibberish: needs.strange_answers,
    ProviderRejected: needs.strange_answers,
}
"""What keeps us from watching and is nobody's but the operators' to repair."""

LASTING = timedelta(hours=1)
"""How long FieldView may fail Leaf over one grower before that is worth a message: most of it is over in minutes."""

PENDING_LONG = timedelta(hours=3)
"""How long Leaf may check a credential before that is worth a message: it mostly takes seconds."""

WORD_STANDS = timedelta(days=1)
"""How long at least the notice of a word stands, so that one which comes and goes is told once a day at most."""

EVENT_STANDS = timedelta(days=7)
"""How long the notice of something stands that happened and has no end; after that it is told anew."""

FEW = 10
"""So many growers about whom Leaf gives no answer are asked for once more, and named one by one."""


class Monitor:
    """Asks Leaf, about one grower or about everybody, and gives what it says to the reducer."""

    def __init__(
        self,
        database: Database,
        leaf: LeafClient,
        reducer: Reducer,
        announcer: Announcer,
        learning: Learning,
        clock: Callable[[], datetime],
        storms: Storms,
        let_pass: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._let_pass = let_pass
        self._reducer = reducer
        self._announcer = announcer
        self._learning = learning
        self._clock = clock
        self._storms = storms
        self._departures = Departures(database, leaf, reducer, announcer, clock)
        self._leaf_embeds_status = False
        self._looking: set[str] = set()
        """Whose owners are being looked for here: what runs in this process is not dead."""

    # One grower

    async def check(self, grower_id: str, source: str, *, alerted: bool = False) -> None:
        """Ask Leaf about one grower now, and again when that is news, and believe what it says.

        `alerted`: Leaf itself has just said that this credential is not well. Raises ProviderError.
        """
        await self._make_known(grower_id)
        reading = await self._read(grower_id)
        if alerted and reading.says and reading.says[0] in (CredentialStatus.BROKEN, CredentialStatus.LIMITED):
            reading = replace(reading, voices=2)
        for _ in range(2 * self._reducer.agreeing_reads):
            if await self._is_missed(reading) and await self._departures.has_gone(grower_id, source):
                break
            if await self._reducer.observe(reading, source):
                break
            reading = (await self._read(grower_id)).after(reading)
        else:
            log.warning("leaf contradicts itself, so nothing is believed", grower=grower_id)

    async def _read(self, grower_id: str) -> Reading:
        asked_at = self._clock()
        return Reading(grower_id, await self._leaf.credential(grower_id), asked_at)

    async def _is_missed(self, reading: Reading) -> bool:
        """Whether there is no credential where we know of one: removed, or gone with the grower."""
        if reading.credential is not None:
            return False
        async with self._database.reading() as session:
            known = await connections.get(session, reading.grower_id)
        return known is not None and known.status is not CredentialStatus.ABSENT

    async def _make_known(self, grower_id: str) -> None:
        async with self._database.reading() as session:
            if await growers.is_known(session, grower_id):
                return
        user = await self._leaf.user(grower_id)
        if user is None:
            raise UnknownGrower(grower_id)
        async with self._database.transaction() as session:
            await self._learning.keep(session, [grower_of(user)])

    async def check_job(self, grower_id: str) -> float | None:
        """Job: ask until Leaf answers and the credential is no longer pending."""
        try:
            await self.check(grower_id, "check")
        except UnknownGrower:
            return None
        except ProviderError as failure:
            log.warning("leaf could not be asked", grower=grower_id, detail=failure.detail)
            return 30.0
        async with self._database.reading() as session:
            connection = await connections.get(session, grower_id)
        pending = connection is not None and connection.status is CredentialStatus.PENDING
        # The sweep goes on watching a credential that stays pending for long.
        fresh = pending and connection is not None and self._clock() - connection.changed_at < timedelta(minutes=30)
        return 5.0 if fresh else None

    async def alert_job(self, credential_id: str) -> float | None:
        """Job: an alert named this credential; find out whose it is and ask Leaf. Nobody's goes to the operators.

        When who had it has none any more, another grower may: Leaf moves credentials when it merges users.
        """
        async with self._database.reading() as session:
            grower_id = await connections.grower_of_credential(session, credential_id)
        if grower_id is None:
            return await self._find_owner(credential_id)
        try:
            await self.check(grower_id, "alert", alerted=True)
        except ProviderError as failure:
            log.warning("leaf could not be asked after an alert", grower=grower_id, detail=failure.detail)
            return failure.retry_after or 15.0 if isinstance(failure, ProviderUnavailable) else 60.0
        async with self._database.reading() as session:
            known = await connections.get(session, grower_id)
            last = await sweeps.last_finished(session)
        if known is not None:
            has_lost_it = known.status is CredentialStatus.ABSENT or known.cause is Cause.REMOVED_AT_LEAF
            # Many alerts about removed credentials are one look at everybody.
            looked_since = last is not None and last.started_at > known.changed_at
            if not has_lost_it or looked_since:
                return None
        return await self._find_owner(credential_id)

    async def _find_owner(self, credential_id: str) -> float | None:
        """A credential we have not met: look at everybody, which believes what it finds; then see who has it."""
        try:
            swept = await self._look_for(credential_id)
        except ProviderError as failure:
            log.warning("leaf could not be asked after an alert", detail=failure.detail)
            return 60.0
        async with self._database.reading() as session:
            if await connections.grower_of_credential(session, credential_id) is not None:
                return None
        if swept is None:
            return 10.0
        await self._announcer.tell_operators(needs.nobodys_alert(credential_id))
        return None

    async def _look_for(self, credential_id: str) -> Sweep | None:
        """A new sweep, or the one that this alert had begun before the process died, which keeps all others waiting."""
        name = f"alert-{hashlib.sha256(credential_id.encode()).hexdigest()[:24]}"
        if name in self._looking:
            return None
        self._looking.add(name)
        try:
            async with self._database.reading() as session:
                begun = await sweeps.begun(session, name, self._clock() - STALLED)
            return await self.sweep(begun or f"{name}-{uuid.uuid4().hex[:16]}")
        finally:
            self._looking.discard(name)

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
                await self._announcer.tell_operators(trouble())
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
        known, seen = await self._departures.known(), set[str]()
        questions = Questions(self._leaf, self._clock, partial(self._show_life, sweep.id))
        async with aclosing(self._pages(sweep.page, sweep.growers)) as pages:
            async for asked_at, users in pages:
                # An alert that came meanwhile is not to wait for each of the pages that are left.
                await self._let_pass()
                sweep = await self._look_at(users, asked_at, sweep, questions)
                seen.update(user.id for user in users)
                sweep = await self._beat(sweep)
        if whole:
            await self._departures.look(known, seen, questions)
        await self._ask_once_more(questions)
        await self._tell_of_unanswered(questions, whole=whole)
        await self._storms.look_at_fieldview()
        await self._notice_the_lasting()
        await self._look_at_flaps()
        await self._end_notices()
        return await self._finish(sweep)

    async def _pages(self, number: int, before: int) -> AsyncGenerator[tuple[datetime, Sequence[LeafUser]]]:
        """Leaf's pages from this one on, each with when it was asked for, which is while the one before is looked at.

        `before` is the number of growers on the pages before.
        """
        asking = asyncio.create_task(self._page(number))
        try:
            while True:
                asked_at, page = await asking
                number, before = number + 1, before + len(page.users)
                is_last = not page.users or before >= page.total
                if not is_last:
                    asking = asyncio.create_task(self._page(number))
                yield asked_at, page.users
                if is_last:
                    return
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _page(self, number: int) -> tuple[datetime, UserPage]:
        return self._clock(), await self._leaf.users(number)

    async def _look_at(
        self, users: Sequence[LeafUser], asked_at: datetime, sweep: Sweep, questions: Questions
    ) -> Sweep:
        async with self._database.reading() as session:
            indexed = await growers.particulars(session, [user.id for user in users])
            known = await connections.get_many(session, [user.id for user in users])
            lost = await self._learning.lost(session)
        await self._learn(users, indexed, lost)
        readings = await self._readings(users, asked_at, known, questions)
        news = [reading for reading in readings if self._reducer.is_news(reading, known.get(reading.grower_id))]
        changed = await self._agreed(news, users, known, sweep.page, questions)
        if changed:
            async with self._database.transaction() as session:
                # In the order of ids, so that two who look at the same growers never wait for each other in a circle.
                for reading in sorted(changed, key=lambda reading: reading.grower_id):
                    await self._reducer.apply(session, reading, "sweep")
        found = sum(1 for reading in readings if reading.credential is not None)
        return replace(
            sweep,
            page=sweep.page + 1,
            growers=sweep.growers + len(users),
            found=sweep.found + found,
            changed=sweep.changed + len(changed),
        )

    async def _agreed(
        self,
        news: list[Reading],
        users: Sequence[LeafUser],
        known: dict[str, Connection],
        page: int,
        questions: Questions,
    ) -> list[Reading]:
        """The news that Leaf repeats when the same page is read once more, or who is not told of on it is asked for."""
        told = {user.id for user in users if self._is_told(user, known.get(user.id))}
        believed, doubted = self._sorted(news, known)
        for _ in range(self._reducer.agreeing_reads - 1):
            if not doubted:
                break
            again = await self._again(doubted, page if told & doubted.keys() else None, known, questions)
            enough, doubted = self._sorted([reading.after(doubted[reading.grower_id]) for reading in again], known)
            believed += enough
        return believed

    def _sorted(
        self, news: Iterable[Reading], known: dict[str, Connection]
    ) -> tuple[list[Reading], dict[str, Reading]]:
        """What is believed, and what has to be asked again, by grower."""
        believed, doubted = [], {}
        for reading in news:
            if self._reducer.is_enough(reading, known.get(reading.grower_id)):
                believed.append(reading)
            else:
                doubted[reading.grower_id] = reading
        return believed, doubted

    async def _again(
        self, ids: Iterable[str], page: int | None, known: dict[str, Connection], questions: Questions
    ) -> list[Reading]:
        """These growers once more: by the page that told of them, and directly where there is none or no longer."""
        wanted, asked_at = set(ids), self._clock()
        users = (await self._leaf.users(page)).users if page is not None else ()
        readings = await self._readings([user for user in users if user.id in wanted], asked_at, known, questions)
        return readings + await questions.credentials(sorted(wanted - {reading.grower_id for reading in readings}))

    async def _learn(
        self, users: Sequence[LeafUser], indexed: Mapping[str, growers.Particulars], lost: set[str]
    ) -> None:
        told = [grower_of(user) for user in users]
        fresh = [
            each
            for each in told
            if indexed.get(each.id) != (each.name, each.email, each.external_id) or (lost and is_among(each, lost))
        ]
        if fresh:
            async with self._database.transaction() as session:
                await self._learning.keep(session, fresh)

    async def _readings(
        self, users: Sequence[LeafUser], asked_at: datetime, known: dict[str, Connection], questions: Questions
    ) -> list[Reading]:
        """What the page says, and Leaf's direct word for everybody of whom the page may not tell all."""
        if any(user.credential and user.credential.status for user in users):
            self._leaf_embeds_status = True
        told = [user for user in users if self._is_told(user, known.get(user.id))]
        untold = {user.id: user for user in users if not self._is_told(user, known.get(user.id))}
        for user in told:
            questions.listed(user.id)
        asked = await questions.credentials(untold)
        if any(reading.credential and untold[reading.grower_id].credential is None for reading in asked):
            # Leaf kept quiet about somebody who has a credential: its silence proves nothing.
            self._leaf_embeds_status = False
        return [Reading(user.id, user.credential, asked_at) for user in told] + asked

    def _is_told(self, user: LeafUser, known: Connection | None) -> bool:
        if user.credential is not None:
            return user.credential.status is not None
        was_there = known is not None and known.status is not CredentialStatus.ABSENT
        return self._leaf_embeds_status and not was_there

    async def _show_life(self, sweep_id: str) -> None:
        async with self._database.transaction() as session:
            await sweeps.note(session, sweep_id, beat_at=self._clock())

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

    async def _ask_once_more(self, questions: Questions) -> None:
        """About whom Leaf gave no answer: what was only a moment's trouble is over now."""
        for grower_id in questions.unanswered[:FEW]:
            try:
                await self.check(grower_id, "sweep")
            except ProviderError as failure:
                await questions.failed(grower_id, failure)
            else:
                questions.answered(grower_id)
        questions.end()

    async def _tell_of_unanswered(self, questions: Questions, *, whole: bool) -> None:
        """Operators hear by name about whom Leaf gives no answer, and when it does again: after a `whole` look."""
        async with self._database.reading() as session:
            found = await growers.get_many(session, questions.unanswered)
            standing = [notice.kind for notice in await notices.standing(session)]
        if len(found) > FEW:
            told = [needs.many_unanswered(list(found.values()))]
        else:
            told = [needs.unanswered(grower) for grower in found.values()]
        for need in told:
            await self._announcer.tell_operators(need)
        still = {need.kind for need in told} | {needs.unanswered_kind(grower_id) for grower_id in found}
        for kind in standing if whole else ():
            if kind.startswith(UNANSWERED) and kind not in still:
                await self._announcer.all_clear(kind)

    async def _notice_the_lasting(self) -> None:
        """Growers over whom FieldView has failed Leaf for long, and whose credential Leaf does not finish checking."""
        told_together = StormKind.FIELDVIEW in {storm.kind for storm in await self._storms.ill_now()}
        now = self._clock()
        async with self._database.reading() as session:
            lasting = await connections.pending_since(session, now - PENDING_LONG)
            if not told_together:
                lasting += await connections.unavailable_since(session, now - LASTING)
        for grower_id in lasting:
            async with self._database.transaction() as session:
                await self._reducer.lasts(session, grower_id)

    async def _look_at_flaps(self) -> None:
        async with self._database.reading() as session:
            flapping = await incidents.flapping(session)
        for grower_id in flapping:
            async with self._database.transaction() as session:
                await self._reducer.look_at_flapping(session, grower_id)

    async def _end_notices(self) -> None:
        """Words of Leaf's that were told of long ago and that nobody has any more are over; events are history."""
        now = self._clock()
        async with self._database.reading() as session:
            standing = [(notice.kind, now - notice.raised_at) for notice in await notices.standing(session)]
            in_use = {word_kind(word) for word in await connections.unknown_words(session)}
        for kind, age in standing:
            is_gone = kind.startswith(UNKNOWN_WORD) and kind not in in_use and age >= WORD_STANDS
            if is_gone or (needs.has_happened(kind) and age >= EVENT_STANDS):
                await self._announcer.all_clear(kind)

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
