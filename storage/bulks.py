"""Lists of growers that become links, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Bulk, BulkLine, BulkState, Consent, ConsentState, LineFate
from storage.tables import BulkLineRow, BulkRow, ConsentRow


async def add(session: AsyncSession, bulk: Bulk, lines: Sequence[BulkLine]) -> None:
    session.add(
        BulkRow(
            id=bulk.id,
            name=bulk.name,
            made_by=bulk.made_by,
            channel=bulk.channel,
            made_at=bulk.made_at,
            state=bulk.state,
            left_out=list(bulk.left_out),
        )
    )
    await session.flush()
    await _add_lines(session, bulk.id, lines)


async def plan_anew(session: AsyncSession, bulk_id: str, lines: Sequence[BulkLine]) -> None:
    """These lines instead of those that were there."""
    await session.execute(delete(BulkLineRow).where(BulkLineRow.bulk_id == bulk_id))
    await _add_lines(session, bulk_id, lines)


async def _add_lines(session: AsyncSession, bulk_id: str, lines: Sequence[BulkLine]) -> None:
    values = [
        {
            "bulk_id": bulk_id,
            "number": line.number,
            "typed": line.typed,
            "fate": line.fate,
            "grower_id": line.grower_id,
            "grower_name": line.grower_name,
            "consent_id": line.consent_id,
            "note": line.note,
            "words": list(line.words) or None,
            "tags": list(line.tags) or None,
            "tagged": False if line.tags and line.grower_id else None,
        }
        for line in lines
    ]
    await session.execute(insert(BulkLineRow), values)


async def get(session: AsyncSession, bulk_id: str) -> Bulk | None:
    row = await session.get(BulkRow, bulk_id, populate_existing=True)
    return row.to_record() if row else None


async def is_running(session: AsyncSession, bulk_id: str) -> bool:
    """Whether it is being made, and is not stopped before the end of the transaction."""
    query = select(BulkRow.state).where(BulkRow.id == bulk_id).with_for_update(read=True)
    return await session.scalar(query) == BulkState.RUNNING


async def waiting(session: AsyncSession) -> list[Bulk]:
    """Lists that came before everybody at Leaf was known, the oldest first."""
    rows = await session.scalars(select(BulkRow).where(BulkRow.state == BulkState.WAITING).order_by(BulkRow.made_at))
    return [row.to_record() for row in rows]


async def planned_by(session: AsyncSession, person: str, name: str) -> list[Bulk]:
    """Lists of that name which this person has not decided on yet, the newest first."""
    theirs = (BulkRow.made_by == person, BulkRow.name == name, BulkRow.state == BulkState.PLANNED)
    rows = await session.scalars(select(BulkRow).where(*theirs).order_by(BulkRow.made_at.desc(), BulkRow.id))
    return [row.to_record() for row in rows]


async def lines(session: AsyncSession, bulk_id: str) -> list[BulkLine]:
    """Every line, in the order of the file."""
    rows = await session.scalars(select(BulkLineRow).where(BulkLineRow.bulk_id == bulk_id).order_by(BulkLineRow.number))
    return [row.to_record() for row in rows]


async def to_do(session: AsyncSession, bulk_id: str, limit: int) -> list[BulkLine]:
    """The next lines that are still to be done."""
    rows = await session.scalars(
        select(BulkLineRow)
        .where(BulkLineRow.bulk_id == bulk_id, BulkLineRow.fate == LineFate.TO_INVITE)
        .order_by(BulkLineRow.number)
        .limit(limit)
    )
    return [row.to_record() for row in rows]


async def to_tag(session: AsyncSession, bulk_id: str, limit: int) -> list[BulkLine]:
    """The next lines whose growers are still to get their tags."""
    rows = await session.scalars(
        select(BulkLineRow)
        .where(BulkLineRow.bulk_id == bulk_id, BulkLineRow.tagged.is_(False))
        .order_by(BulkLineRow.number)
        .limit(limit)
    )
    return [row.to_record() for row in rows]


async def untagged(session: AsyncSession, bulk_id: str, number: int, note: str) -> None:
    """The grower of this line did not get its tags, and why."""
    chosen = update(BulkLineRow).where(BulkLineRow.bulk_id == bulk_id, BulkLineRow.number == number)
    await session.execute(chosen.values(tags=None, tagged=None, note=note))


async def is_tagged(session: AsyncSession, bulk_id: str, number: int) -> bool:
    """The grower of this line gets its tags now; False when it has got them already."""
    tagged = await session.scalar(
        update(BulkLineRow)
        .where(BulkLineRow.bulk_id == bulk_id, BulkLineRow.number == number, BulkLineRow.tagged.is_(False))
        .values(tagged=True)
        .returning(BulkLineRow.number)
    )
    return tagged is not None


async def line(session: AsyncSession, bulk_id: str, number: int) -> BulkLine | None:
    row = await session.get(BulkLineRow, (bulk_id, number), populate_existing=True)
    return row.to_record() if row else None


async def move(
    session: AsyncSession, bulk_id: str, expected: BulkState, state: BulkState, **values: Any
) -> Bulk | None:
    """Compare-and-set: the list in its new state, or None when it was not in the expected one."""
    row = await session.scalar(
        update(BulkRow)
        .where(BulkRow.id == bulk_id, BulkRow.state == expected)
        .values(state=state, **values)
        .returning(BulkRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def note(session: AsyncSession, bulk_id: str, trouble: str | None) -> None:
    """Why the list with the links could not be sent; None: it could."""
    await session.execute(update(BulkRow).where(BulkRow.id == bulk_id).values(trouble=trouble))


async def settle(session: AsyncSession, bulk_id: str, number: int, **values: Any) -> bool:
    """What became of a line that was still to be done; False when that is known already."""
    settled = await session.scalar(
        update(BulkLineRow)
        .where(BulkLineRow.bulk_id == bulk_id, BulkLineRow.number == number, BulkLineRow.fate == LineFate.TO_INVITE)
        .values(**values)
        .returning(BulkLineRow.number)
    )
    return settled is not None


async def settle_begun(session: AsyncSession, bulk_id: str) -> None:
    """No more is made, but links that were made are there: who was sent theirs has it, the others' are to pass on."""
    begun = (
        BulkLineRow.bulk_id == bulk_id,
        BulkLineRow.fate == LineFate.TO_INVITE,
        BulkLineRow.consent_id.is_not(None),
    )
    sent = select(ConsentRow.id).where(ConsentRow.sent_to.is_not(None))
    await session.execute(
        update(BulkLineRow).where(*begun, BulkLineRow.consent_id.in_(sent)).values(fate=LineFate.SENT)
    )
    await session.execute(update(BulkLineRow).where(*begun).values(fate=LineFate.TO_SHARE))


