"""Connections that stopped working, and the trouble of many at once."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Care, Cause, CredentialStatus, Incident, Storm, StormKind
from storage.tables.base import Row


class IncidentRow(Row):
    __tablename__ = "incidents"
    __table_args__ = (
        # One open incident per grower, whoever finds the failure and however often.
        Index(
            "uq_incidents_open",
            "grower_id",
            unique=True,
            sqlite_where=text("recovered_at IS NULL"),
            postgresql_where=text("recovered_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(32))
    opened_at: Mapped[datetime]
    raw_status: Mapped[str | None] = mapped_column(Text)
    missing_scopes: Mapped[list[str]]
    recovered_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(32))
    repaired_by_consent: Mapped[str | None] = mapped_column(String(32))
    told_at: Mapped[datetime | None] = mapped_column(index=True)
    flapping_since: Mapped[datetime | None]
    summarised_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(32))
    acknowledged_at: Mapped[datetime | None]
    assigned_to: Mapped[str | None] = mapped_column(String(32))
    assigned_by: Mapped[str | None] = mapped_column(String(32))
    assigned_at: Mapped[datetime | None]
    assignment_reason: Mapped[str | None] = mapped_column(Text)
    snoozed_by: Mapped[str | None] = mapped_column(String(32))
    snooze_told_to: Mapped[str | None] = mapped_column(String(32))
    snoozed_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None] = mapped_column(index=True)
    snooze_reason: Mapped[str | None] = mapped_column(Text)
    woken_at: Mapped[datetime | None]
    escalated_to: Mapped[str | None] = mapped_column(String(32))
    escalated_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]

    def to_record(self) -> Incident:
        return Incident(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            status=CredentialStatus(self.status),
            cause=Cause(self.cause),
            opened_at=self.opened_at,
            raw_status=self.raw_status,
            missing_scopes=tuple(self.missing_scopes),
            recovered_at=self.recovered_at,
            ended_by=self.ended_by,
            repaired_by_consent=self.repaired_by_consent,
            care=Care(**{part.name: getattr(self, part.name) for part in fields(Care)}),
            told_at=self.told_at,
            flapping_since=self.flapping_since,
            summarised_at=self.summarised_at,
        )


class StormRow(Row):
    __tablename__ = "storms"
    __table_args__ = (Index("ix_storms_kind_last_at", "kind", "last_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[datetime]
    last_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    growers: Mapped[int] = mapped_column(default=0)
    reminded_at: Mapped[datetime | None]

    def to_record(self) -> Storm:
        return Storm(
            self.id, StormKind(self.kind), self.began_at, self.last_at, self.told_at, self.over_at, self.growers
        )


class StormIncidentRow(Row):
    """Which incidents a storm is made of. A table of its own: an incident's row may be locked by whoever ends it."""

    __tablename__ = "storm_incidents"

    incident_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    storm_id: Mapped[str] = mapped_column(String(32), index=True)
