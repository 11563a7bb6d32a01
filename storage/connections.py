"""What we know of each grower's credential at Leaf, and every change of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage import narrowing
from storage.records import EVERYBODYS, Cause, Connection, CredentialStatus, Grower, Transition, Whose
from storage.tables import ConnectionRow, CredentialOwnerRow, GrowerRow, IncidentRow, TransitionRow
from storage.upserts import insert

NEEDS_SOMEONE = (CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN)


async def get(session: AsyncSession, grower_id: str) -> Connection | None:
    row = await session.get(ConnectionRow, grower_id, populate_existing=True)
    return row.to_record() if row else None


async def get_many(session: AsyncSession, grower_ids: Iterable[str]) -> dict[str, Connection]:
    rows = await session.scalars(select(ConnectionRow).where(ConnectionRow.grower_id.in_(list(grower_ids))))
    return {row.grower_id: row.to_record() for row in rows}


async def grower_of_credential(session: AsyncSession, credential_id: str) -> str | None:
    """The grower whose credential this is or was last, as far as we have seen it: an alert may come after it."""
    return await session.scalar(
        select(CredentialOwnerRow.grower_id).where(CredentialOwnerRow.credential_id == credential_id)
    )


async def change(session: AsyncSession, now: Connection, before: CredentialStatus | None, source: str) -> bool:
    """Store the connection and its transition if its status is still `before`; False: somebody else was first."""
    values = _values(now) | {"changed_at": now.changed_at, "status": now.status}
    if not await (_add(session, now, values) if before is None else _set(session, now, values, before)):
        return False
    await _remember_owner(session, now)
    session.add(
        TransitionRow(
            grower_id=now.grower_id,
            at=now.changed_at,
            before=before,
            after=now.status,
            cause=now.cause,
            raw_status=now.raw_status,
            source=source,
        )
    )
    await session.flush()
    return True


async def refresh(session: AsyncSession, now: Connection) -> None:
    """Store details that changed while the status stayed the same; nothing is written to the history."""
    await session.execute(
        update(ConnectionRow)
        .where(ConnectionRow.grower_id == now.grower_id, ConnectionRow.status == now.status)
        .values(**_values(now))
    )
    await _remember_owner(session, now)


async def set_disconnecting(session: AsyncSession, grower_id: str, at: datetime | None) -> None:
    """Remember that we are about to remove the credential, so that its absence is no surprise."""
    await session.execute(update(ConnectionRow).where(ConnectionRow.grower_id == grower_id).values(disconnecting_at=at))


async def counts(session: AsyncSession, whose: Whose = EVERYBODYS) -> dict[CredentialStatus, int]:
    """How many of those growers still at Leaf stand where; those never seen with a credential are ABSENT."""
    status = func.coalesce(ConnectionRow.status, CredentialStatus.ABSENT.value)
    query = (
        select(status, func.count())
        .select_from(GrowerRow)
        .outerjoin(ConnectionRow, ConnectionRow.grower_id == GrowerRow.id)
        .where(GrowerRow.gone_at.is_(None), *narrowing.to(whose))
        .group_by(status)
    )
    return {CredentialStatus(name): number for name, number in await session.execute(query)}


async def needing_someone(
    session: AsyncSession, limit: int, whose: Whose = EVERYBODYS
) -> list[tuple[Grower, Connection]]:
    """Broken, limited and unknown connections, the longest-standing first."""
    query = (
        select(GrowerRow, ConnectionRow)
        .join(ConnectionRow, ConnectionRow.grower_id == GrowerRow.id)
        .where(ConnectionRow.status.in_(NEEDS_SOMEONE), GrowerRow.gone_at.is_(None), *narrowing.to(whose))
        .order_by(ConnectionRow.changed_at, GrowerRow.id)
        .limit(limit)
    )
    return [(grower.to_record(), connection.to_record()) for grower, connection in await session.execute(query)]


async def unavailable_since(session: AsyncSession, before: datetime) -> list[str]:
    """Growers over whom FieldView has failed Leaf since before then and of whom no other trouble is told, by id."""
    told_otherwise = IncidentRow.cause != Cause.STAYS_PENDING
    return await _without(session, told_otherwise, CredentialStatus.UNAVAILABLE, before)


async def pending_since(session: AsyncSession, before: datetime) -> list[str]:
    """Growers whose credential Leaf has been checking since before then and of whom that is not told yet, by id."""
    told_so = IncidentRow.cause == Cause.STAYS_PENDING
    return await _without(session, told_so, CredentialStatus.PENDING, before)


async def _without(
    session: AsyncSession, told: ColumnElement[bool], status: CredentialStatus, before: datetime
) -> list[str]:
    """Growers in this state since before then, and without such an open incident."""
    has_incident = select(IncidentRow.id).where(
        IncidentRow.grower_id == ConnectionRow.grower_id, IncidentRow.recovered_at.is_(None), told
    )
    query = select(ConnectionRow.grower_id).where(
        ConnectionRow.status == status, ConnectionRow.changed_at <= before, ~has_incident.exists()
    )
    return list(await session.scalars(query.order_by(ConnectionRow.grower_id)))


async def unknown_words(session: AsyncSession) -> set[str | None]:
    """Leaf's words in use that we do not understand."""
    query = select(ConnectionRow.raw_status).where(ConnectionRow.status == CredentialStatus.UNKNOWN)
    return set(await session.scalars(query.distinct()))


