"""What operators and their machines are told: alive, ready, in numbers; and why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from bot.readiness import COUNTED_AGAIN, Figures, Part, Readiness
from bot.sandbox.clock import Clock
from handlers.operations import Operations
from storage import sweeps
from storage.database import Database
from tests.consenting import settled
from tests.databases import execute
from tests.program import free_port, outside
from tests.stage import Stage, eventually

A_WHILE = timedelta(seconds=31)
"""Longer than a probe's answer is remembered."""


async def get(stage: Stage, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=stage.url, trust_env=False) as client:
        return await client.get(path)


async def ready(stage: Stage) -> tuple[int, dict[str, Any]]:
    answer = await get(stage, "/readyz")
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


async def unwell(stage: Stage) -> dict[str, str]:
    """The parts that are not well, with the reason, after what was remembered is too old."""
    stage.world.clock.advance(A_WHILE)
    status, body = await ready(stage)
    assert status == 503
    assert body["ready"] is False
    return {name: part["detail"] for name, part in body["parts"].items() if not part["ok"]}


async def test_all_is_well(stage: Stage) -> None:
    await settled(stage)
    assert (await get(stage, "/healthz")).json() == {"status": "alive"}
    status, body = await ready(stage)
    assert (status, body["ready"]) == (200, True)
    assert {name: part["ok"] for name, part in body["parts"].items()} == dict.fromkeys(
        ("database", "leaf", "slack", "sweep"), True
    )


