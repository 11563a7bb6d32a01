"""Connections that somebody wants ended: asked, agreed to, undone or done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Disconnection, DisconnectionState
from storage.tables import DisconnectionRow
from storage.upserts import insert

UNDER_WAY = (DisconnectionState.WAITING, DisconnectionState.SCHEDULED, DisconnectionState.ENDING)


async def begin(session: AsyncSession, wanted: Disconnection) -> bool:
    """Store it; False when this grower's connection is being ended already."""
    statement = insert(session, DisconnectionRow).values(
        id=wanted.id,
        grower_id=wanted.grower_id,
        grower_name=wanted.grower_name,
        credential_id=wanted.credential_id,
        asked_by=wanted.asked_by,
        asked_at=wanted.asked_at,
        due_at=wanted.due_at,
        state=wanted.state,
    )
    added = statement.on_conflict_do_nothing().returning(DisconnectionRow.id)
    return await session.scalar(added) is not None


async def get(session: AsyncSession, disconnection_id: str) -> Disconnection | None:
    row = await session.get(DisconnectionRow, disconnection_id, populate_existing=True)
    return row.to_record() if row else None


async def under_way(session: AsyncSession, grower_id: str) -> Disconnection | None:
    """The one that is not over yet."""
    row = await session.scalar(
        select(DisconnectionRow).where(DisconnectionRow.grower_id == grower_id, DisconnectionRow.state.in_(UNDER_WAY))
    )
    return row.to_record() if row else None


async def is_ending(session: AsyncSession, grower_id: str) -> bool:
    """Whether Leaf is being told to end this grower's connection at this moment."""
    ending = (DisconnectionRow.grower_id == grower_id, DisconnectionRow.state == DisconnectionState.ENDING)
    return await session.scalar(select(DisconnectionRow.id).where(*ending).limit(1)) is not None


async def move(
    session: AsyncSession,
    disconnection_id: str,
    expected: tuple[DisconnectionState, ...],
    state: DisconnectionState,
    **values: Any,
) -> Disconnection | None:
    """Compare-and-set: the disconnection in its new state, or None when it was in none of the expected ones."""
    row = await session.scalar(
        update(DisconnectionRow)
        .where(DisconnectionRow.id == disconnection_id, DisconnectionRow.state.in_(expected))
        .values(state=state, **values)
        .returning(DisconnectionRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None
