"""The trail, its end, and what stands for what retention removed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import AuditCheckpoint, AuditEntry, SealedEntry
from storage.tables.base import Row

MERE_LOOKS = (
    *("status", "events", "history", "health", "help", "home", "find-grower"),
    *("links", "snoozes", "storm", "subscriptions"),
)
NO_MERE_LOOK = "outcome <> 'done' OR action NOT IN ({})".format(", ".join(map(repr, MERE_LOOKS)))
"""What an index of its own has, so that deeds are found behind millions of looks: a query says it word for word."""


class AuditRow(Row):
    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_target_seq", "target", "seq"),
        Index("ix_audit_actor_seq", "actor", "seq"),
        Index("ix_audit_deeds", "seq", sqlite_where=text(NO_MERE_LOOK), postgresql_where=text(NO_MERE_LOOK)),
    )

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Text)
    via: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(32))
    request_id: Mapped[str] = mapped_column(String(64), index=True)
    channel: Mapped[str | None] = mapped_column(String(32))
    target: Mapped[str | None] = mapped_column(String(64))
    target_name: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(64))
    typed: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[str | None] = mapped_column(String(64))
    commitment: Mapped[str | None] = mapped_column(String(64))

    def to_record(self) -> SealedEntry:
        entry = AuditEntry(
            at=self.at,
            actor=self.actor,
            via=self.via,
            action=self.action,
            outcome=self.outcome,
            request_id=self.request_id,
            channel=self.channel,
            target=self.target,
            target_name=self.target_name,
            detail=self.detail,
            typed=self.typed,
            salt=self.salt,
            commitment=self.commitment,
        )
        return SealedEntry(self.seq, entry, self.previous, self.mac)


class AuditHeadRow(Row):
    """The end of the audit chain; locking this one row puts writers in line."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    mac: Mapped[str] = mapped_column(String(64))


class AuditCheckpointRow(Row):
    """What stands for entries that retention removed; the database lets only those be deleted."""

    __tablename__ = "audit_checkpoints"

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    mac: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    seal: Mapped[str] = mapped_column(String(64))

    def to_record(self) -> AuditCheckpoint:
        return AuditCheckpoint(self.seq, self.mac, self.at, self.seal)
