"""What becomes of old entries of the audit trail: removed when their time is over, personal words erased on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.journal import Journal
from bot.messages import needs
from bot.verifying import ERASE, Proved
from storage import audit, audit_keeping, growers, notices
from storage.database import Database
from storage.records import AuditCheckpoint, Grower

log = structlog.get_logger(__name__)

BATCH = 5_000
"""Entries removed in one transaction, for which everybody who appends waits."""

SLACK = timedelta(days=1)
"""Entries are removed a day's worth at a time: each time leaves a checkpoint and an entry."""


@dataclass(frozen=True)
class Erased:
    """What was erased of whom: in how many entries, and how many more had it as something typed.

    `nowhere_else`: no copy of it is left in the files of SQLite.
    """

    grower: Grower
    entries: int
    typed: int
    nowhere_else: bool


class Retention:
    """Keeps the trail as short as the policy says and as forgetful as the law says, and verifiable all the while."""

    def __init__(
        self, database: Database, journal: Journal, clock: Callable[[], datetime], days: int | None = None
    ) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock
        self._kept = timedelta(days=days) if days else None

    async def remove_old(self) -> int:
        """Remove what is older than the policy allows; returns how many entries. Nothing without a policy.

        Everything that would go is proved before. Raises Broken when it is not what was written: then nothing goes.
        """
        if self._kept is None:
            return 0
        moment = self._clock() - self._kept
        proved = await self._journal.oldest(moment, SLACK, BATCH)
        return sum([await self._remove(last, moment) for last in proved])

    async def _remove(self, last: Proved, moment: datetime) -> int:
        """Replace the entries up to this one by a checkpoint, unless somebody else has done so already."""
        async with self._database.transaction() as session:
            await audit.locked_head(session)
            standing = await audit_keeping.checkpoint(session)
            if standing is not None and standing.seq >= last.seq:
                return 0
            now = self._clock()
            seal = self._journal.seal.of_checkpoint(last.seq, last.mac, now)
            removed = await audit_keeping.replace_by(session, AuditCheckpoint(last.seq, last.mac, now, seal))
            detail = {"entries": removed, "through": last.seq, "before": moment.isoformat(timespec="seconds")}
            await self._journal.record(session, "job:retention", "job", "audit-retention", "done", "", detail=detail)
        return removed

    async def whom(self, named: str) -> list[Grower]:
        """Who may be meant, also when Leaf no longer has them: by id, else by name, e-mail or externalId."""
        async with self._database.reading() as session:
            known = await growers.get(session, named.strip())
            return [known] if known else await growers.find_exactly(session, named, gone_too=True)

    async def erase(self, grower: Grower, by: str, request_id: str, also: Sequence[str] = ()) -> Erased:
        """Erase the grower's personal words from the trail and from every other table; ids and deeds stay.

        Sought everywhere are the names and addresses that we know them by, and `also`: more words, such as a nickname.
        """
        async with self._database.reading() as session:
            # Millions of entries are looked through while others write; nobody waits but for what they write meanwhile.
            sought = await self._words_of(session, grower, also)
            numbers, behind = await audit_keeping.typed_with(session, sought)
        async with self._database.transaction(for_good=True) as session:
            words = await self._words_of(session, grower, also)
            # Before the trail, as everybody does who tells operators, or changes anything else.
            await notices.forget(session, needs.spellings(grower, sorted(words, key=len, reverse=True)))
            await audit_keeping.forget_grower(session, grower.id, words)
            # Whoever appended before us is seen by what follows; whoever comes after us has a higher number.
            await audit.locked_head(session)
            entries = await audit_keeping.erase_target(session, grower.id)
            if words != sought:
                numbers, behind = [], 0
            typed = numbers + (await audit_keeping.typed_with(session, words, behind))[0]
            await audit_keeping.erase_typed(session, typed)
            detail = {"entries": entries, "typed": typed}
            await self._journal.record(
                session, by, "command line", ERASE, "done", request_id, target=grower.id, detail=detail
            )
        return Erased(grower, entries, len(typed), await self._database.leave_no_copy())

    async def _words_of(self, session: AsyncSession, grower: Grower, also: Sequence[str]) -> set[str]:
        known = {grower.name, grower.email, grower.external_id, *await audit_keeping.words_of(session, grower.id)}
        return {word for word in (*known, *also) if word and word != audit_keeping.ERASED}
