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
from storage.database import Database
from storage.records import AuditEntry, SealedEntry

Clock = Callable[[], datetime]

KEY_NAME = "audit-key"
"""The chain's key is a random secret of ours, kept encrypted: rotating ENCRYPTION_KEYS does not break the chain."""


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: `rows` checked, and the first row that is not what it was, in words."""

    rows: int
    fault: str | None = None


class Journal:
    """Writes the audit trail and proves that nobody rewrote it."""

    def __init__(self, database: Database, key: SecretStr, clock: Clock) -> None:
        self._database = database
        self._key = key.get_secret_value().encode()
        self._clock = clock

    async def record(
        self, session: AsyncSession, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any
    ) -> SealedEntry:
        """Append in the caller's transaction; call it last there. `detail` may be any JSON value."""
        detail = more.pop("detail", None)
        entry = AuditEntry(
            at=self._clock(),
            actor=actor,
            via=via,
            action=action,
            outcome=outcome,
            request_id=request_id,
            detail=None if detail is None else json.dumps(detail, sort_keys=True, ensure_ascii=False),
            **more,
        )
        return await audit.append(session, entry, self._mac)

    async def write(self, actor: str, via: str, action: str, outcome: str, request_id: str, **more: Any) -> SealedEntry:
        """Append in a transaction of its own."""
        async with self._database.transaction() as session:
            return await self.record(session, actor, via, action, outcome, request_id, **more)

    async def entries(self) -> AsyncIterator[SealedEntry]:
        """The whole trail, oldest first."""
        async with self._database.reading() as session:
            async for sealed in audit.everything(session):
                yield sealed

    async def verify(self) -> Verdict:
        """Walk the chain and name the first entry that was edited, inserted, removed, reordered or cut off."""
        previous, rows = audit.GENESIS, 0
        async for sealed in self.entries():
            rows += 1
            if sealed.seq != rows:
                return Verdict(rows - 1, f"entry {rows} is missing: the next one is number {sealed.seq}")
            if sealed.previous != previous:
                return Verdict(rows - 1, f"entry {rows} does not follow entry {rows - 1}")
            if not hmac.compare_digest(sealed.mac, self._mac(sealed.seq, sealed.entry, previous)):
                return Verdict(rows - 1, f"entry {rows} was changed or written by somebody else")
            previous = sealed.mac
        async with self._database.reading() as session:
            seq, mac = await audit.head(session)
        if (seq, mac) != (rows, previous):
            return Verdict(rows, f"the trail ends at entry {rows}, but {seq} were written")
        return Verdict(rows)

    def _mac(self, seq: int, entry: AuditEntry, previous: str) -> str:
        return hmac.new(self._key, canonical(seq, entry, previous), hashlib.sha256).hexdigest()


def canonical(seq: int, entry: AuditEntry, previous: str) -> bytes:
    """The bytes a mac is made of: a JSON object with sorted keys, no spaces, ASCII only, the time in UTC."""
    moment = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = asdict(replace(entry)) | {"at": moment, "seq": seq, "previous": previous}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