async def not_sent(session: AsyncSession, consent_id: str) -> list[str]:
    """Its link did not reach the grower after all, and is to be passed on: the lists in which it stands as sent."""
    told = await session.scalars(
        update(BulkLineRow)
        .where(BulkLineRow.consent_id == consent_id, BulkLineRow.fate == LineFate.SENT)
        .values(fate=LineFate.TO_SHARE)
        .returning(BulkLineRow.bulk_id)
    )
    return sorted(set(told))


async def of_consent(session: AsyncSession, consent_id: str) -> list[str]:
    """The lists in which this consent's link stands."""
    return list(
        await session.scalars(
            select(BulkLineRow.bulk_id)
            .where(BulkLineRow.consent_id == consent_id)
            .distinct()
            .order_by(BulkLineRow.bulk_id)
        )
    )


async def answers(session: AsyncSession, bulk_id: str) -> dict[ConsentState, int]:
    """How the links of this list stand."""
    query = (
        select(ConsentRow.state, func.count())
        .join(BulkLineRow, BulkLineRow.consent_id == ConsentRow.id)
        .where(BulkLineRow.bulk_id == bulk_id)
        .group_by(ConsentRow.state)
    )
    return {ConsentState(state): count for state, count in await session.execute(query)}


async def consents_of(session: AsyncSession, bulk_id: str) -> dict[str, Consent]:
    """The consents whose links stand in this list, by id."""
    rows = await session.scalars(
        select(ConsentRow)
        .join(BulkLineRow, BulkLineRow.consent_id == ConsentRow.id)
        .where(BulkLineRow.bulk_id == bulk_id)
    )
    return {row.id: row.to_record() for row in rows}


async def forget(session: AsyncSession, before: datetime) -> int:
    """Delete lists made before that moment, with what was written in them; returns how many."""
    old = select(BulkRow.id).where(BulkRow.made_at < before)
    await session.execute(delete(BulkLineRow).where(BulkLineRow.bulk_id.in_(old)))
    gone = await session.execute(delete(BulkRow).where(BulkRow.made_at < before))
    return int(getattr(gone, "rowcount", 0))
