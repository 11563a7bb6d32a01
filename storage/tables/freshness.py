"""Whether healthy connections bring anything: their data, the first of it, and silence."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import FirstData, Freshness, Silence, SilenceEnd, SilenceKind
from storage.tables.base import Row


class FreshnessRow(Row):
    """What Leaf last told of a grower's data, and the last time FieldView is known to have served Leaf for them."""

    __tablename__ = "freshness"

    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), primary_key=True)
    synced_at: Mapped[datetime | None]
    farms: Mapped[int]
    fields: Mapped[int]
    read_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    use_read_at: Mapped[datetime | None]

    def to_record(self) -> Freshness:
        return Freshness(
            self.grower_id, self.synced_at, self.farms, self.fields, self.read_at, self.used_at, self.use_read_at
        )


class FirstDataRow(Row):
    __tablename__ = "first_data"

    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    came_at: Mapped[datetime | None]
    farms: Mapped[int]
    fields: Mapped[int]
    missed_at: Mapped[datetime | None]

    def to_record(self) -> FirstData:
        return FirstData(
            self.consent_id, self.grower_id, self.since, self.came_at, self.farms, self.fields, self.missed_at
        )


class SilenceRow(Row):
    __tablename__ = "silences"
    __table_args__ = (
        Index(
            "uq_silences_open",
            "grower_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"))
    kind: Mapped[str] = mapped_column(String(16))
    round: Mapped[str] = mapped_column(String(64), index=True)
    since: Mapped[datetime]
    ever: Mapped[bool]
    lapses_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(16))

    def to_record(self) -> Silence:
        return Silence(
            id=self.id,
            grower_id=self.grower_id,
            kind=SilenceKind(self.kind),
            round=self.round,
            since=self.since,
            ever=self.ever,
            told_at=self.told_at,
            lapses_at=self.lapses_at,
            ended_at=self.ended_at,
            ended_by=SilenceEnd(self.ended_by) if self.ended_by else None,
        )
