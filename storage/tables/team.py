"""Who may do what, and work that changed hands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import AccessRule, Handover, Moved, Role
from storage.tables.base import Row


class AccessRuleRow(Row):
    __tablename__ = "access_rules"

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    made_by: Mapped[str] = mapped_column(String(32))
    made_at: Mapped[datetime]

    def to_record(self) -> AccessRule:
        return AccessRule(self.subject, Role(self.role), self.made_by, self.made_at)


class HandoverRow(Row):
    __tablename__ = "handovers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    giver: Mapped[str] = mapped_column(String(32))
    taker: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    moved: Mapped[dict[str, Any]]

    def to_record(self) -> Handover:
        moved = Moved(**{name: tuple(ids) for name, ids in self.moved.items()})
        return Handover(self.id, self.giver, self.taker, self.by, self.at, moved)
