"""What the team does about open incidents, kept on the incident's own row: nothing can be done to one that is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import (
    EVERYBODYS,
    Cause,
    ConsentState,
    CredentialStatus,
    Grower,
    Incident,
    Storm,
    StormKind,
    Whose,
)
from storage.tables import ConnectionRow, ConsentRow, GrowerRow, IncidentRow, StormIncidentRow, StormRow

_IS_OPEN = IncidentRow.recovered_at.is_(None)
_IS_SNOOZED = IncidentRow.snoozed_by.is_not(None)
_NOBODY = ""


async def acknowledge(session: AsyncSession, incident_id: str, by: str, at: datetime) -> Incident | None:
    """None when somebody else has it already, or it is over."""
    free = IncidentRow.acknowledged_by.is_(None)
    return await _set(session, incident_id, free, acknowledged_by=by, acknowledged_at=at)


async def assign(
    session: AsyncSession,
    incident_id: str,
    to: str,
    by: str,
    reason: str | None,
    at: datetime,
    *,
    instead_of: str | None,
) -> Incident | None:
    """Give the incident to somebody; None when it is not `instead_of` who has it any more, or it is over."""
    unchanged = IncidentRow.assigned_to.is_not_distinct_from(instead_of)
    return await _set(
        session, incident_id, unchanged, assigned_to=to, assigned_by=by, assigned_at=at, assignment_reason=reason
    )


async def snooze(
    session: AsyncSession, incident_id: str, by: str, until: datetime | None, reason: str, at: datetime
) -> Incident | None:
    """None when it is snoozed already, or over. Without `until` it stays so until the connection works again."""
    awake = IncidentRow.snoozed_by.is_(None)
    mine: dict[str, Any] = {"snoozed_by": by, "snooze_told_to": by, "snoozed_at": at}
    return await _set(session, incident_id, awake, snoozed_until=until, snooze_reason=reason, **mine)


async def wake(session: AsyncSession, incident_id: str, at: datetime, *, only_if_due: bool = False) -> bool:
    """End the snooze; False when there is none, it is over, or its time has not come."""
    due = IncidentRow.snoozed_until <= at if only_if_due else _IS_SNOOZED
    nothing = dict.fromkeys(("snoozed_by", "snooze_told_to", "snoozed_at", "snoozed_until", "snooze_reason"))
    return await _set(session, incident_id, due, woken_at=at, **nothing) is not None


async def has_worked(session: AsyncSession, incident_id: str, at: datetime) -> None:
    """It did for a while: a snooze that was to last until then is due, and ends as one whose time has come."""
    await _set(session, incident_id, and_(_IS_SNOOZED, IncidentRow.snoozed_until.is_(None)), snoozed_until=at)


async def snoozed(session: AsyncSession, limit: int, whose: Whose = EVERYBODYS) -> list[tuple[Incident, Grower]]:
    """Open incidents (of those growers) that are snoozed: whose time comes first, then those without a time."""
    rows = await session.execute(
        select(IncidentRow, GrowerRow)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .where(_IS_OPEN, _IS_SNOOZED, *narrowing.to(whose))
        .order_by(IncidentRow.snoozed_until.is_(None), IncidentRow.snoozed_until, IncidentRow.id)
        .limit(limit)
    )
    return [(incident.to_record(), grower.to_record()) for incident, grower in rows]


async def with_snooze(session: AsyncSession, whose: Whose = EVERYBODYS) -> frozenset[str]:
    """The ids of the growers whose open incident is snoozed."""
    query = select(IncidentRow.grower_id).join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
    return frozenset(await session.scalars(query.where(_IS_OPEN, _IS_SNOOZED, *narrowing.to(whose))))


async def due_to_wake(session: AsyncSession, at: datetime, limit: int) -> list[Incident]:
    """Open incidents whose snooze has run out."""
    rows = await session.scalars(
        select(IncidentRow)
        .where(_IS_OPEN, IncidentRow.snoozed_until <= at)
        .order_by(IncidentRow.snoozed_until, IncidentRow.id)
        .limit(limit)
    )
    return [row.to_record() for row in rows]


_holder: ColumnElement[Any] = case(
    (IncidentRow.acknowledged_at > IncidentRow.assigned_at, IncidentRow.acknowledged_by),
    else_=func.coalesce(IncidentRow.assigned_to, IncidentRow.acknowledged_by),
)
"""Whoever was given the alert, or has acknowledged it since, or without being given it."""


async def everybody(session: AsyncSession) -> set[str]:
    """All who have taken up an open incident, or hear of it when its snooze ends."""
    snoozed = select(IncidentRow.snooze_told_to).where(_IS_OPEN, _IS_SNOOZED)
    return {
        person
        for query in (select(_holder).where(_IS_OPEN), snoozed)
        for person in await session.scalars(query)
        if person
    }


async def taken_up_by(session: AsyncSession, person: str) -> list[str]:
    """The ids of the growers whose open incident this person has."""
    return list(await session.scalars(select(IncidentRow.grower_id).where(_IS_OPEN, _holder == person)))


async def snoozes_of(session: AsyncSession, person: str) -> int:
    """How many snoozes of open incidents this person hears of when they end."""
    query = select(func.count()).select_from(IncidentRow).where(_IS_OPEN, _IS_SNOOZED)
    return await session.scalar(query.where(IncidentRow.snooze_told_to == person)) or 0


async def let_go(session: AsyncSession, person: str) -> list[Incident]:
    """Whoever left does nothing about them: what they had taken up waits for somebody again, and shows whose it was."""
    theirs = select(IncidentRow.id).where(_IS_OPEN, IncidentRow.acknowledged_by.is_not(None), _holder == person)
    rows = await session.scalars(
        update(IncidentRow)
        # In the order in which a sweep locks them, so that neither waits for the other in a circle.
        .where(IncidentRow.id.in_(theirs.order_by(IncidentRow.grower_id).with_for_update()))
        .values(
            acknowledged_by=None,
            acknowledged_at=None,
            assigned_to=person,
            assigned_by=func.coalesce(IncidentRow.assigned_by, person),
            assigned_at=func.coalesce(IncidentRow.assigned_at, IncidentRow.acknowledged_at),
        )
        .returning(IncidentRow)
        .execution_options(populate_existing=True)
    )
    return sorted((row.to_record() for row in rows), key=lambda incident: incident.id)


async def forgotten(
    session: AsyncSession, since: datetime, now: datetime, limit: int, *, told_since: datetime
) -> list[tuple[Incident, str | None]]:
    """Open incidents that nobody has taken up since then, that no link is about to repair and no storm stands for.

    Each with whose it is: the oldest one of everybody, and none of those who were reminded of another `told_since`.
    """
    storm = select(StormIncidentRow.incident_id).where(StormIncidentRow.incident_id == IncidentRow.id)
    asked = select(ConsentRow.asked_by).where(ConsentRow.grower_id == IncidentRow.grower_id)
    newest = asked.order_by(ConsentRow.created_at.desc()).limit(1).scalar_subquery()
    # Who was given an alert that nobody has taken up has left, or has it from whoever left.
    whose = func.coalesce(GrowerRow.owner, newest, _NOBODY)
    of_growers = select(whose).select_from(IncidentRow).join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
    first = (IncidentRow.opened_at, IncidentRow.id)
    ranked = (
        of_growers.with_only_columns(
            IncidentRow.id,
            whose.label("whose"),
            func.row_number().over(partition_by=whose, order_by=first).label("nth"),
        )
        .where(
            *waits_for_the_team(now),
            *_forgotten(since),
            ~storm.exists(),
            whose.not_in(of_growers.where(IncidentRow.reminded_at > told_since)),
        )
        .subquery()
    )
    rows = await session.execute(
        select(IncidentRow, ranked.c.whose)
        .join(ranked, ranked.c.id == IncidentRow.id)
        .where(ranked.c.nth == 1)
        .order_by(*first)
        .limit(limit)
    )
    return [(row.to_record(), person or None) for row, person in rows]


async def forgotten_in_storms(
    session: AsyncSession, since: datetime, now: datetime
) -> list[tuple[Storm, dict[str, int]]]:
    """Storms of growers that were not brought to mind since then, with incidents that nobody has taken up since then.

    Each with how many of them whose owner has; those of nobody under an empty name.
    """
    owner = func.coalesce(GrowerRow.owner, _NOBODY)
    query = (
        select(StormRow, owner, func.count())
        .join(StormIncidentRow, StormIncidentRow.storm_id == StormRow.id)
        .join(IncidentRow, IncidentRow.id == StormIncidentRow.incident_id)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .where(
            StormRow.told_at <= since,
            *_not_reminded(since),
            *waits_for_the_team(now),
            *_forgotten(since),
        )
        .group_by(StormRow.id, owner)
        .order_by(StormRow.began_at, StormRow.id, func.count().desc(), owner)
    )
    found: dict[str, tuple[Storm, dict[str, int]]] = {}
    for row, whose, number in await session.execute(query):
        found.setdefault(row.id, (row.to_record(), {}))[1][whose] = number
    return list(found.values())


async def remind_of_storm(session: AsyncSession, storm_id: str, at: datetime, *, before: datetime) -> bool:
    """Note that it is brought to mind; False when it is over, or somebody was reminded since `before`."""
    query = update(StormRow).where(StormRow.id == storm_id, *_not_reminded(before)).values(reminded_at=at)
    return await session.scalar(query.returning(StormRow.id)) is not None


async def remind(session: AsyncSession, incident_id: str, at: datetime, *, before: datetime) -> bool:
    """Note that it is brought to mind; False when somebody took it up meanwhile, or reminded since `before`."""
    quiet_since = and_(*_forgotten(before))
    return await _set(session, incident_id, quiet_since, reminded_at=at) is not None


def waits_for_the_team(now: datetime) -> list[ColumnElement[bool]]:
    """Channels have heard of it, it does not work at the moment, waiting does not mend it, and no link is about to."""
    link = select(ConsentRow.id).where(
        ConsentRow.grower_id == IncidentRow.grower_id,
        or_(
            and_(ConsentRow.state == ConsentState.OPEN, ConsentRow.expires_at > now),
            ConsentRow.state.in_((ConsentState.EXCHANGING, ConsentState.HELD, ConsentState.DELIVERING)),
        ),
    )
    mends_itself = IncidentRow.cause.in_((Cause.FIELDVIEW_DOWN, Cause.LEAF_DOWN))
    nobodys = (CredentialStatus.HEALTHY, CredentialStatus.UNAVAILABLE)
    at_the_moment = select(ConnectionRow.grower_id).where(
        ConnectionRow.grower_id == IncidentRow.grower_id, ConnectionRow.status.in_(nobodys)
    )
    return [IncidentRow.told_at.is_not(None), ~mends_itself, ~at_the_moment.exists(), ~link.exists()]


def _not_reminded(since: datetime) -> list[ColumnElement[bool]]:
    return [
        StormRow.kind == StormKind.GROWERS,
        StormRow.over_at.is_(None),
        or_(StormRow.reminded_at.is_(None), StormRow.reminded_at <= since),
    ]


def _forgotten(since: datetime) -> list[ColumnElement[bool]]:
    """Open, nobody has it, and nothing has happened to it since then."""
    moments = (IncidentRow.woken_at, IncidentRow.reminded_at)
    untouched = [or_(moment.is_(None), moment <= since) for moment in moments]
    nobodys = (IncidentRow.acknowledged_by.is_(None), ~_IS_SNOOZED)
    return [_IS_OPEN, IncidentRow.opened_at <= since, *nobodys, *untouched]


async def _set(session: AsyncSession, incident_id: str, if_: ColumnElement[bool], **values: Any) -> Incident | None:
    """Compare and set on an open incident: of two at once, one gets it."""
    row = await session.scalar(
        update(IncidentRow)
        .where(IncidentRow.id == incident_id, _IS_OPEN, if_)
        .values(**values)
        .returning(IncidentRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None