async def test_leaf_is_down_although_we_are_logged_in(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    stage.world.leaf.faults.outage()
    assert list(await unwell(stage)) == ["leaf"]
    stage.world.leaf.faults.heal()
    stage.world.clock.advance(A_WHILE)
    assert (await ready(stage))[0] == 200


async def test_leaf_refuses_our_login(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    stage.world.leaf.password = "changed"
    stage.world.leaf.stale_logins()
    reasons = await unwell(stage)
    assert list(reasons) == ["leaf"]
    assert "login" in reasons["leaf"]


@pytest.mark.parametrize("break_slack", [lambda slack: slack.faults.outage(), lambda slack: slack.faults.html()])
async def test_slack_is_down(stage_on_sqlite: Stage, break_slack: Callable[[Any], Any]) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    break_slack(stage.world.slack)
    assert list(await unwell(stage)) == ["slack"]


async def test_the_last_look_at_everybody_is_too_old(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    stage.world.clock.advance(timedelta(seconds=2 * stage.settings.sweep_interval + 30))
    assert list(await unwell(stage)) == ["sweep"]
    await stage.sweeps_now()
    stage.world.clock.advance(COUNTED_AGAIN)
    assert (await ready(stage))[0] == 200


async def test_an_answer_is_remembered_no_longer_when_the_clock_is_set_back(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    assert (await ready(stage))[0] == 200
    stage.world.leaf.faults.outage()
    stage.world.clock.set_back(timedelta(hours=3))
    assert list(await unwell(stage)) == ["leaf"]
    stage.world.leaf.faults.heal()
    stage.world.clock.set_back(timedelta(hours=3))
    stage.world.clock.advance(A_WHILE)
    assert (await ready(stage))[0] == 200


async def test_a_clock_that_is_set_back_hides_nothing_and_keeps_nobody_from_looking(stage: Stage) -> None:
    """The machine's clock was three hours ahead, and is put right: by then those three hours had been looked at."""
    await settled(stage)
    clock, timer = stage.world.clock, stage.running.timer

    async def looked() -> bool:
        clock.advance(COUNTED_AGAIN)
        return (await ready(stage))[0] == 200

    clock.advance(timedelta(hours=3))
    await timer.tick()
    await eventually(looked)
    clock.set_back(timedelta(hours=3))
    clock.advance(timedelta(seconds=2 * stage.settings.sweep_interval + 61))
    assert list(await unwell(stage)) == ["sweep"], "nobody has looked for two hours, whatever the clock shows"
    clock.set_back(timedelta(seconds=2 * stage.settings.sweep_interval + 61) + A_WHILE)
    await timer.tick()
    await eventually(looked)
    async with stage.running.bot.database.reading() as session:
        last = await sweeps.last_finished(session)
    assert last is not None
    assert last.finished_at is not None
    assert last.finished_at <= clock()


async def test_probes_do_not_hammer_leaf_and_slack(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await ready(stage)
    before = len(stage.world.leaf.requests), len(stage.world.slack.requests)
    for _ in range(10):
        await ready(stage)
    assert (len(stage.world.leaf.requests), len(stage.world.slack.requests)) == before


async def test_many_who_ask_at_once_share_one_question(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    stage.world.clock.advance(A_WHILE)
    stage.world.leaf.faults.slow(0.3)
    before = len(stage.world.leaf.requests), len(stage.world.slack.requests)
    answers = await asyncio.gather(*(ready(stage) for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    assert (len(stage.world.leaf.requests), len(stage.world.slack.requests)) == (before[0] + 1, before[1] + 1)


async def test_they_are_counted_once_a_second_however_many_ask(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, clock = stage_on_sqlite.running.bot, Clock(datetime(2026, 11, 24, tzinfo=UTC))
    readiness = Readiness(bot.database, bot.completion._leaf, bot.slack, clock, 300, seconds=clock.seconds)
    counted: list[Figures] = []
    count = readiness.figures

    asked: list[Part] = []
    ask = readiness._database_answers

    async def noted() -> Figures:
        counted.append(await count())
        return counted[-1]

    async def answers() -> Part:
        asked.append(await ask())
        return asked[-1]

    monkeypatch.setattr(readiness, "figures", noted)
    monkeypatch.setattr(readiness, "_database_answers", answers)
    operations = Operations(readiness)
    routes = [Route("/readyz", operations.ready), Route("/metrics", operations.metrics)]
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        await asyncio.gather(*(client.get(path) for path in ("/metrics", "/readyz") * 10))
        assert (len(counted), len(asked)) == (1, 1), "twenty who probe take no twenty connections from the work"
        clock.advance(timedelta(seconds=1))
        await client.get("/metrics")
        await client.get("/readyz")
    assert (len(counted), len(asked)) == (2, 2)


async def test_the_database_is_gone(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    bot = stage.running.bot
    gone = Database(f"postgresql://bot:hunter2@127.0.0.1:{free_port()}/gone")
    readiness = Readiness(gone, bot.completion._leaf, bot.slack, bot.clock, 300)
    operations = Operations(readiness)
    routes = [Route("/readyz", operations.ready), Route("/metrics", operations.metrics)]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://bot"
    ) as client:
        answer, metrics = await client.get("/readyz"), await client.get("/metrics")
    await gone.close()
    assert (answer.status_code, metrics.status_code) == (503, 503)
    assert {name for name, part in answer.json()["parts"].items() if not part["ok"]} == {"database", "sweep"}
    assert "hunter2" not in answer.text + metrics.text


async def test_a_replica_whose_database_went_away_stops(databases: Any, tmp_path: Path) -> None:
    with databases.postgresql() as url:
        async with outside(url, tmp_path) as story:
            name, server = url.rsplit("/", 1)[1].split("?")[0], databases.server.url()
            execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            execute(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
            assert await story.program.exit_code() == 0, "told to stop by itself: another may have taken its work"
            assert "lost its place" in story.program.output


async def test_the_numbers(stage: Stage) -> None:
    await settled(stage)
    await stage.world.leaf.revoke("hana@sato.example")
    await stage.posted(stage.alerts)
    await stage.delivered()
    answer = await get(stage, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["fieldview_connections", "broken"] == 1
    assert samples["fieldview_connections", "healthy"] == 0
    assert samples["fieldview_open_incidents", None] == 1
    assert samples["fieldview_outbox_depth", None] == 0
    assert 0 <= samples["fieldview_sweep_age_seconds", None] < 60
    assert 0 <= samples["fieldview_leaf_success_age_seconds", None] < 60


async def test_they_name_no_grower_and_no_secret(stage: Stage) -> None:
    await stage.connects()
    for path in ("/healthz", "/readyz", "/metrics"):
        text = (await get(stage, path)).text
        for told in ("Ada", "Sato", "example.com", "xoxb"):
            assert told not in text
