"""Ending a connection: a look at what is lost, perhaps a second person, time to undo, and then Leaf is told once.

The wish is a row and the end a durable job, so that a crash in between loses nothing. Only the credential that was
there when somebody asked is removed: a grower who connected anew meanwhile stays connected.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.archive import Archive
from bot.consent_news import ConsentNews
from bot.dataflow import DataFlows
from bot.errors import NotAllowed, ProviderError, ProviderUnavailable, UsageError
from bot.jobs import Queue
from bot.journal import Journal
from bot.leaf.client import LeafClient
from bot.reducer import Reading, Reducer
from bot.reports import Loss
from storage import connections, consents, disconnections, growers, leaf_events
from storage.database import Database
from storage.records import AnnouncementKind, Disconnection, DisconnectionState, Grower, Trouble

log = structlog.get_logger(__name__)

END = "end-connection"
"""The job that ends a connection when its time has come; its subject is the disconnection's id."""

PATIENCE = timedelta(days=1)
"""How long a second person has to agree, and how long Leaf is tried."""

NAP = 60.0
"""Seconds after which the waiting job looks again: it may have been agreed to or undone meanwhile."""


class Disconnecting:
    """Every step from the question to Leaf's answer."""

    def __init__(
        self,
        *,
        database: Database,
        leaf: LeafClient,
        reducer: Reducer,
        archive: Archive,
        data: DataFlows,
        announcer: Announcer,
        journal: Journal,
        news: ConsentNews,
        queue: Queue,
        clock: Callable[[], datetime],
        time_to_undo: timedelta,
        needs_two: bool,
        nap: float = NAP,
    ) -> None:
        self._database = database
        self._leaf = leaf
        self._reducer = reducer
        self._archive = archive
        self._data = data
        self._announcer = announcer
        self._journal = journal
        self._news = news
        self._queue = queue
        self._clock = clock
        self._time_to_undo = time_to_undo
        self._needs_two = needs_two
        self._nap = nap

    async def loss(self, grower: Grower) -> Loss:
        """What there is to lose, as far as Leaf tells just now."""
        try:
            await self._archive.keep(grower.id)
        except ProviderError as failure:
            log.info("events could not be archived before the question", failure=type(failure).__name__)
        data = await self._data.data_flow(grower.id)
        async with self._database.reading() as session:
            return Loss(
                grower,
                await connections.get(session, grower.id),
                data,
                await leaf_events.count(session, grower.id),
                await disconnections.under_way(session, grower.id),
                self._time_to_undo,
                self._needs_two,
            )

    async def begin(self, grower: Grower, by: str, credential_id: str | None = None) -> Disconnection | None:
        """End this connection when the time to undo is over, or when somebody else agreed and it is over then.

        The one under way when there is one; None when Leaf has no connection to end. `credential_id` is the one that
        was asked about. Raises ProviderError, and UsageError when there is another one by now.
        """
        credential = await self._leaf.credential(grower.id)
        if credential is None:
            await self._expect_absence(grower.id, self._clock())
            await self._reducer.observe(Reading(grower.id, None, self._clock()), "disconnect")
            return None
        if credential_id and credential.id and credential.id != credential_id:
            await self._reducer.observe(Reading(grower.id, credential, self._clock()), "disconnect")
            raise UsageError(
                "Nothing is disconnected: since this question was asked, the grower was connected anew. Ask again.",
                "/fieldview disconnect <grower>",
            )
        now = self._clock()
        wanted = Disconnection(
            id=uuid.uuid4().hex,
            grower_id=grower.id,
            grower_name=grower.name,
            credential_id=credential.id or "",
            asked_by=by,
            asked_at=now,
            due_at=now + (PATIENCE if self._needs_two else self._time_to_undo),
            state=DisconnectionState.WAITING if self._needs_two else DisconnectionState.SCHEDULED,
        )
        async with self._database.transaction() as session:
            if not await disconnections.begin(session, wanted):
                return await disconnections.under_way(session, grower.id)
            owner = (await growers.get(session, grower.id) or grower).owner
            for person in sorted({by, owner or by}):
                await self._announcer.to_person(session, AnnouncementKind.DISCONNECTION, wanted.id, person)
            if self._needs_two:
                await self._announcer.to_operators(session, AnnouncementKind.DISCONNECTION, wanted.id)
            due = wanted.due_at.isoformat(timespec="seconds")
            await self._journal.fulfil(session, disconnection=wanted.id, state=wanted.state, due=due)
            await self._queue.enqueue(session, END, wanted.id, f"{END}-{wanted.id}")
        return wanted

    async def agree(self, disconnection_id: str, by: str) -> Disconnection:
        """A second person says yes: now the time to undo begins. Raises NotAllowed for the first one, UsageError."""
        wanted = await self._known(disconnection_id)
        if wanted.state is DisconnectionState.WAITING and wanted.asked_by == by:
            raise NotAllowed("agree to what you asked for yourself", "another admin")
        async with self._database.transaction() as session:
            now = self._clock()
            if wanted.state is DisconnectionState.WAITING and wanted.due_at <= now:
                # The job that lets it lapse may not have looked yet.
                raise UsageError(
                    "It is too late to agree: the day for that is over, and nothing is disconnected. Ask again.",
                    "/fieldview disconnect <grower>",
                )
            agreed = await disconnections.move(
                session,
                wanted.id,
                (DisconnectionState.WAITING,),
                DisconnectionState.SCHEDULED,
                agreed_by=by,
                due_at=now + self._time_to_undo,
            )
            if agreed is None:
                raise UsageError("That was decided already. Look at the status to see how it is now.")
            # The job that waits for this looks at the clock every minute: a second one would meet it at Leaf.
            await self._announcer.has_news(session, AnnouncementKind.DISCONNECTION, wanted.id)
            await self._journal.fulfil(session, disconnection=wanted.id, state=agreed.state)
        return agreed

    async def undo(self, disconnection_id: str, by: str) -> Disconnection:
        """Nothing is ended after all. Raises UsageError when it is too late."""
        wanted = await self._known(disconnection_id)
        open_states = (DisconnectionState.WAITING, DisconnectionState.SCHEDULED)
        async with self._database.transaction() as session:
            undone = await self._over(session, wanted, open_states, DisconnectionState.UNDONE, ended_by=by)
        if undone is not None:
            return undone
        current = await self._known(disconnection_id)
        if current.state is DisconnectionState.UNDONE:
            return current
        raise UsageError("It is too late to undo that. Send a new link to connect the grower again.")

    async def of(self, disconnection_id: str) -> Disconnection:
        """Raises UsageError when there is none."""
        return await self._known(disconnection_id)

    async def end(self, disconnection_id: str) -> float | None:
        """Job: end the connection when it is due. Runs again after any crash, and looks before it repeats."""
        async with self._database.reading() as session:
            wanted = await disconnections.get(session, disconnection_id)
        if wanted is None or wanted.ended_at is not None:
            return None
        left = (wanted.due_at - self._clock()).total_seconds()
        if wanted.state is not DisconnectionState.ENDING and left > 0:
            return min(left, self._nap)
        if wanted.state is DisconnectionState.WAITING:
            async with self._database.transaction() as session:
                lapsed = await self._over(
                    session, wanted, (DisconnectionState.WAITING,), DisconnectionState.LAPSED, job=True
                )
            return None if lapsed else 1.0
        try:
            return await self._end(wanted)
        except ProviderError as failure:
            return await self._later(wanted, failure)

    async def _end(self, wanted: Disconnection) -> float | None:
        async with self._database.transaction() as session:
            await growers.lock(session, wanted.grower_id)
            if await consents.being_handed_over(session, wanted.grower_id):
                # Leaf removes whatever it has when it is told to: not while it is being given another one.
                return self._pause(wanted)
            # From here on it is too late to undo, and no new credential goes to Leaf until this is over.
            ours = (DisconnectionState.SCHEDULED, DisconnectionState.ENDING)
            if not await disconnections.move(session, wanted.id, ours, DisconnectionState.ENDING):
                return None
        current = await self._leaf.credential(wanted.grower_id)
        if current is not None and (current.id or "") != wanted.credential_id:
            await self._finish(wanted, DisconnectionState.SUPERSEDED)
            return None
        if current is not None:
            await self._archive.keep(wanted.grower_id)
        await self._expect_absence(wanted.grower_id, self._clock())
        if current is not None:
            await self._leaf.delete_credential(wanted.grower_id)
        await self._reducer.observe(Reading(wanted.grower_id, None, self._clock()), "disconnect")
        await self._finish(wanted, DisconnectionState.DONE)
        return None

    async def _later(self, wanted: Disconnection, failure: ProviderError) -> float | None:
        log.warning("leaf does not end a connection now", disconnection=wanted.id, detail=failure.detail)
        in_doubt = isinstance(failure, ProviderUnavailable) and failure.maybe_done
        if not in_doubt:
            await self._expect_absence(wanted.grower_id, None)
        if self._clock() - wanted.due_at > PATIENCE:
            await self._finish(wanted, DisconnectionState.FAILED)
            return None
        if wanted.trouble is None:
            async with self._database.transaction() as session:
                ending = (DisconnectionState.ENDING,)
                await disconnections.move(session, wanted.id, ending, DisconnectionState.ENDING, trouble="leaf-down")
                await self._announcer.has_news(session, AnnouncementKind.DISCONNECTION, wanted.id)
        return self._pause(wanted)

    def _pause(self, wanted: Disconnection) -> float:
        """Seconds until the next try: the longer it has taken, the more."""
        return min(600.0, max(2.0, (self._clock() - wanted.due_at).total_seconds() / 4))

    async def _finish(self, wanted: Disconnection, state: DisconnectionState) -> None:
        async with self._database.transaction() as session:
            await growers.lock(session, wanted.grower_id)
            await self._over(session, wanted, (DisconnectionState.ENDING,), state, job=True)
            if state is DisconnectionState.DONE:
                # A link that was sent since is for connecting anew.
                why, before = Trouble.DISCONNECTED, wanted.asked_at
                await self._news.withdraw(session, wanted.grower_id, self._clock(), why, made_before=before)

    async def _over(
        self,
        session: AsyncSession,
        wanted: Disconnection,
        expected: tuple[DisconnectionState, ...],
        state: DisconnectionState,
        *,
        job: bool = False,
        **values: Any,
    ) -> Disconnection | None:
        """The final state, its news and, when no person asked for it just now, its row in the audit trail."""
        over = await disconnections.move(session, wanted.id, expected, state, ended_at=self._clock(), **values)
        if over is None:
            return None
        await self._announcer.has_news(session, AnnouncementKind.DISCONNECTION, wanted.id)
        if not job:
            await self._journal.fulfil(session, disconnection=wanted.id, state=state)
        else:
            failed = state is DisconnectionState.FAILED
            await self._journal.record(
                session,
                "job:disconnect",
                "job",
                "disconnect-ended",
                "failed" if failed else "done",
                wanted.id[:12],
                target=wanted.grower_id,
                target_name=wanted.grower_name,
                detail={"state": state, "asked_by": wanted.asked_by},
            )
        return over

    async def _known(self, disconnection_id: str) -> Disconnection:
        async with self._database.reading() as session:
            found = await disconnections.get(session, disconnection_id)
        if found is None:
            raise UsageError("This button is from an older version of me.", "/fieldview disconnect <grower>")
        return found

    async def _expect_absence(self, grower_id: str, since: datetime | None) -> None:
        async with self._database.transaction() as session:
            await connections.set_disconnecting(session, grower_id, since)
