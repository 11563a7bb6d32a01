"""Whole lists of growers that somebody wants links for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Bulk, BulkLine, BulkState, LineFate
from storage.tables.base import Row


class BulkRow(Row):
    __tablename__ = "bulks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str | None] = mapped_column(String(32))
    made_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(64))
    left_out: Mapped[list[str] | None] = mapped_column(JSON)

    def to_record(self) -> Bulk:
        return Bulk(
            id=self.id,
            name=self.name,
            made_by=self.made_by,
            channel=self.channel,
            made_at=self.made_at,
            state=BulkState(self.state),
            finished_at=self.finished_at,
            trouble=self.trouble,
            left_out=tuple(self.left_out or ()),
        )


class BulkLineRow(Row):
    """A line as it was given holds what people call growers: it is kept no longer than its list."""

    __tablename__ = "bulk_lines"

    bulk_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    typed: Mapped[str] = mapped_column(Text)
    fate: Mapped[str] = mapped_column(String(16))
    grower_id: Mapped[str | None] = mapped_column(String(64), index=True)
    grower_name: Mapped[str | None] = mapped_column(Text)
    consent_id: Mapped[str | None] = mapped_column(String(32), index=True)
    note: Mapped[str | None] = mapped_column(Text)
    words: Mapped[list[str] | None] = mapped_column(JSON)
    tags: Mapped[list[str] | None] = mapped_column(JSON)
    tagged: Mapped[bool | None]

    def to_record(self) -> BulkLine:
        return BulkLine(
            number=self.number,
            typed=self.typed,
            fate=LineFate(self.fate),
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            consent_id=self.consent_id,
            note=self.note,
            words=tuple(self.words or ()),
            tags=tuple(self.tags or ()),
            tagged=bool(self.tagged),
        )
