"""What may happen to old entries of the audit trail: a checkpoint replaces them, or personal words are erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.growers import fold
from storage.records import AuditCheckpoint, SealedEntry
from storage.tables import (
    AuditCheckpointRow,
    AuditRow,
    GrowerRow,
    GrowerTagRow,
    IncidentRow,
    LeafEventRow,
    Row,
    ThreadNoteRow,
)

ERASED = "Erased grower"
"""The name of whom we were asked to forget, where a table must have one."""

PARTICULARS = {
    "grower_name": ERASED,
    "typed": ERASED,
    "account_email": None,
    "assignment_reason": None,
    "snooze_reason": None,
    "tags": None,
}
"""Columns of any table that may tell of a grower, and what they hold afterwards."""

SHORTEST = 3
"""Letters of a word that is sought in what was typed: shorter ones are in everything."""


async def checkpoint(session: AsyncSession) -> AuditCheckpoint | None:
    """Where the trail begins, None when nothing was ever removed."""
    row = await session.scalar(select(AuditCheckpointRow).order_by(AuditCheckpointRow.seq.desc()).limit(1))
    return row.to_record() if row else None


async def last_before(session: AsyncSession, moment: datetime, limit: int) -> tuple[int, str] | None:
    """Number and mac of the last of the oldest entries (so many at most) that are all older than the moment."""
    oldest = select(AuditRow.seq, AuditRow.mac, AuditRow.at).order_by(AuditRow.seq).limit(limit).subquery("oldest")
    young = await session.scalar(select(func.min(oldest.c.seq)).where(oldest.c.at >= moment))
    query = select(oldest.c.seq, oldest.c.mac).order_by(oldest.c.seq.desc()).limit(1)
    if young is not None:
        query = query.where(oldest.c.seq < young)
    found = (await session.execute(query)).one_or_none()
    return (found.seq, found.mac) if found else None


async def replace_by(session: AsyncSession, checkpoint: AuditCheckpoint) -> int:
    """Remove every entry up to the checkpoint, which stands for them from now on; returns how many."""
    session.add(AuditCheckpointRow(seq=checkpoint.seq, mac=checkpoint.mac, at=checkpoint.at, seal=checkpoint.seal))
    await session.flush()
    removed = await session.execute(
        delete(AuditRow).where(AuditRow.seq <= checkpoint.seq).execution_options(synchronize_session=False)
    )
    return int(getattr(removed, "rowcount", 0))


async def erase_target(session: AsyncSession, target: str) -> int:
    """Erase the personal words of every entry about them; returns in how many."""
    return await _erase(session, AuditRow.target == target)


async def erase_typed(session: AsyncSession, words: Sequence[str]) -> list[int]:
    """Erase what was typed when nobody was found, where it holds one of these words; returns the entries' numbers."""
    sought = [folded for word in words if len(folded := fold(word)) >= SHORTEST]
    query = select(AuditRow.seq, AuditRow.typed).where(AuditRow.target.is_(None), AuditRow.typed.is_not(None))
    numbers = [
        seq
        for seq, typed in await session.execute(query.order_by(AuditRow.seq))
        if any(word in fold(typed or "") for word in sought)
    ]
    for start in range(0, len(numbers), 500):
        await _erase(session, AuditRow.seq.in_(numbers[start : start + 500]))
    return numbers


async def _erase(session: AsyncSession, which: ColumnElement[bool]) -> int:
    erased = await session.execute(
        update(AuditRow)
        .where(which, AuditRow.salt.is_not(None))
        .values(target_name=None, typed=None, salt=None)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(erased, "rowcount", 0))


async def erasures(session: AsyncSession, action: str) -> list[SealedEntry]:
    """The entries that say what was erased, oldest first."""
    rows = await session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.seq))
    return [row.to_record() for row in rows]


async def forget_grower(session: AsyncSession, grower_id: str) -> None:
    """Erase a grower's particulars from every other table; ids, states and times stay."""
    nameless = {"name": ERASED, "email": None, "external_id": None, "slack_user": None}
    folded = {"folded_name": ERASED.casefold(), "folded_email": None, "folded_external_id": None}
    await session.execute(update(GrowerRow).where(GrowerRow.id == grower_id).values(**nameless, **folded))
    await session.execute(delete(LeafEventRow).where(LeafEventRow.grower_id == grower_id))
    await session.execute(delete(GrowerTagRow).where(GrowerTagRow.grower_id == grower_id))
    theirs = select(IncidentRow.id).where(IncidentRow.grower_id == grower_id)
    await session.execute(update(ThreadNoteRow).where(ThreadNoteRow.subject.in_(theirs)).values(detail={}))
    for mapper in Row.registry.mappers:
        columns = mapper.columns
        told = {name: value for name, value in PARTICULARS.items() if name in columns}
        if told and "grower_id" in columns:
            await session.execute(update(mapper.class_).where(columns["grower_id"] == grower_id).values(**told))
