"""Channels that asked for alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Subscription
from storage.tables import SubscriptionRow


async def add(session: AsyncSession, channel: str, by: str, at: datetime) -> bool:
    """Subscribe the channel; False when it is subscribed and works. A broken subscription is made whole."""
    row = await session.get(SubscriptionRow, channel, with_for_update=True)
    if row is None:
        session.add(SubscriptionRow(channel=channel, made_by=by, made_at=at))
        await session.flush()
        return True
    was_broken = row.broken_reason is not None
    row.broken_reason = None
    return was_broken


async def remove(session: AsyncSession, channel: str) -> bool:
    """Unsubscribe the channel; False when it was not subscribed."""
    removed = await session.scalar(
        delete(SubscriptionRow).where(SubscriptionRow.channel == channel).returning(SubscriptionRow.channel)
    )
    return removed is not None


async def get(session: AsyncSession, channel: str) -> Subscription | None:
    row = await session.get(SubscriptionRow, channel)
    return row.to_record() if row else None


async def everyone(session: AsyncSession) -> list[Subscription]:
    rows = await session.scalars(select(SubscriptionRow).order_by(SubscriptionRow.made_at, SubscriptionRow.channel))
    return [row.to_record() for row in rows]


async def mark_broken(session: AsyncSession, channel: str, reason: str) -> bool:
    """Slack will not take messages there any more; False when that was known or nothing is subscribed."""
    marked = await session.scalar(
        update(SubscriptionRow)
        .where(SubscriptionRow.channel == channel, SubscriptionRow.broken_reason.is_(None))
        .values(broken_reason=reason)
        .returning(SubscriptionRow.channel)
    )
    return marked is not None
