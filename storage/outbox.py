"""Living messages we owe to Slack: one per kind, subject and channel, brought from `shown` to `wanted`."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.records import Announcement, AnnouncementKind
from storage.tables import AnnouncementRow, Moment
from storage.upserts import insert

CLAIM = timedelta(seconds=120)
"""How long a deliverer that died without a word blocks the next one."""


async def want(session: AsyncSession, kind: AnnouncementKind, subject: str, channel: str, at: datetime) -> Announcement:
    """The message must show the subject as it is from now on: created when new, one version further when not."""
    statement = insert(session, AnnouncementRow).values(
        id=uuid.uuid4().hex,
        kind=kind,
        subject=subject,
        channel=channel,
        wanted=1,
        shown=0,
        failures=0,
        reposts=0,
        created_at=at,
        owed_since=at,
    )
    further = statement.on_conflict_do_update(
        index_elements=[AnnouncementRow.kind, AnnouncementRow.subject, AnnouncementRow.channel],
        set_={"wanted": AnnouncementRow.wanted + 1, "gave_up_reason": None, "owed_since": _owed_since(at)},
    )
    newest = further.returning(AnnouncementRow).execution_options(populate_existing=True)
    return (await session.scalars(newest)).one().to_record()


async def want_update(
    session: AsyncSession, kind: AnnouncementKind, subject: str, at: datetime, *, prompt: bool = False
) -> list[Announcement]:
    """Every message about the subject, wherever it stands, must be brought up to date.

    One that was given up is tried again: what stood in the way may be gone.
    """
    wanted = []
    for row in await _locked(session, kind, subject):
        row.owed_since = at if row.shown == row.wanted else row.owed_since
        row.wanted += 1
        row.prompt = row.wanted if prompt else row.prompt
        row.gave_up_reason = None
        wanted.append(row)
    await session.flush()
    return [row.to_record() for row in wanted]


def _owed_since(at: datetime) -> ColumnElement[datetime]:
    """Now, unless something was owed already."""
    since = func.coalesce(AnnouncementRow.owed_since, AnnouncementRow.created_at)
    return case((AnnouncementRow.shown < AnnouncementRow.wanted, since), else_=literal(at, Moment()))


def _owed() -> ColumnElement[bool]:
    return and_(AnnouncementRow.shown < AnnouncementRow.wanted, AnnouncementRow.gave_up_reason.is_(None))


def _known() -> ColumnElement[bool]:
    """What this version can show: a newer one that runs beside us may owe other kinds, and threads below them."""
    others = [kind for kind in AnnouncementKind if kind is not AnnouncementKind.THREAD]
    below = [AnnouncementRow.subject.startswith(thread_subject(kind, ""), autoescape=True) for kind in others]
    return or_(AnnouncementRow.kind.in_(others), and_(AnnouncementRow.kind == AnnouncementKind.THREAD, or_(*below)))


def thread_subject(kind: AnnouncementKind, subject: str) -> str:
    """What the replies below every message about that subject are about."""
    return f"{kind}:{subject}"


async def lock_channels(
    session: AsyncSession, kind: AnnouncementKind, subject: str, *, if_read: bool = False
) -> list[str]:
    """The channels that have, or are owed, a message about the subject; nobody changes them until the commit.

    `if_read`: without those whose first message is still to be written, and then tells of everything anyway.
    """
    rows = await _locked(session, kind, subject)
    return [row.channel for row in rows if not if_read or row.shown or row.claimed_by is not None]


async def _locked(session: AsyncSession, kind: AnnouncementKind, subject: str) -> list[AnnouncementRow]:
    """All messages about the subject, also one that somebody added who was waited for."""
    about_it = (
        select(AnnouncementRow)
        .where(AnnouncementRow.kind == kind, AnnouncementRow.subject == subject)
        .order_by(AnnouncementRow.channel)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = list(await session.scalars(about_it))
    if found and session.get_bind().dialect.name == "postgresql":
        # A statement that waits for a row sees only those that were there when it began.
        found = list(await session.scalars(about_it))
    return found


async def want_thread(
    session: AsyncSession, kind: AnnouncementKind, subject: str, channel: str, number: int, at: datetime
) -> Announcement:
    """The thread below that message must tell the notes up to this number; a new one does not tell those before."""
    statement = insert(session, AnnouncementRow).values(
        id=uuid.uuid4().hex,
        kind=AnnouncementKind.THREAD,
        subject=thread_subject(kind, subject),
        channel=channel,
        wanted=number,
        shown=number - 1,
        failures=0,
        reposts=0,
        created_at=at,
        owed_since=at,
    )
    further = statement.on_conflict_do_update(
        index_elements=[AnnouncementRow.kind, AnnouncementRow.subject, AnnouncementRow.channel],
        set_={"wanted": number, "gave_up_reason": None, "owed_since": _owed_since(at)},
    )
    newest = further.returning(AnnouncementRow).execution_options(populate_existing=True)
    return (await session.scalars(newest)).one().to_record()


async def above(session: AsyncSession, thread: Announcement) -> Announcement | None:
    """The message that the thread belongs to."""
    kind, _, subject = thread.subject.partition(":")
    return await find(session, AnnouncementKind(kind), subject, thread.channel)


async def below(session: AsyncSession, parent: Announcement) -> Announcement | None:
    """The thread of a message, when there is one."""
    subject = thread_subject(parent.kind, parent.subject)
    return await find(session, AnnouncementKind.THREAD, subject, parent.channel)


async def get(session: AsyncSession, announcement_id: str) -> Announcement | None:
    """The message; None also for one that only a newer version of this program knows."""
    row = await session.scalar(
        select(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id, _known())
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def stands(session: AsyncSession, kind: AnnouncementKind, subject: str) -> bool:
    """Whether somebody has, or is owed, a message about the subject."""
    about_it = (AnnouncementRow.kind == kind, AnnouncementRow.subject == subject)
    query = select(AnnouncementRow.id).where(*about_it, AnnouncementRow.gave_up_reason.is_(None)).limit(1)
    return await session.scalar(query) is not None


async def find(session: AsyncSession, kind: AnnouncementKind, subject: str, channel: str) -> Announcement | None:
    """The message about the subject that was meant for that channel or person."""
    row = await session.scalar(
        select(AnnouncementRow)
        .where(AnnouncementRow.kind == kind, AnnouncementRow.subject == subject, AnnouncementRow.channel == channel)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def subjects(session: AsyncSession, kind: AnnouncementKind, channel: str) -> list[str]:
    """What the messages of that kind to that channel or person are about."""
    query = select(AnnouncementRow.subject).where(AnnouncementRow.kind == kind, AnnouncementRow.channel == channel)
    return sorted(await session.scalars(query))


async def at_message(session: AsyncSession, channel: str, ts: str) -> Announcement | None:
    """The announcement shown by that Slack message."""
    row = await session.scalar(
        select(AnnouncementRow).where(AnnouncementRow.posted_channel == channel, AnnouncementRow.ts == ts, _known())
    )
    return row.to_record() if row else None


async def claim(session: AsyncSession, announcement_id: str, by: str, at: datetime) -> Announcement | None:
    """Become the only one who delivers this message; None when somebody else is at it or nothing is owed."""
    row = await session.scalar(
        update(AnnouncementRow)
        .where(
            AnnouncementRow.id == announcement_id,
            _owed(),
            _known(),
            or_(
                AnnouncementRow.claimed_until.is_(None),
                AnnouncementRow.claimed_until < at,
                AnnouncementRow.claimed_by == by,
            ),
        )
        .values(claimed_by=by, claimed_until=at + CLAIM)
        .returning(AnnouncementRow)
        .execution_options(populate_existing=True)
    )
    return row.to_record() if row else None


async def is_owed(session: AsyncSession, announcement_id: str) -> bool:
    """Whether the message still has to be brought up to date."""
    announcement = await get(session, announcement_id)
    return announcement is not None and announcement.is_owed


async def left_to_a_newer_version(session: AsyncSession, announcement_id: str) -> datetime | None:
    """Since when a message is owed that only a newer version of this program can show."""
    since = func.coalesce(AnnouncementRow.owed_since, AnnouncementRow.created_at)
    query = select(since).where(AnnouncementRow.id == announcement_id, _owed(), not_(_known()))
    return await session.scalar(query)


async def drop_claims(session: AsyncSession, of: str) -> None:
    """Free what a process that is no more had claimed; its claims begin with its name and a slash."""
    await session.execute(
        update(AnnouncementRow)
        .where(AnnouncementRow.claimed_by.startswith(f"{of}/", autoescape=True))
        .values(claimed_by=None, claimed_until=None)
    )


async def attempting(session: AsyncSession, announcement_id: str, by: str | None, at: datetime) -> bool:
    """About to post: from here until `showed`, a crash leaves the message in doubt.

    The claim counts from here; False for whoever has lost it, because their turn to post was so long in coming.
    """
    row = await session.scalar(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id, AnnouncementRow.claimed_by == by)
        .values(attempted_at=at, claimed_until=at + CLAIM)
        .returning(AnnouncementRow.id)
    )
    return row is not None


async def put_off(session: AsyncSession, announcement_id: str) -> None:
    """Let go of the claim without having shown anything."""
    await session.execute(
        update(AnnouncementRow).where(AnnouncementRow.id == announcement_id).values(claimed_by=None, claimed_until=None)
    )


async def showed(
    session: AsyncSession, announcement_id: str, version: int, channel: str, ts: str, at: datetime
) -> bool:
    """Slack shows this version; True when that is all that was wanted, False when a newer one is owed already."""
    await session.execute(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id)
        .values(shown=version, posted_channel=channel, ts=ts, failures=0, shown_at=at)
    )
    return await release(session, announcement_id)


async def release(session: AsyncSession, announcement_id: str) -> bool:
    """Let go of the claim if nothing more is owed; False: deliver again, it changed meanwhile."""
    released = await session.scalar(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id, AnnouncementRow.shown == AnnouncementRow.wanted)
        .values(claimed_by=None, claimed_until=None)
        .returning(AnnouncementRow.id)
    )
    return released is not None


async def failed(session: AsyncSession, announcement_id: str, *, never_posted: bool = False) -> int:
    """Count one more failed delivery and let go of the claim; returns the count.

    `never_posted`: Slack has surely never taken it, so that nothing is in doubt.
    """
    certainty = {"attempted_at": None} if never_posted else {}
    failures = await session.scalar(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id)
        .values(failures=AnnouncementRow.failures + 1, claimed_by=None, claimed_until=None, **certainty)
        .returning(AnnouncementRow.failures)
    )
    return failures or 0


async def forget_message(session: AsyncSession, announcement_id: str) -> None:
    """The message is gone from Slack: the next delivery posts it again."""
    await session.execute(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id)
        .values(ts=None, posted_channel=None, reposts=AnnouncementRow.reposts + 1)
    )


async def give_up(session: AsyncSession, announcement_id: str, reason: str) -> None:
    """Nothing will ever be shown there; `reason` says why."""
    await session.execute(
        update(AnnouncementRow)
        .where(AnnouncementRow.id == announcement_id)
        .values(gave_up_reason=reason, claimed_by=None, claimed_until=None)
    )


async def given_up_edits(session: AsyncSession, channel: str, reasons: Collection[str]) -> list[Announcement]:
    """Messages that stand there and are no longer brought up to date, for one of these reasons."""
    return [row.to_record() for row in await session.scalars(_given_up_edits(channel, reasons))]


async def take_up_edits(
    session: AsyncSession, channel: str, reasons: Collection[str], at: datetime
) -> list[Announcement]:
    """They are owed again from now on."""
    rows = list(await session.scalars(_given_up_edits(channel, reasons).with_for_update()))
    for row in rows:
        row.gave_up_reason, row.owed_since = None, at
    await session.flush()
    return [row.to_record() for row in rows]


def _given_up_edits(channel: str, reasons: Collection[str]) -> Select[AnnouncementRow]:
    return (
        select(AnnouncementRow)
        .where(
            AnnouncementRow.channel == channel,
            AnnouncementRow.gave_up_reason.in_(reasons),
            AnnouncementRow.kind != AnnouncementKind.THREAD,
            AnnouncementRow.ts.is_not(None),
            AnnouncementRow.shown < AnnouncementRow.wanted,
            _known(),
        )
        .order_by(AnnouncementRow.kind, AnnouncementRow.subject)
        .execution_options(populate_existing=True)
    )


async def owed(session: AsyncSession, *, before: datetime | None = None, limit: int = 1000) -> list[Announcement]:
    """Messages not up to date, oldest first; with `before`, only those owed since earlier than that."""
    query = select(AnnouncementRow).where(_owed(), _known())
    if before is not None:
        query = query.where(func.coalesce(AnnouncementRow.owed_since, AnnouncementRow.created_at) < before)
    rows = await session.scalars(query.order_by(AnnouncementRow.created_at, AnnouncementRow.id).limit(limit))
    return [row.to_record() for row in rows]


async def oldest_owed(session: AsyncSession) -> datetime | None:
    """Since when the message that has waited longest is owed; None when nothing is."""
    since = func.coalesce(AnnouncementRow.owed_since, AnnouncementRow.created_at)
    return await session.scalar(select(func.min(since)).where(_owed(), _known()))


async def depth(session: AsyncSession) -> int:
    """How many messages are owed."""
    return await session.scalar(select(func.count()).select_from(AnnouncementRow).where(_owed(), _known())) or 0
