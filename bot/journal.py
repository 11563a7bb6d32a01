"""The audit trail: who did what, chained with a keyed MAC so that a change is seen.

Whoever answers a request opens an `Errand`; the service that changes something writes the request's row in the
transaction of the change (`done`, `fulfil`), and the edge writes it at the end if nobody did (`settle`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from bot.appending import Appending
from bot.sealing import Anchor, Seal, committed
from bot.verifying import Progress, Proved, Verdict, Verification, no_progress
from storage import audit
from storage.database import Database, at_end
from storage.records import AuditEntry, Grower, SealedEntry

Clock = Callable[[], datetime]

KEY_NAME = "audit-key"
"""The chain's key is a random secret of ours, kept encrypted: rotating ENCRYPTION_KEYS does not break the chain."""


AUDIT_RANK = (2,)
"""Behind the messages that are owed: every transaction appends to the one chain, so it is locked last."""


PERSONAL = ("reason", "account")
"""Details of a deed that are not sealed but only committed to, as what was typed."""


@dataclass(frozen=True)
class Deed:
    """Who does what, and how it was asked for: what an audit row needs that is known before it is done."""

    actor: str
    via: str
    action: str
    request_id: str
    channel: str | None = None


@dataclass
class Errand:
    """A request that will have one row. `about` tells whom it turned out to be about.

    `told` as soon as a service has put it in writing, in a transaction that may still fail.
    """

    deed: Deed
    about: Callable[[], Grower | None] = lambda: None
    told: bool = False


_errand: ContextVar[Errand | None] = ContextVar("errand", default=None)


class Journal:
    """Writes the audit trail and proves that nobody rewrote it."""

    def __init__(self, database: Database, key: SecretStr, clock: Clock, anchors: Path | None = None) -> None:
        self._database = database
        self.seal = Seal(key)
        self._clock = clock
        self._anchors = anchors
        self._alone = Appending(self._append)

    async def record(
        self, session: AsyncSession, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any
    ) -> None:
        """Append at the end of the caller's transaction, where writers wait for each other the shortest.

        `detail` may be any JSON value. What was `typed` is kept where it can be erased.
        """
        self._at_end(session, self._entry(actor, via, action, outcome, request_id, **more))

    def _at_end(self, session: AsyncSession, entry: AuditEntry) -> None:
        async def append() -> None:
            await audit.append(session, entry, self.seal.of_entry)

        at_end(session, AUDIT_RANK, append)

    def _entry(self, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any) -> AuditEntry:
        detail = more.pop("detail", None)
        return committed(
            AuditEntry(
                at=self._clock(),
                actor=actor,
                via=via,
                action=action,
                outcome=outcome,
                request_id=request_id,
                detail=None if detail is None else json.dumps(detail, sort_keys=True, ensure_ascii=False),
                **more,
            )
        )

    async def write(self, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any) -> None:
        """Append without a change that it would come with; committed when this returns."""
        await self._alone.add(self._entry(actor, via, action, outcome, request_id, **more))

    async def finish(self) -> None:
        """Whatever was handed to `write` is written; at a stop, when nobody else waits for it any more."""
        await self._alone.finish()

    async def _append(self, entries: Sequence[AuditEntry]) -> None:
        async with self._database.transaction() as session:
            await audit.append_all(session, entries, self.seal.of_entry)

    # One row for each request

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[None]:
        """While this runs, services may `fulfil` the errand."""
        before = _errand.set(errand)
        try:
            yield
        finally:
            _errand.reset(before)

    async def done(self, session: AsyncSession, deed: Deed, grower: Grower | None = None, **detail: Any) -> None:
        """The row of a deed in the transaction of its effect, in place of the one that the edge writes.

        A `reason` is in somebody's own words, an `account` names somebody: both are kept where they can be erased.
        """
        errand = _errand.get()
        if errand is not None and errand.deed.request_id == deed.request_id:
            errand.told = True
        personal = [detail.pop(name, None) for name in PERSONAL]
        self._at_end(session, self._row(deed, "done", grower, detail, next(filter(None, personal), None)))

    async def fulfil(self, session: AsyncSession, **detail: Any) -> None:
        """`done` for the request that is being answered, whichever it is; once for each.

        Does nothing where no request is answered: jobs write rows of their own.
        """
        errand = _errand.get()
        if errand is not None and not errand.told:
            await self.done(session, errand.deed, errand.about(), **detail)

    async def on_the_way(self, session: AsyncSession, action: str, grower: Grower, **detail: Any) -> None:
        """A row of its own for what the request that is being answered has brought about, whatever becomes of the rest.

        Does nothing where no request is answered.
        """
        errand = _errand.get()
        if errand is not None:
            self._at_end(session, self._row(replace(errand.deed, action=action), "done", grower, detail))

    async def settle(
        self, errand: Errand, outcome: str, detail: Mapping[str, Any] | None = None, typed: str | None = None
    ) -> None:
        """The row of a request that is over, unless a service wrote it in a transaction that was committed."""
        deed, row = errand.deed, self._row(errand.deed, outcome, errand.about(), detail, typed)
        if not errand.told:
            await self._alone.add(row)
            return
        async with self._database.transaction() as session:
            if not await audit.is_written(session, deed.request_id, deed.actor, deed.action):
                self._at_end(session, row)

    def _row(
        self,
        deed: Deed,
        outcome: str,
        grower: Grower | None,
        detail: Mapping[str, Any] | None,
        typed: str | None = None,
    ) -> AuditEntry:
        return self._entry(
            deed.actor,
            deed.via,
            deed.action,
            outcome,
            deed.request_id,
            channel=deed.channel,
            target=grower.id if grower else None,
            target_name=grower.name if grower else None,
            detail=detail or None,
            typed=typed,
        )

    # Reading

    async def entries(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncGenerator[SealedEntry]:
        """The whole trail, or what was written from `since` until before `until`, oldest first."""
        async with self._database.reading(steady=True) as session:
            async for sealed in audit.everything(session, since=since, until=until):
                yield sealed

    async def verify(self, progress: Progress = no_progress, noted: Sequence[Anchor] = ()) -> Verdict:
        """Walk the chain and name the first entry that was edited, inserted, removed, reordered or cut off.

        It is held against the file of anchors, and against those that somebody `noted` elsewhere.
        """
        return await Verification(self._database, self.seal, self._anchors, noted).run(progress)

    async def oldest(self, before: datetime, slack: timedelta, batch: int) -> list[Proved]:
        """As `Verification.oldest`, held against the file of anchors. Raises Broken."""
        return await Verification(self._database, self.seal, self._anchors).oldest(before, slack, batch)
