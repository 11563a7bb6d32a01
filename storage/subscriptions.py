"""Channels that asked for alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Subscription, Wishes
from storage.tables import SubscriptionRow
from storage.upserts import insert


async def add(session: AsyncSession, channel: str, by: str, at: datetime) -> bool:
    """Subscribe the channel to everything; False when it is subscribed and works.

    A broken subscription is made whole, and wants what it wanted.
    """
    statement = insert(session, SubscriptionRow).values(channel=channel, made_by=by, made_at=at)
    repaired = statement.on_conflict_do_update(
        index_elements=[SubscriptionRow.channel],
        set_={"broken_reason": None},
        where=SubscriptionRow.broken_reason.is_not(None),
    )
    return await session.scalar(repaired.returning(SubscriptionRow.channel)) is not None


async def choose(session: AsyncSession, channel: str, wishes: Wishes, by: str | None, at: datetime | None) -> None:
    """From now on the channel wants to hear this; `by` nobody when it is chosen with the subscription."""
    await session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.channel == channel)
        .values(
            owner=wishes.owner,
            tag=wishes.tag,
            topics=None if wishes.topics is None else list(wishes.topics),
            delivery=wishes.delivery,
            digest_hour=wishes.digest_hour,
            zone=wishes.zone,
            changed_by=by,
            changed_at=at,
        )
    )


async def remove(session: AsyncSession, channel: str) -> bool:
    """Unsubscribe the channel; False when it was not subscribed."""
    removed = await session.scalar(
        delete(SubscriptionRow).where(SubscriptionRow.channel == channel).returning(SubscriptionRow.channel)
    )
    return removed is not None


async def get(session: AsyncSession, channel: str) -> Subscription | None:
    row = await session.get(SubscriptionRow, channel, populate_existing=True)
    return row.to_record() if row else None


async def everyone(session: AsyncSession) -> list[Subscription]:
    rows = await session.scalars(select(SubscriptionRow).order_by(SubscriptionRow.made_at, SubscriptionRow.channel))
    return [row.to_record() for row in rows]


async def owners(session: AsyncSession) -> set[str]:
    """The colleagues to whose growers some channel keeps."""
    found = await session.scalars(select(SubscriptionRow.owner).where(SubscriptionRow.owner.is_not(None)).distinct())
    return {owner for owner in found if owner}


async def of_owner(session: AsyncSession, owner: str) -> list[str]:
    """The channels that hear of this colleague's growers only."""
    query = select(SubscriptionRow.channel).where(SubscriptionRow.owner == owner).order_by(SubscriptionRow.channel)
    return list(await session.scalars(query))


async def mark_broken(session: AsyncSession, channel: str, reason: str) -> bool:
    """Slack will not take messages there any more; False when that was known or nothing is subscribed."""
    marked = await session.scalar(
        update(SubscriptionRow)
        .where(SubscriptionRow.channel == channel, SubscriptionRow.broken_reason.is_(None))
        .values(broken_reason=reason)
        .returning(SubscriptionRow.channel)
    )
    return marked is not None
