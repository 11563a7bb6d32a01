"""The growers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Grower
from storage.tables.base import Row


class GrowerRow(Row):
    __tablename__ = "growers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    slack_user: Mapped[str | None] = mapped_column(String(32), index=True)
    folded_name: Mapped[str] = mapped_column(Text, index=True)
    folded_email: Mapped[str | None] = mapped_column(Text, index=True)
    folded_external_id: Mapped[str | None] = mapped_column(Text, index=True)
    gone_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(32), index=True)
    channel: Mapped[str | None] = mapped_column(String(32))

    def to_record(self) -> Grower:
        return Grower(
            id=self.id,
            name=self.name,
            email=self.email,
            external_id=self.external_id,
            slack_user=self.slack_user,
            gone_at=self.gone_at,
            owner=self.owner,
            channel=self.channel,
        )


class GrowerTagRow(Row):
    """A word of the team's for a group of growers; one grower may belong to several."""

    __tablename__ = "grower_tags"

    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
