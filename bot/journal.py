"""The audit trail: who did what, chained with a keyed MAC so that a change is seen."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from storage import audit
from storage.database import Database, at_end
from storage.records import AuditEntry, Grower, SealedEntry

Clock = Callable[[], datetime]

KEY_NAME = "audit-key"
"""The chain's key is a random secret of ours, kept encrypted: rotating ENCRYPTION_KEYS does not break the chain."""


AUDIT_RANK = (2,)
"""Behind the messages that are owed: every transaction appends to the one chain, so it is locked last."""


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: `rows` checked, and the first row that is not what it was, in words."""

    rows: int
    fault: str | None = None


@dataclass(frozen=True)
class Deed:
    """Who does what, and how it was asked for: what an audit row needs that is known before it is done."""

    actor: str
    via: str
    action: str
    request_id: str
    channel: str | None = None


class Journal:
    """Writes the audit trail and proves that nobody rewrote it."""

    def __init__(self, database: Database, key: SecretStr, clock: Clock) -> None:
        self._database = database
        self._key = key.get_secret_value().encode()
        self._clock = clock

    async def record(
        self, session: AsyncSession, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any
    ) -> None:
        """Append at the end of the caller's transaction, where writers wait for each other the shortest.

        `detail` may be any JSON value.
        """
        entry = self._entry(actor, via, action, outcome, request_id, **more)

        async def append() -> None:
            await audit.append(session, entry, self._mac)

        at_end(session, AUDIT_RANK, append)

    async def done(self, session: AsyncSession, deed: Deed, grower: Grower | None = None, **detail: Any) -> None:
        """The row of a deed in the transaction of its effect, in place of the one that the edge writes."""
        await self.record(
            session,
            deed.actor,
            deed.via,
            deed.action,
            "done",
            deed.request_id,
            channel=deed.channel,
            target=grower.id if grower else None,
            target_name=grower.name if grower else None,
            detail=detail or None,
        )

    def _entry(self, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any) -> AuditEntry:
        detail = more.pop("detail", None)
        return AuditEntry(
            at=self._clock(),
            actor=actor,
            via=via,
            action=action,
            outcome=outcome,
            request_id=request_id,
            detail=None if detail is None else json.dumps(detail, sort_keys=True, ensure_ascii=False),
            **more,
        )

    async def write(self, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any) -> None:
        """Append in a transaction of its own."""
        async with self._database.transaction() as session:
            await self.record(session, actor, via, action, outcome, request_id, **more)

    async def entries(self) -> AsyncIterator[SealedEntry]:
        """The whole trail, oldest first."""
        async with self._database.reading() as session:
            async for sealed in audit.everything(session):
                yield sealed

    async def verify(self) -> Verdict:
        """Walk the chain and name the first entry that was edited, inserted, removed, reordered or cut off."""
        # The end is read before the walk and after it: what is written meanwhile is no fault.
        seq, mac = await self._end()
        previous, rows, met = audit.GENESIS, 0, seq == 0 and mac == audit.GENESIS
        async for sealed in self.entries():
            rows += 1
            if sealed.seq != rows:
                return Verdict(rows - 1, f"entry {rows} is missing: the next one is number {sealed.seq}")
            if sealed.previous != previous:
                return Verdict(rows - 1, f"entry {rows} does not follow entry {rows - 1}")
            if not hmac.compare_digest(sealed.mac, self._mac(sealed.seq, sealed.entry, previous)):
                return Verdict(rows - 1, f"entry {rows} was changed or written by somebody else")
            previous = sealed.mac
            met = met or (sealed.seq, sealed.mac) == (seq, mac)
        if not met:
            return Verdict(rows, f"the trail ends at entry {rows}, but {seq} were written")
        if (written := (await self._end())[0]) < rows:
            return Verdict(rows, f"the trail has {rows} entries, but only {written} were written")
        return Verdict(rows)

    async def _end(self) -> tuple[int, str]:
        async with self._database.reading() as session:
            return await audit.head(session)

    def _mac(self, seq: int, entry: AuditEntry, previous: str) -> str:
        return hmac.new(self._key, canonical(seq, entry, previous), hashlib.sha256).hexdigest()


def canonical(seq: int, entry: AuditEntry, previous: str) -> bytes:
    """The bytes a mac is made of: a JSON object with sorted keys, no spaces, ASCII only, the time in UTC."""
    moment = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = asdict(replace(entry)) | {"at": moment, "seq": seq, "previous": previous}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
