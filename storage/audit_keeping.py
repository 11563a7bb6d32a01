"""What may happen to old entries of the audit trail: a checkpoint replaces them, or personal words are erased."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.audit import PAGE
from storage.growers import fold
from storage.records import AuditCheckpoint, ConsentState, SealedEntry
from storage.tables import (
    AuditCheckpointRow,
    AuditRow,
    BulkLineRow,
    BulkRow,
    ConnectionRow,
    ConsentRow,
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
    "note": None,
    "words": None,
    "tags": None,
}
"""Columns of any table that may tell of a grower, and what they hold afterwards."""

MENTIONS: dict[type[Row], dict[str, Any]] = {
    BulkRow: {"name": ERASED},
    BulkLineRow: {"typed": ERASED, "note": None, "words": None},
    ConnectionRow: {"account_email": None},
    ConsentRow: {"account_email": None},
    IncidentRow: {"assignment_reason": None, "snooze_reason": None},
    LeafEventRow: {"summary": ERASED},
    ThreadNoteRow: {"detail": {}},
}
"""Columns in which somebody else's row, or nobody's, may tell of a grower; all of one row's go together."""

SHORTEST = 3
"""Letters of a word that is sought within others: shorter ones are in everything."""


async def checkpoint(session: AsyncSession) -> AuditCheckpoint | None:
    """Where the trail begins, None when nothing was ever removed."""
    row = await session.scalar(select(AuditCheckpointRow).order_by(AuditCheckpointRow.seq.desc()).limit(1))
    return row.to_record() if row else None


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


async def typed_with(session: AsyncSession, words: Collection[str], behind: int = 0) -> tuple[list[int], int]:
    """Entries behind that number in which something was typed, on whomever, that holds one of these words; and the last
    number that was looked at. Changes nothing, so that it may take its time."""
    told = _teller(words)
    query = select(AuditRow.seq, AuditRow.typed).where(AuditRow.typed.is_not(None), AuditRow.salt.is_not(None))
    query = query.order_by(AuditRow.seq).limit(PAGE)
    numbers: list[int] = []
    while rows := (await session.execute(query.where(AuditRow.seq > behind))).all():
        numbers += [seq for seq, typed in rows if told(typed)]
        behind = rows[-1].seq
    return numbers, behind


async def erase_typed(session: AsyncSession, numbers: Sequence[int]) -> None:
    """Erase what was typed in these entries."""
    for start in range(0, len(numbers), 500):
        await _erase(session, AuditRow.seq.in_(numbers[start : start + 500]))


def _teller(words: Collection[str]) -> Callable[[object], bool]:
    """Whether a value, or anything in it, has one of these words in it that is not a part of a longer one."""
    sought = {folded for word in words if (folded := fold(word))}
    # Only Latin letters: others need no space between two words.
    parts = [rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])" for word in sought if len(word) >= SHORTEST]
    within = re.compile("|".join(parts) or r"(?!)")

    def tells(value: object) -> bool:
        if isinstance(value, str):
            folded = fold(value)
            return folded in sought or within.search(folded) is not None
        if isinstance(value, dict):
            return any(map(tells, value.values()))
        return isinstance(value, list) and any(map(tells, value))

    return tells


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


async def words_of(session: AsyncSession, grower_id: str) -> set[str]:
    """The names that a grower ever had here, and the e-mails of the FieldView accounts that were connected for them."""
    found = set(await session.scalars(_names_in(AuditRow.target_name, AuditRow.target, grower_id)))
    for table in _tables_with("grower_name"):
        columns = table.__table__.c
        found |= set(await session.scalars(_names_in(columns["grower_name"], columns["grower_id"], grower_id)))
    connected = select(ConnectionRow.account_email).where(ConnectionRow.grower_id == grower_id)
    approved = select(ConsentRow.account_email).where(
        ConsentRow.grower_id == grower_id, ConsentRow.state == ConsentState.CONNECTED
    )
    accounts = {account for query in (connected, approved) for account in await session.scalars(query) if account}
    # One account may be for two growers: an address that is another one's own is not taken from them.
    others = select(GrowerRow.folded_email).where(
        GrowerRow.id != grower_id, GrowerRow.folded_email.in_([fold(account) for account in accounts])
    )
    theirs = set(await session.scalars(others))
    return (found | {account for account in accounts if fold(account) not in theirs}) - {ERASED}


def _names_in(column: Any, whose: Any, grower_id: str) -> Select[Any]:
    return select(column).where(whose == grower_id, column.is_not(None)).distinct()


def _tables_with(*names: str) -> list[type[Row]]:
    """Those that have one of these columns and belong to a grower."""
    return [
        mapper.class_
        for mapper in Row.registry.mappers
        if "grower_id" in mapper.columns and any(name in mapper.columns for name in names)
    ]


async def forget_grower(session: AsyncSession, grower_id: str, words: Collection[str]) -> None:
    """Erase a grower's particulars from every other table, and what tells these words; ids, states and times stay."""
    nameless = {"name": ERASED, "email": None, "external_id": None, "slack_user": None}
    folded = {"folded_name": ERASED.casefold(), "folded_email": None, "folded_external_id": None}
    await session.execute(update(GrowerRow).where(GrowerRow.id == grower_id).values(**nameless, **folded))
    await session.execute(delete(LeafEventRow).where(LeafEventRow.grower_id == grower_id))
    await session.execute(delete(GrowerTagRow).where(GrowerTagRow.grower_id == grower_id))
    theirs = select(IncidentRow.id).where(IncidentRow.grower_id == grower_id)
    await session.execute(update(ThreadNoteRow).where(ThreadNoteRow.subject.in_(theirs)).values(detail={}))
    for table in _tables_with(*PARTICULARS):
        columns = table.__table__.c
        told = {name: value for name, value in PARTICULARS.items() if name in columns}
        await session.execute(update(table).where(columns["grower_id"] == grower_id).values(**told))
    await _forget_mentions(session, words)


async def _forget_mentions(session: AsyncSession, words: Collection[str]) -> None:
    told = _teller(words)
    for table, erased in MENTIONS.items():
        columns = table.__table__.c
        key = list(table.__table__.primary_key)
        for row in await session.execute(select(*key, *(columns[name] for name in erased))):
            if any(map(told, row[len(key) :])):
                this = [column == value for column, value in zip(key, row, strict=False)]
                await session.execute(update(table).where(*this).values(**erased))
