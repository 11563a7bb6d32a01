"""Every verb of a bad network, between the bot and each service, against every durable job: its promise is kept.

FAULTS=long adds slow lines, silence until the time-out, faults that strike several times, and FieldView against those
that never talk to it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url

from bot import logs
from bot.sandbox.world import World
from storage import subscriptions
from tests.faults.lines import Line, Verb, line_to
from tests.faults.proxy import Address, Fault, Towards
from tests.faults.stories import STORIES, HastyJobs, Place, Service, Story, hasty_jobs, supervised
from tests.stage import Stage, eventually, set_up

# Connections are cut here on purpose, some in the hands of a bot that then ends: nobody closes those, rightly.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("cut_connections_are_forgotten", "logs_are_as_in_service"),
]

IS_LONG = os.environ.get("FAULTS") == "long"


@pytest.fixture
def cut_connections_are_forgotten() -> Iterator[None]:
    """Let the garbage of this test be found in it, and not in one that comes later."""
    yield
    gc.collect()


@pytest.fixture
def logs_are_as_in_service(put_back_logging: None) -> None:
    """Tracebacks are plain: the pretty ones of a terminal keep the whole bot standing for seconds each."""
    logs.configure("warning")


VERBS: dict[str, Verb] = {
    "latency": lambda proxy, deed: proxy.latency(0.2, 0.1),
    "down": lambda proxy, deed: proxy.down(),
    "reset": lambda proxy, deed: proxy.reset(when=deed, times=1),
    "reset-for-answer": lambda proxy, deed: proxy.reset(Towards.CLIENT, when=deed, times=1),
    "slow-close": lambda proxy, deed: proxy.slow_close(0.3),
    "cut-after-bytes": lambda proxy, deed: proxy.limit_data(60, when=deed, times=1),
    "answer-lost": lambda proxy, deed: proxy.lose_answer(when=deed, times=1),
}
LONG_VERBS: dict[str, Verb] = {
    "silence": lambda proxy, deed: proxy.timeout(when=deed, times=1),
    "bandwidth": lambda proxy, deed: proxy.bandwidth(4000),
    "slices": lambda proxy, deed: proxy.slicer(7, 0.002),
    "reset-thrice": lambda proxy, deed: proxy.reset(when=deed, times=3),
    "cut-thrice": lambda proxy, deed: proxy.limit_data(10, when=deed, times=3),
}
if IS_LONG:
    VERBS |= LONG_VERBS

DATABASE_VERBS = VERBS | {"latency": lambda proxy, deed: proxy.latency(0.01, 0.005)}
"""A job asks the database dozens of times for each time it asks anybody else."""

COMMIT = b"COMMIT"


@asynccontextmanager
async def bad_line_to(service: Service, database_url: str) -> AsyncIterator[tuple[Place, Line]]:
    """The bot with a proxy between it and that service, as a supervisor keeps it running."""
    lines: list[Line] = []

    @asynccontextmanager
    async def around(world: World) -> AsyncIterator[Mapping[str, Any]]:
        async with line_to(_address_of(service, world, database_url)) as line:
            lines.append(line)
            yield _detour(service, world, database_url, f"127.0.0.1:{line.proxy.port}")

    # Every grower is told of alone, and a connection is ended when it is asked for.
    alone: dict[str, Any] = {"storm_size": 1_000_000, "disconnect_undo": 0}
    async with set_up(database_url, around=around, host=supervised, **alone) as stage:
        async with stage.running.bot.database.transaction() as session:
            await subscriptions.add(session, stage.growers, stage.grace, stage.world.clock())
        await eventually(lambda: _registered(stage))
        yield Place(stage), lines[0]


async def _registered(stage: Stage) -> bool:
    return bool(stage.world.leaf.alerts.webhooks)


def _address_of(service: Service, world: World, database_url: str) -> Address:
    if service is Service.POSTGRESQL:
        url = make_url(database_url)
        folder = str(url.query.get("host") or "")
        if folder.startswith("/"):
            return Path(folder) / f".s.PGSQL.{url.port or 5432}"
        return (url.host or folder or "127.0.0.1", url.port or 5432)
    places = {Service.LEAF: world.leaf_url, Service.FIELDVIEW: world.fieldview_url, Service.SLACK: world.slack_url}
    parts = urlsplit(places[service])
    return (str(parts.hostname), int(parts.port or 80))


def _detour(service: Service, world: World, database_url: str, place: str) -> Mapping[str, Any]:
    host, port = place.split(":")
    match service:
        case Service.LEAF:
            return {"leaf_api_url": f"http://{place}"}
        case Service.FIELDVIEW:
            return {"fieldview_token_url": f"http://{place}/api/oauth/token"}
        case Service.SLACK:
            return {"slack_api_url": f"http://{place}/api/"}
        case Service.POSTGRESQL:
            url = make_url(database_url)
            rest = {name: value for name, value in url.query.items() if name not in ("host", "port")}
            there = url.set(host=host, port=int(port), query=rest)
            return {"database_url": there.render_as_string(hide_password=False)}


async def strikes(job: str, place: Place, line: Line, service: Service, verb: str) -> None:
    """One story: the job begins, the fault strikes, the weather clears, and the promise is kept."""
    story = STORIES[job](place)
    await place.until(place.is_alive, "the bot runs")
    await story.prepare()
    struck = await _struck(job, story, line, service, verb)
    if service in story.touches and struck is not None:
        assert struck.hits, f"{verb} did not strike {job} on its way to {service}"
    await line.heals()
    await place.until(place.is_alive, "the bot runs again")
    await story.promise()
    if service is not Service.POSTGRESQL:
        assert not HastyJobs.crashes.total(), f"a bad line to {service} is no crash: {HastyJobs.crashes}"


async def _struck(job: str, story: Story, line: Line, service: Service, verb: str) -> Fault | None:
    """The job begins in good weather and goes on in bad; the fault, when the verb has one to show."""
    verbs, deed = (DATABASE_VERBS, COMMIT) if service is Service.POSTGRESQL else (VERBS, story.deeds.get(service))
    faults: list[Fault | None] = []

    async def strike() -> None:
        faults.append(await line.suffers(verbs[verb], deed))

    async def was_tried() -> bool:
        return job in HastyJobs.struck

    HastyJobs.struck.discard(job)
    HastyJobs.at_start[job] = strike
    try:
        await story.begin()
    except Exception:
        # It may strike while whoever began still waits for an answer: the promise holds all the same.
        if job in HastyJobs.at_start:
            raise
    await eventually(was_tried, within=60)
    return faults[-1]


def jobs_against(service: Service) -> list[str]:
    """All of them; but FieldView, to which one job talks, harms the others only in the long form."""
    return [job for job in STORIES if IS_LONG or service is not Service.FIELDVIEW or service in STORIES[job].touches]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("service", [Service.LEAF, Service.FIELDVIEW, Service.SLACK])
async def test_a_bad_line_to_a_provider(
    service: Service, verb: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hasty_jobs(monkeypatch):
        async with bad_line_to(service, sqlite_url) as (place, line):
            for job in jobs_against(service):
                await strikes(job, place, line, service, verb)
            await nothing_false(place)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_bad_line_to_the_database(verb: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hasty_jobs(monkeypatch):
        async with bad_line_to(Service.POSTGRESQL, postgresql_url) as (place, line):
            for job in STORIES:
                await strikes(job, place, line, Service.POSTGRESQL, verb)
            await nothing_false(place)


async def nothing_false(place: Place) -> None:
    """Nobody else was announced, and the audit trail is whole."""
    sato = place.stage.world.leaf.find("hana@sato.example")
    for channel in place.channels:
        assert not place.cards(sato, channel), "a healthy grower was announced"
    verdict = await place.stage.running.bot.journal.verify()
    assert verdict.fault is None, verdict


async def test_every_job_has_a_story(stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new job says in tests/faults/stories.py what must hold when the network is bad."""
    assert set(stage_on_sqlite.running.jobs._jobs) == set(STORIES)
