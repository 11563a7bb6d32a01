"""What is told below living messages: numbered per subject, so that every thread knows how far it has been told."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import AnnouncementKind, NoteKind, ThreadNote
from storage.tables import ThreadNoteRow


async def add(session: AsyncSession, kind: AnnouncementKind, subject: str, note: ThreadNote) -> int:
    """Keep one more note about the subject; returns its number. The subject's messages must be locked."""
    last = await session.scalar(
        select(func.max(ThreadNoteRow.seq)).where(ThreadNoteRow.kind == kind, ThreadNoteRow.subject == subject)
    )
    number = (last or 0) + 1
    session.add(
        ThreadNoteRow(
            kind=kind, subject=subject, seq=number, what=note.what, at=note.at, by=note.by, detail=dict(note.detail)
        )
    )
    await session.flush()
    return number


async def between(
    session: AsyncSession, kind: AnnouncementKind, subject: str, told: int, wanted: int
) -> list[ThreadNote]:
    """The notes after number `told` up to number `wanted`, oldest first."""
    rows = await session.scalars(
        select(ThreadNoteRow)
        .where(
            ThreadNoteRow.kind == kind,
            ThreadNoteRow.subject == subject,
            ThreadNoteRow.seq > told,
            ThreadNoteRow.seq <= wanted,
            # A newer version that runs beside us may know more.
            ThreadNoteRow.what.in_(list(NoteKind)),
        )
        .order_by(ThreadNoteRow.seq)
    )
    return [row.to_record() for row in rows]
