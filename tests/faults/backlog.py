"""What a program has not got done yet, in sentences: for whoever waited until it had caught up, and in vain."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from dbos import DBOSClient, WorkflowStatus
from sqlalchemy import select

from storage import outbox
from storage.database import Database, sync_url
from storage.records import ConsentState
from storage.tables import ConsentRow, IncidentRow, SweepRow

AT_MOST = 20
"""Sentences of one kind; of more, how many they are."""

ENDED = {"SUCCESS", "ERROR", "CANCELLED"}

ON_THEIR_WAY = (ConsentState.EXCHANGING, ConsentState.DELIVERING)


async def backlog(database: Database) -> list[str]:
    """Messages that are owed, consents on their way, open incidents, sweeps and jobs that have not ended."""
    async with database.reading() as session:
        owed = await outbox.owed(session)
        messages = [
            f"owed: {each.kind} {each.subject} to {each.channel}, version {each.wanted} after {each.shown}, "
            f"{each.failures} failures"
            for each in owed
        ]
        consents = [
            f"on its way: {_consent(row)}"
            for row in await session.scalars(select(ConsentRow).where(ConsentRow.state.in_(ON_THEIR_WAY)))
        ]
        incidents = [
            f"open: incident {row.id} of {row.grower_name}"
            for row in await session.scalars(select(IncidentRow).where(IncidentRow.recovered_at.is_(None)))
        ]
        sweeps = [
            f"not ended: sweep {row.id}, begun {row.started_at:%H:%M:%S}, page {row.page}, "
            f"last sign of life {row.beat_at:%H:%M:%S}"
            for row in await session.scalars(select(SweepRow).where(SweepRow.finished_at.is_(None)))
        ]
    jobs = [_job(each) for each in await asyncio.to_thread(_unfinished_jobs, database)]
    return [sentence for kind in (messages, consents, incidents, sweeps, jobs) for sentence in _some(kind)]


async def consents_of(database: Database, grower_id: str) -> list[str]:
    """Every consent of this grower, the newest last."""
    async with database.reading() as session:
        rows = await session.scalars(
            select(ConsentRow).where(ConsentRow.grower_id == grower_id).order_by(ConsentRow.created_at)
        )
        return [_consent(row) for row in rows]


def _consent(row: ConsentRow) -> str:
    trouble = f", {row.trouble}" if row.trouble else ""
    return f"consent {row.id} of {row.grower_name}, made {row.created_at:%H:%M:%S}, {row.state}{trouble}"


def _unfinished_jobs(database: Database) -> list[WorkflowStatus]:
    client = DBOSClient(system_database_url=sync_url(database.url).render_as_string(hide_password=False))
    try:
        found = client.list_workflows(limit=100_000, load_input=False, load_output=False)
    finally:
        client.destroy()
    return [each for each in found if each.status not in ENDED]


def _job(job: WorkflowStatus) -> str:
    due = f", due {_moment(job.delay_until_epoch_ms)}" if job.status == "DELAYED" else ""
    begun = f", begun {_moment(job.dequeued_at)} by {job.executor_id}" if job.status == "PENDING" else ""
    return f"job: {job.workflow_id}, {job.status}, since {_moment(job.created_at)}{begun}{due}"


def _moment(milliseconds: int | None) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%H:%M:%S}" if milliseconds else "never"


def _some(sentences: list[str]) -> list[str]:
    more = len(sentences) - AT_MOST
    kind = sentences[0].split(":")[0] if sentences else ""
    return [*sentences[:AT_MOST], *([f"{kind}: {more} more"] if more > 0 else [])]
