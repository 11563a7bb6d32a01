"""What is known of the credentials at Leaf, how it was found out, and how they end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import (
    Cause,
    Connection,
    CredentialStatus,
    Disconnection,
    DisconnectionState,
    LeafEvent,
    Sweep,
    Transition,
)
from storage.tables.base import Row


class ConnectionRow(Row):
    __tablename__ = "connections"

    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    cause: Mapped[str | None] = mapped_column(String(32))
    raw_status: Mapped[str | None] = mapped_column(Text)
    credential_id: Mapped[str | None] = mapped_column(String(64))
    missing_scopes: Mapped[list[str]]
    changed_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    connected_at: Mapped[datetime | None]
    account_email: Mapped[str | None] = mapped_column(Text)
    disconnecting_at: Mapped[datetime | None]
    completing_consent: Mapped[str | None] = mapped_column(String(32))

    def to_record(self) -> Connection:
        return Connection(
            grower_id=self.grower_id,
            status=CredentialStatus(self.status),
            changed_at=self.changed_at,
            checked_at=self.checked_at,
            cause=Cause(self.cause) if self.cause else None,
            raw_status=self.raw_status,
            credential_id=self.credential_id,
            missing_scopes=tuple(self.missing_scopes),
            connected_at=self.connected_at,
            account_email=self.account_email,
            disconnecting_at=self.disconnecting_at,
            completing_consent=self.completing_consent,
        )


class CredentialOwnerRow(Row):
    """Whose every credential ever seen was: Leaf's alerts name nothing else, and may come when it is gone."""

    __tablename__ = "credential_owners"

    credential_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"))


class TransitionRow(Row):
    __tablename__ = "transitions"
    __table_args__ = (Index("ix_transitions_grower_id_at", "grower_id", "at"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(32))
    raw_status: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(16))

    def to_record(self) -> Transition:
        return Transition(
            grower_id=self.grower_id,
            at=self.at,
            before=CredentialStatus(self.before) if self.before else None,
            after=CredentialStatus(self.after),
            cause=Cause(self.cause) if self.cause else None,
            raw_status=self.raw_status,
            source=self.source,
        )


class LeafEventRow(Row):
    __tablename__ = "leaf_events"
    __table_args__ = (Index("ix_leaf_events_grower_id_at", "grower_id", "at"),)

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    status_code: Mapped[int | None]
    summary: Mapped[str] = mapped_column(Text)

    def to_record(self) -> LeafEvent:
        return LeafEvent(self.id, self.grower_id, self.at, self.status_code, self.summary)


class SweepRow(Row):
    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    beat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    page: Mapped[int] = mapped_column(default=0)
    growers: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)

    def to_record(self) -> Sweep:
        return Sweep(
            self.id, self.started_at, self.beat_at, self.finished_at, self.page, self.growers, self.found, self.changed
        )


class DisconnectionRow(Row):
    __tablename__ = "disconnections"
    __table_args__ = (
        # One under way per grower, whoever asks and however often.
        Index(
            "uq_disconnections_open",
            "grower_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    credential_id: Mapped[str] = mapped_column(String(64))
    asked_by: Mapped[str] = mapped_column(String(32))
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    agreed_by: Mapped[str | None] = mapped_column(String(32))
    ended_by: Mapped[str | None] = mapped_column(String(32))
    ended_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(Text)

    def to_record(self) -> Disconnection:
        return Disconnection(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            credential_id=self.credential_id,
            asked_by=self.asked_by,
            asked_at=self.asked_at,
            due_at=self.due_at,
            state=DisconnectionState(self.state),
            agreed_by=self.agreed_by,
            ended_by=self.ended_by,
            ended_at=self.ended_at,
            trouble=self.trouble,
        )
