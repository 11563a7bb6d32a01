"""The rules that give roles. At most one for each subject."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import AccessRule, Role
from storage.tables import AccessRuleRow
from storage.upserts import insert


async def everything(session: AsyncSession) -> list[AccessRule]:
    """Every rule, oldest first."""
    rows = await session.scalars(select(AccessRuleRow).order_by(AccessRuleRow.made_at, AccessRuleRow.subject))
    return [row.to_record() for row in rows]


async def put(session: AsyncSession, subject: str, role: Role | None, by: str, at: datetime) -> Role | None:
    """Give the subject this role, or no rule of its own; returns what it had."""
    row = await session.get(AccessRuleRow, subject, with_for_update=True, populate_existing=True)
    before = Role(row.role) if row else None
    if role is None:
        await session.execute(delete(AccessRuleRow).where(AccessRuleRow.subject == subject))
        return before
    values = {"role": role, "made_by": by, "made_at": at}
    statement = insert(session, AccessRuleRow).values(subject=subject, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[AccessRuleRow.subject], set_=values))
    return before
