"""Two processes on one PostgreSQL: each tick once, and what one leaves undone the other one does."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.alerts import TEND
from bot.chasing import CHASE
from bot.freshness import SLOT
from bot.monitor import SWEEP
from bot.people import PEOPLE
from bot.silence import FRESHNESS, SILENCE
from storage import connections, consents
from tests.databases import execute
from tests.program import Outside, free_port, outside, second
from tests.stage import ADA, eventually, link_in

GIVE = "POST /services/usermanagement/api/users/.*credentials"
LIST = "GET /services/usermanagement/api/users$"

TAKEN_OVER_WITHIN = 20.0
"""Seconds from a replica's death until the other has done its work: two for the scan, the rest for a busy machine."""


@pytest.fixture
async def story(postgresql_url: str, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(postgresql_url, tmp_path) as ready:
        yield ready


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the second replica lives."""
    made = tmp_path / "second"
    made.mkdir()
    return made


async def comes_back(story: Outside, link: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as ada:
        left = await ada.post(link)
        back = await ada.get(story.world.fieldview.approve(left.headers["location"], ADA))
    assert back.status_code == 303


async def test_each_sweep_is_done_by_one_of_them(postgresql_url: str, tmp_path: Path, folder: Path) -> None:
    async with outside(postgresql_url, tmp_path, SWEEP_INTERVAL="2") as story, second(story, folder):

        async def three_more() -> bool:
            return len(await story.rows("SELECT id FROM sweeps WHERE finished_at IS NOT NULL")) >= before + 3

        async def each_looked_once() -> bool:
            done = await story.rows("SELECT id FROM sweeps WHERE finished_at IS NOT NULL")
            return len(done) == len(story.world.leaf.log.matching(LIST))

        before = len(await story.rows("SELECT id FROM sweeps"))
        await eventually(three_more, within=60)
        await eventually(each_looked_once, within=60)
        workers = await story.rows("SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE name = 'sweep'")
        assert {str(worker) for (worker,) in workers} <= {"slot-0", "slot-1"}


DAY = 24 * 3600.0


async def test_every_timed_job_is_started_once_a_tick(postgresql_url: str, tmp_path: Path, folder: Path) -> None:
    """Both timers tick; a job is named by its tick and nothing else, so that the second finds it started."""
    every = dict.fromkeys((SWEEP, TEND, CHASE), 2.0)
    every |= {FRESHNESS: SLOT.total_seconds(), PEOPLE: DAY, SILENCE: DAY}
    began = time.time()
    async with outside(postgresql_url, tmp_path, SWEEP_INTERVAL="2") as story, second(story, folder):

        async def started(job: str) -> list[tuple[object, ...]]:
            query = f"FROM dbos.workflow_status WHERE name = '{job}' AND workflow_uuid NOT LIKE '%~%'"
            return await story.rows(f"SELECT workflow_uuid, status, recovery_attempts {query}")

        async def long_enough() -> bool:
            return len(await started(CHASE)) >= before + 5

        before = len(await started(CHASE))
        await eventually(long_enough, within=60)
        for job, seconds in every.items():
            found = await started(job)
            ticks = time.time() // seconds - began // seconds + 1
            assert 1 <= len(found) <= ticks, (job, found)
            assert all(re.fullmatch(rf"{job}-(\d+|\d{{4}}-\d\d-\d\d)", str(key)) for key, _, _ in found), found
            assert {attempts for _, status, attempts in found if status != "ENQUEUED"} <= {1}, (job, found)


async def test_what_a_killed_replica_was_doing_the_other_one_finishes(story: Outside, folder: Path) -> None:
    async with second(story, folder) as other:
        fault = story.world.leaf.faults.slow(120, GIVE, times=1)
        await story.types("/fieldview connect Ada Lovelace Farms")
        place = story.world.slack.dm(story.ada)
        await story.world.slack.until(lambda: story.world.slack.posted(place), timeout=60)
        await comes_back(story, link_in(story.world.slack.posted(place)[-1]))

        async def at_leaf() -> bool:
            return fault.hits == 1

        await eventually(at_leaf, within=60)
        [(worker,)] = await story.rows(
            "SELECT executor_id FROM dbos.workflow_status WHERE name = 'complete-consent' AND status = 'PENDING'"
        )
        await (story.program if worker == "slot-0" else other).is_killed()
        await eventually(lambda: is_connected(story), within=TAKEN_OVER_WITHIN)
        await story.world.slack.until(lambda: story.world.slack.posted(story.alerts), timeout=60)
        assert len(story.world.leaf.log.matching(GIVE)) == 1, "the first request still hangs: it was not answered twice"
        async with story.database.reading() as session:
            latest = await consents.latest_of_grower(session, story.world.leaf.find(ADA).id)
        assert latest is not None
        assert latest.state == "connected"


async def is_connected(story: Outside) -> bool:
    async with story.database.reading() as session:
        known = await connections.get(session, story.world.leaf.find(ADA).id)
    return known is not None and known.status == "healthy"


async def test_a_replica_that_loses_its_place_stops_itself_and_the_other_goes_on(
    story: Outside, postgresql_url: str, folder: Path
) -> None:
    async with second(story, folder) as other:
        execute(
            postgresql_url,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 20261124 "
            "AND objid = 0 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        await story.program.exit_code()
        assert "lost its place" in story.program.output
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{other.url}/healthz")).status_code == 200
        await story.program.starts()
        story.program.is_told_to_stop()
        await story.program.exit_code()


async def test_a_second_process_on_one_sqlite_file_is_told_why_it_cannot_start(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        code, out, told = await story.program.runs("serve", PORT=str(free_port()))
        assert (code, out) == (1, "")
        assert "Another process of this bot already uses this SQLite file" in told
        assert "Traceback" not in told
