"""Digests: one for each channel and local day, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import AnnouncementKind, Cause, ConsentState, Digest, Grower, Incident, Whose
from storage.tables import AnnouncementRow, ConsentRow, DigestRow, GrowerRow, IncidentRow
from storage.upserts import insert


async def add(session: AsyncSession, digest: Digest) -> bool:
    """False when that channel has had one that day."""
    wishes = digest.wishes
    statement = insert(session, DigestRow).values(
        id=digest.id,
        channel=digest.channel,
        day=digest.day.isoformat(),
        since=digest.since,
        until=digest.until,
        zone=wishes.zone or "UTC",
        owner=wishes.owner,
        tag=wishes.tag,
        topics=None if wishes.topics is None else list(wishes.topics),
    )
    return await session.scalar(statement.on_conflict_do_nothing().returning(DigestRow.id)) is not None


async def get(session: AsyncSession, digest_id: str) -> Digest | None:
    row = await session.get(DigestRow, digest_id, populate_existing=True)
    return row.to_record() if row else None


async def latest(session: AsyncSession, channel: str, before: date | None = None) -> tuple[date, datetime] | None:
    """The day of the channel's newest digest (`before` that one), and the moment from which on nothing was told: one
    that Slack does not show has told nothing."""
    about_it = and_(AnnouncementRow.kind == AnnouncementKind.DIGEST, AnnouncementRow.subject == DigestRow.id)
    shown = select(AnnouncementRow.id).where(about_it, AnnouncementRow.shown > 0).exists()
    earlier = [DigestRow.day < before.isoformat()] if before else []
    newest = select(DigestRow, shown).where(DigestRow.channel == channel, *earlier).order_by(DigestRow.day.desc())
    found = (await session.execute(newest.limit(1))).one_or_none()
    if found is None:
        return None
    row, is_told = found
    return date.fromisoformat(row.day), row.until if is_told else row.since


async def drop_older(session: AsyncSession, digest: Digest) -> None:
    """What the channel's earlier digests have not told, this one does."""
    earlier = select(DigestRow.id).where(DigestRow.channel == digest.channel, DigestRow.day < digest.day.isoformat())
    await session.execute(
        update(AnnouncementRow)
        .where(
            AnnouncementRow.kind == AnnouncementKind.DIGEST,
            AnnouncementRow.subject.in_(earlier),
            AnnouncementRow.shown == 0,
            AnnouncementRow.gave_up_reason.is_(None),
        )
        .values(gave_up_reason="a newer digest tells it")
    )


# What stands in them


async def standing(session: AsyncSession, whose: Whose) -> list[tuple[Incident, Grower]]:
    """Open incidents that channels have heard of (of those growers), the longest-standing first."""
    return await _incidents(session, whose, IncidentRow.recovered_at.is_(None))


async def recovered(
    session: AsyncSession, whose: Whose, since: datetime, until: datetime
) -> list[tuple[Incident, Grower]]:
    """Incidents that ended in between because the connection works again."""
    return await _incidents(session, whose, _works_again_within(since, until))


async def connected(session: AsyncSession, whose: Whose, since: datetime, until: datetime) -> list[Grower]:
    """Growers whose consent led to a connection in between and repaired no incident, by name."""
    query = (
        select(GrowerRow)
        .join(ConsentRow, ConsentRow.grower_id == GrowerRow.id)
        .outerjoin(IncidentRow, IncidentRow.repaired_by_consent == ConsentRow.id)
        .where(
            ConsentRow.state == ConsentState.CONNECTED,
            ConsentRow.finished_at.between(since, until),
            IncidentRow.id.is_(None),
            *narrowing.to(whose),
        )
        .order_by(GrowerRow.folded_name, GrowerRow.id)
    )
    found = {row.id: row.to_record() for row in await session.scalars(query)}
    return list(found.values())


# How a week went, in as little of each row as that takes: there may be many


@dataclass(frozen=True)
class Span:
    """From when to when a grower's connection was not well; `until` None is still."""

    grower_id: str
    cause: Cause
    since: datetime
    until: datetime | None


async def stood(session: AsyncSession, whose: Whose, since: datetime, until: datetime) -> list[Span]:
    """Incidents that stood at any moment in between."""
    ended_later = or_(IncidentRow.recovered_at.is_(None), IncidentRow.recovered_at > since)
    return await _spans(session, whose, IncidentRow.opened_at < until, ended_later)


async def repaired(session: AsyncSession, whose: Whose, since: datetime, until: datetime) -> list[Span]:
    """Incidents that ended in between because the connection works again."""
    return await _spans(session, whose, _works_again_within(since, until))


async def asked(
    session: AsyncSession, whose: Whose, since: datetime, until: datetime
) -> list[tuple[str, ConsentState]]:
    """Growers who were asked for consent in between, and what came of it; once for each link."""
    query = select(ConsentRow.grower_id, ConsentRow.state).join(GrowerRow, GrowerRow.id == ConsentRow.grower_id)
    rows = await session.execute(query.where(ConsentRow.created_at.between(since, until), *narrowing.to(whose)))
    return [(grower_id, ConsentState(state)) for grower_id, state in rows]


async def _spans(session: AsyncSession, whose: Whose, *where: ColumnElement[bool]) -> list[Span]:
    columns = (IncidentRow.grower_id, IncidentRow.cause, IncidentRow.opened_at, IncidentRow.recovered_at)
    query = select(*columns).join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
    rows = await session.execute(query.where(IncidentRow.told_at.is_not(None), *where, *narrowing.to(whose)))
    return [Span(grower_id, Cause(cause), began, ended) for grower_id, cause, began, ended in rows]


def _works_again_within(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(IncidentRow.recovered_at.between(since, until), IncidentRow.ended_by.not_in(("disconnect", "gone")))


async def _incidents(session: AsyncSession, whose: Whose, *where: ColumnElement[bool]) -> list[tuple[Incident, Grower]]:
    query: Select[IncidentRow, GrowerRow] = (
        select(IncidentRow, GrowerRow)
        .join(GrowerRow, GrowerRow.id == IncidentRow.grower_id)
        .where(IncidentRow.told_at.is_not(None), *where, *narrowing.to(whose))
        .order_by(IncidentRow.opened_at, IncidentRow.id)
    )
    return [(incident.to_record(), grower.to_record()) for incident, grower in await session.execute(query)]