async def transitions(
    session: AsyncSession, grower_id: str, *, since: datetime | None = None, limit: int = 1000
) -> list[Transition]:
    """A grower's changes of status, newest first."""
    query = select(TransitionRow).where(TransitionRow.grower_id == grower_id)
    if since is not None:
        query = query.where(TransitionRow.at >= since)
    rows = await session.scalars(query.order_by(TransitionRow.at.desc(), TransitionRow.id.desc()).limit(limit))
    return [row.to_record() for row in rows]


COUNTED = (CredentialStatus.HEALTHY, CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN)
"""Between these a connection comes and goes; being set up, or waiting for FieldView, is neither."""

DEEDS = ("consent", "disconnect")
"""Sources of changes that people made."""


async def flaps(
    session: AsyncSession, grower_id: str, now: datetime, *, within: timedelta = timedelta(hours=24)
) -> int:
    """How often the connection changed lately, by itself."""
    number, last = 0, None
    for change in reversed(await transitions(session, grower_id, since=now - within)):
        if change.after is CredentialStatus.UNAVAILABLE:
            continue
        before = last or change.before
        by_itself = before in COUNTED and change.after in COUNTED and change.source not in DEEDS
        number += by_itself and before is not change.after
        last = change.after
    return number


async def status_at(session: AsyncSession, grower_id: str, at: datetime) -> CredentialStatus | None:
    """The status the connection had at that moment; None before it was first seen."""
    after = await session.scalar(
        select(TransitionRow.after)
        .where(TransitionRow.grower_id == grower_id, TransitionRow.at <= at)
        .order_by(TransitionRow.at.desc(), TransitionRow.id.desc())
        .limit(1)
    )
    return CredentialStatus(after) if after else None


async def changed_before(session: AsyncSession, at: datetime) -> set[str]:
    """The ids of the growers of whose connection something was known before then."""
    return set(await session.scalars(select(TransitionRow.grower_id).where(TransitionRow.at < at).distinct()))


async def _add(session: AsyncSession, now: Connection, values: dict[str, Any]) -> bool:
    statement = insert(session, ConnectionRow).values(grower_id=now.grower_id, **values).on_conflict_do_nothing()
    return await session.scalar(statement.returning(ConnectionRow.grower_id)) is not None


async def _set(session: AsyncSession, now: Connection, values: dict[str, Any], before: CredentialStatus) -> bool:
    statement = (
        update(ConnectionRow)
        .where(ConnectionRow.grower_id == now.grower_id, ConnectionRow.status == before)
        .values(**values)
        .returning(ConnectionRow.grower_id)
    )
    return await session.scalar(statement) is not None


async def _remember_owner(session: AsyncSession, now: Connection) -> None:
    # Who has lost a credential is not who has it: Leaf moves them when it merges users.
    if now.credential_id is not None and now.cause is not Cause.REMOVED_AT_LEAF:
        owner = {"credential_id": now.credential_id, "grower_id": now.grower_id}
        statement = insert(session, CredentialOwnerRow).values(**owner)
        newest = {"grower_id": statement.excluded.grower_id}
        await session.execute(statement.on_conflict_do_update(index_elements=["credential_id"], set_=newest))


def _values(now: Connection) -> dict[str, Any]:
    return {
        "cause": now.cause,
        "raw_status": now.raw_status,
        "credential_id": now.credential_id,
        "missing_scopes": list(now.missing_scopes),
        "checked_at": now.checked_at,
        "connected_at": now.connected_at,
        "account_email": now.account_email,
        "disconnecting_at": now.disconnecting_at,
        "completing_consent": now.completing_consent,
    }
