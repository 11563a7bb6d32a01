"""Everything of one member of the team given to another, in one go."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.consents import UNFINISHED
from storage.records import BulkState, Handover, Moved
from storage.tables import BulkRow, ConsentRow, EscalationRow, GrowerRow, HandoverRow, IncidentRow, Row, SubscriptionRow

BATCH = 500
"""Rows named in one statement: databases have limits."""


async def move(session: AsyncSession, giver: str, taker: str, name: str) -> Moved:
    """Growers, open links, snoozes and assignments of open incidents, subscriptions, the channels they lead, and lists
    of growers that are not through. The links bear the taker's `name` from now on; who made a link or snoozed something
    stays so.

    Rows are locked in the order in which a new link and a finished consent lock them: growers before their links, also
    those whom the giver does not look after. Each table in the order of its ids.
    """
    open_links = ConsentRow.state.in_(UNFINISHED)
    linked = GrowerRow.id.in_(select(ConsentRow.grower_id).where(ConsentRow.asked_by == giver, open_links))
    concerned = select(GrowerRow.id).where(or_(GrowerRow.owner == giver, linked)).order_by(GrowerRow.id)
    await session.execute(concerned.with_for_update(key_share=True))
    growers = await _give(session, GrowerRow.id, GrowerRow.owner, giver, taker)
    maker = func.coalesce(ConsentRow.made_by, ConsentRow.asked_by)
    also = {"made_by": maker, "asked_by_name": name}
    links = await _give(session, ConsentRow.id, ConsentRow.asked_by, giver, taker, open_links, **also)
    still_open = IncidentRow.recovered_at.is_(None)
    snoozed = (still_open, IncidentRow.snoozed_by.is_not(None))
    snoozes = await _give(session, IncidentRow.id, IncidentRow.snooze_told_to, giver, taker, *snoozed)
    assigned = await _give(session, IncidentRow.id, IncidentRow.assigned_to, giver, taker, still_open)
    channels = await _give_subscriptions(session, giver, taker)
    leads = await _give(session, EscalationRow.channel, EscalationRow.lead, giver, taker)
    unfinished = BulkRow.state.in_((BulkState.WAITING, BulkState.PLANNED, BulkState.RUNNING))
    lists = await _give(session, BulkRow.id, BulkRow.made_by, giver, taker, unfinished)
    moved = growers, links, snoozes, assigned, channels, leads, lists
    return Moved(*map(tuple, moved))


async def keep(session: AsyncSession, handover: Handover) -> None:
    """Remember it for the message that tells the taker."""
    session.add(
        HandoverRow(
            id=handover.id,
            giver=handover.giver,
            taker=handover.taker,
            by=handover.by,
            at=handover.at,
            moved={name: list(ids) for name, ids in vars(handover.moved).items()},
        )
    )
    await session.flush()


async def get(session: AsyncSession, handover_id: str) -> Handover | None:
    row = await session.get(HandoverRow, handover_id, populate_existing=True)
    return row.to_record() if row else None


async def open_incidents(session: AsyncSession, moved: Moved) -> dict[str, bool]:
    """The open incidents whose cards name somebody else from now on, and whether channels were told of a grower's that
    has another owner."""
    found = dict.fromkeys(moved.assigned, False)
    for start in range(0, len(moved.growers), BATCH):
        theirs = IncidentRow.grower_id.in_(moved.growers[start:][:BATCH])
        query = select(IncidentRow.id, IncidentRow.told_at).where(IncidentRow.recovered_at.is_(None), theirs)
        found.update({key: told_at is not None for key, told_at in await session.execute(query)})
    return dict(sorted(found.items()))


async def _give_subscriptions(session: AsyncSession, giver: str, taker: str) -> list[str]:
    """Those that the giver made, and those that are about the giver's growers."""
    made_or_about = or_(SubscriptionRow.made_by == giver, SubscriptionRow.owner == giver)
    theirs = select(SubscriptionRow).where(made_or_about).order_by(SubscriptionRow.channel).with_for_update()
    rows = list(await session.scalars(theirs.execution_options(populate_existing=True)))
    for row in rows:
        row.made_by = taker if row.made_by == giver else row.made_by
        row.owner = taker if row.owner == giver else row.owner
    await session.flush()
    return [row.channel for row in rows]


async def _give(
    session: AsyncSession, key: Any, holder: Any, giver: str, taker: str, *where: Any, **also: Any
) -> list[str]:
    mine = select(key).where(holder == giver, *where).order_by(key).with_for_update(key_share=True)
    keys: list[str] = list(await session.scalars(mine))
    table: type[Row] = key.class_
    for start in range(0, len(keys), BATCH):
        chosen = update(table).where(key.in_(keys[start:][:BATCH])).values({holder.key: taker, **also})
        await session.execute(chosen.execution_options(synchronize_session=False))
    return keys
