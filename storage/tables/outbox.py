"""What we owe somebody in Slack: living messages, their threads, and notices to the operators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Announcement, AnnouncementKind, NoteKind, Notice, ThreadNote
from storage.tables.base import Row


class AnnouncementRow(Row):
    """The outbox: whatever has `shown < wanted` and has not given up is still owed to somebody."""

    __tablename__ = "announcements"
    __table_args__ = (
        Index("uq_announcements_message", "kind", "subject", "channel", unique=True),
        Index(
            "ix_announcements_owed",
            "created_at",
            sqlite_where=text("shown < wanted AND gave_up_reason IS NULL"),
            postgresql_where=text("shown < wanted AND gave_up_reason IS NULL"),
        ),
        Index(
            "ix_announcements_given_up",
            "channel",
            sqlite_where=text("gave_up_reason IS NOT NULL"),
            postgresql_where=text("gave_up_reason IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(32))
    wanted: Mapped[int]
    shown: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    posted_channel: Mapped[str | None] = mapped_column(String(32))
    ts: Mapped[str | None] = mapped_column(String(32))
    attempted_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(128))
    claimed_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    reposts: Mapped[int] = mapped_column(default=0)
    gave_up_reason: Mapped[str | None] = mapped_column(Text)
    shown_at: Mapped[datetime | None]
    prompt: Mapped[int] = mapped_column(default=0, server_default="0")
    owed_since: Mapped[datetime | None]

    def to_record(self) -> Announcement:
        return Announcement(
            id=self.id,
            kind=AnnouncementKind(self.kind),
            subject=self.subject,
            channel=self.channel,
            wanted=self.wanted,
            shown=self.shown,
            created_at=self.created_at,
            posted_channel=self.posted_channel,
            ts=self.ts,
            failures=self.failures,
            reposts=self.reposts,
            gave_up_reason=self.gave_up_reason,
            shown_at=self.shown_at,
            prompt=self.prompt,
            attempted_at=self.attempted_at,
            claimed_by=self.claimed_by,
        )


class ThreadNoteRow(Row):
    """What is told in the threads of every message about a subject; a THREAD announcement counts how far."""

    __tablename__ = "thread_notes"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    what: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    by: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[dict[str, Any]]

    def to_record(self) -> ThreadNote:
        return ThreadNote(NoteKind(self.what), self.at, self.by, self.detail)


class NoticeRow(Row):
    __tablename__ = "notices"
    __table_args__ = (
        Index(
            "uq_notices_open",
            "kind",
            unique=True,
            sqlite_where=text("over_at IS NULL"),
            postgresql_where=text("over_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(128))
    text: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime]
    over_at: Mapped[datetime | None]

    def to_record(self) -> Notice:
        return Notice(self.id, self.kind, self.text, self.raised_at, self.over_at)
