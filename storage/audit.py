"""The audit trail's rows: appended in one line, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import AuditEntry, SealedEntry
from storage.tables import AuditHeadRow, AuditRow

GENESIS = "0" * 64
"""What stands in the place of the mac before the first entry."""


async def append(session: AsyncSession, entry: AuditEntry, seal: Callable[[int, AuditEntry, str], str]) -> SealedEntry:
    """Add the entry at the end of the chain; `seal` makes its mac from its number, itself and the mac before it.

    Writers wait for each other here until their transactions end: call it last.
    """
    head = await session.get(AuditHeadRow, 1, with_for_update=True, populate_existing=True)
    if head is None:
        raise LookupError("the audit chain has no head: the database was not migrated")
    seq = head.seq + 1
    sealed = SealedEntry(seq, entry, head.mac, seal(seq, entry, head.mac))
    session.add(
        AuditRow(
            seq=seq,
            at=entry.at,
            actor=entry.actor,
            via=entry.via,
            action=entry.action,
            outcome=entry.outcome,
            request_id=entry.request_id,
            channel=entry.channel,
            target=entry.target,
            target_name=entry.target_name,
            detail=entry.detail,
            previous=sealed.previous,
            mac=sealed.mac,
        )
    )
    head.seq, head.mac = seq, sealed.mac
    await session.flush()
    return sealed


async def latest(
    session: AsyncSession, *, target: str | None = None, limit: int, before: int | None = None
) -> list[SealedEntry]:
    """Entries newest first, of one target or of all; `before` is a sequence number to page on from."""
    query = select(AuditRow)
    if target is not None:
        query = query.where(AuditRow.target == target)
    if before is not None:
        query = query.where(AuditRow.seq < before)
    rows = await session.scalars(query.order_by(AuditRow.seq.desc()).limit(limit))
    return [row.to_record() for row in rows]


async def after(session: AsyncSession, seq: int, limit: int) -> list[SealedEntry]:
    """Entries behind that number, oldest first."""
    rows = await session.scalars(select(AuditRow).where(AuditRow.seq > seq).order_by(AuditRow.seq).limit(limit))
    return [row.to_record() for row in rows]


async def everything(session: AsyncSession, page: int = 1000) -> AsyncIterator[SealedEntry]:
    """The whole trail in order, read in pages."""
    seq = -1
    while rows := await after(session, seq, page):
        for row in rows:
            yield row
        seq = rows[-1].seq
        session.expunge_all()


async def head(session: AsyncSession) -> tuple[int, str]:
    """The number and mac of the last entry as the chain itself remembers them; (0, GENESIS) when it is empty."""
    row = await session.get(AuditHeadRow, 1, populate_existing=True)
    return (row.seq, row.mac) if row else (0, GENESIS)
