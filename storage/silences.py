"""Growers whose data stands still although their connection is healthy: told once, until it is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import EVERYBODYS, CredentialStatus, Grower, Silence, SilenceEnd, SilenceKind, Whose
from storage.tables import ConnectionRow, GrowerRow, SilenceRow
from storage.upserts import insert


async def open_new(session: AsyncSession, silence: Silence) -> bool:
    """Remember that it is told; False when one of this grower is open already."""
    statement = insert(session, SilenceRow).values(
        id=silence.id,
        grower_id=silence.grower_id,
        kind=silence.kind,
        round=silence.round,
        since=silence.since,
        ever=silence.ever,
        told_at=silence.told_at,
        lapses_at=silence.lapses_at,
    )
    return await session.scalar(statement.on_conflict_do_nothing().returning(SilenceRow.id)) is not None


async def open_of_grower(session: AsyncSession, grower_id: str) -> Silence | None:
    row = await session.scalar(
        select(SilenceRow).where(SilenceRow.grower_id == grower_id, SilenceRow.ended_at.is_(None))
    )
    return row.to_record() if row else None


async def standing(session: AsyncSession, whose: Whose = EVERYBODYS) -> list[tuple[Grower, Silence]]:
    """Growers (of those) with a healthy connection whose silence was told and is not over: the longest first."""
    query = (
        _with_growers()
        .join(ConnectionRow, ConnectionRow.grower_id == GrowerRow.id)
        .where(
            SilenceRow.ended_at.is_(None),
            ConnectionRow.status == CredentialStatus.HEALTHY,
            GrowerRow.gone_at.is_(None),
            *narrowing.to(whose),
        )
    )
    return [(grower.to_record(), row.to_record()) for row, grower in await session.execute(query)]


async def unended(session: AsyncSession) -> list[Silence]:
    """All that are not over, whatever has become of the connection."""
    rows = await session.scalars(select(SilenceRow).where(SilenceRow.ended_at.is_(None)).order_by(SilenceRow.id))
    return [row.to_record() for row in rows]


async def of_round(session: AsyncSession, round_id: str) -> list[tuple[Grower, Silence]]:
    """All that one message told, what is over included: the longest first."""
    query = _with_growers().where(SilenceRow.round == round_id)
    return [(grower.to_record(), row.to_record()) for row, grower in await session.execute(query)]


async def end(session: AsyncSession, silence_id: str, at: datetime, by: SilenceEnd) -> Silence | None:
    """It is over; None when it was already."""
    row = await session.scalar(
        update(SilenceRow)
        .where(SilenceRow.id == silence_id, SilenceRow.ended_at.is_(None))
        .values(ended_at=at, ended_by=by)
        .returning(SilenceRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def restate(session: AsyncSession, silence_id: str, kind: SilenceKind, lapses_at: datetime | None) -> None:
    """It goes on, but looks different now."""
    await session.execute(update(SilenceRow).where(SilenceRow.id == silence_id).values(kind=kind, lapses_at=lapses_at))


def _with_growers() -> Select[SilenceRow, GrowerRow]:
    return (
        select(SilenceRow, GrowerRow)
        .join(GrowerRow, GrowerRow.id == SilenceRow.grower_id)
        .order_by(SilenceRow.since, SilenceRow.id)
    )
