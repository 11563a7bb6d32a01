"""The audit trail's rows: appended in one line, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, insert, not_, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import AuditEntry, SealedEntry
from storage.tables import MERE_LOOKS, NO_MERE_LOOK, AuditHeadRow, AuditRow

GENESIS = "0" * 64
"""What stands in the place of the mac before the first entry."""

PAGE = 1000

_ENTRY = [
    getattr(AuditRow, name)
    for name in (
        *("at", "actor", "via", "action", "outcome", "request_id", "channel", "target", "target_name", "detail"),
        *("typed", "salt", "commitment"),
    )
]
"""An entry's columns in the order of its fields."""

# Every writer waits for these three: made once, and without what an object of each row would cost.
_HEAD = select(AuditHeadRow.seq, AuditHeadRow.mac).where(AuditHeadRow.id == 1).with_for_update()
_ADD = insert(AuditRow)
_MOVE_HEAD = update(AuditHeadRow).where(AuditHeadRow.id == 1).values(seq=bindparam("last"), mac=bindparam("of_last"))


async def append(session: AsyncSession, entry: AuditEntry, seal: Callable[[int, AuditEntry, str], str]) -> SealedEntry:
    """Add the entry at the end of the chain; `seal` makes its mac from its number, itself and the mac before it.

    Writers wait for each other here until their transactions end: call it last.
    """
    [sealed] = await append_all(session, [entry], seal)
    return sealed


async def append_all(
    session: AsyncSession, entries: Sequence[AuditEntry], seal: Callable[[int, AuditEntry, str], str]
) -> list[SealedEntry]:
    """`append` for several at once, in their order."""
    last, previous = await locked_head(session)
    sealed: list[SealedEntry] = []
    for seq, entry in enumerate(entries, last + 1):
        sealed.append(SealedEntry(seq, entry, previous, seal(seq, entry, previous)))
        previous = sealed[-1].mac
    connection = await session.connection()
    rows = [{"seq": one.seq, "previous": one.previous, "mac": one.mac, **_columns(one.entry)} for one in sealed]
    await connection.execute(_ADD, rows)
    await connection.execute(_MOVE_HEAD, {"last": last + len(entries), "of_last": previous})
    return sealed


async def locked_head(session: AsyncSession) -> tuple[int, str]:
    """The number and mac of the last entry; from here to the end of the transaction nobody else appends."""
    head = (await (await session.connection()).execute(_HEAD)).one_or_none()
    if head is None:
        raise LookupError("the audit chain has no head: the database was not migrated")
    return head.seq, head.mac


async def latest(
    session: AsyncSession,
    *,
    target: str | None = None,
    actor: str | None = None,
    actions: Sequence[str] = (),
    looks: Sequence[str] = (),
    bare_looks: Sequence[str] = (),
    since: datetime | None = None,
    limit: int,
    before: int | None = None,
) -> list[SealedEntry]:
    """Entries newest first, of all or of whom and what is asked for; `before` is a number to page on from.

    `looks` are actions that are left out unless somebody was refused, or something failed; `bare_looks` those that are
    left out where nothing came of them.
    """
    query = select(AuditRow)
    if target is not None:
        query = query.where(AuditRow.target == target)
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    if actions:
        query = query.where(AuditRow.action.in_(actions))
    if looks or (actions and not set(actions) & set(MERE_LOOKS)):
        query = query.where(text(f"({NO_MERE_LOOK})"))
    if looks:
        asked_back = AuditRow.detail.contains('"because": ')
        query = query.where(
            or_(
                AuditRow.action.not_in(looks),
                and_(AuditRow.outcome != "done", or_(AuditRow.detail.is_(None), not_(asked_back))),
            ),
        )
    if bare_looks:
        query = query.where(
            or_(AuditRow.action.not_in(bare_looks), AuditRow.outcome != "done", AuditRow.detail.is_not(None))
        )
    if since is not None:
        query = query.where(AuditRow.at >= since)
    if before is not None:
        query = query.where(AuditRow.seq < before)
    rows = await session.scalars(query.order_by(AuditRow.seq.desc()).limit(limit))
    return [row.to_record() for row in rows]


async def is_written(session: AsyncSession, request_id: str, actor: str, action: str) -> bool:
    """Whether this person's request has its row already."""
    whose = (AuditRow.request_id == request_id, AuditRow.actor == actor, AuditRow.action == action)
    query = select(AuditRow.seq).where(*whose)
    return await session.scalar(query.limit(1)) is not None


async def after(session: AsyncSession, seq: int | None, limit: int) -> list[SealedEntry]:
    """Entries behind that number, oldest first; None: from whatever number there is on."""
    # Columns, not rows: a trail may have millions of entries, and whole objects take three times as long.
    rows = await session.execute(_walk(seq).limit(limit))
    return [SealedEntry(row[0], AuditEntry(*row[3:]), row[1], row[2]) for row in rows]


async def everything(
    session: AsyncSession, page: int = PAGE, *, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[SealedEntry]:
    """The trail in order, read in pages: all of it, or what was written from `since` until before `until`."""
    seq: int | None = None
    while rows := await after(session, seq, page):
        for row in rows:
            if (since is None or row.entry.at >= since) and (until is None or row.entry.at < until):
                yield row
        seq = rows[-1].seq


async def count(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(AuditRow)) or 0


async def last_before(session: AsyncSession, before: datetime) -> int | None:
    """The number of the last entry that was written before this time."""
    newest = select(AuditRow.seq).where(AuditRow.at < before).order_by(AuditRow.seq.desc()).limit(1)
    return await session.scalar(newest)


async def one(session: AsyncSession, seq: int) -> SealedEntry | None:
    """The entry with this number, unless retention has removed it."""
    return next(iter(await after(session, seq - 1, 1)), None)


async def head(session: AsyncSession) -> tuple[int, str]:
    """The number and mac of the last entry as the chain itself remembers them; (0, GENESIS) when it is empty."""
    row = await session.get(AuditHeadRow, 1, populate_existing=True)
    return (row.seq, row.mac) if row else (0, GENESIS)


def _walk(seq: int | None) -> Select[Any]:
    query = select(AuditRow.seq, AuditRow.previous, AuditRow.mac, *_ENTRY).order_by(AuditRow.seq)
    return query if seq is None else query.where(AuditRow.seq > seq)


def _columns(entry: AuditEntry) -> dict[str, object]:
    return {column.key: getattr(entry, column.key) for column in _ENTRY}
