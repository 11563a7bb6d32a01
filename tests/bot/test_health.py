"""Status, events and the end of connections, asked of the service itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from bot.health import PAGE, STRIP, strip
from bot.reports import TimelineFact
from storage.records import CredentialStatus, Grower, Transition
from tests.stage import Stage

HANA = "hana@sato.example"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def went(days_ago: float, after: CredentialStatus) -> Transition:
    return Transition("g", NOON - timedelta(days=days_ago), None, after, None, None, "sweep")


def test_the_strip_shows_thirty_days_each_by_its_worst_moment() -> None:
    newest_first = [
        went(2, CredentialStatus.HEALTHY),
        went(2.1, CredentialStatus.BROKEN),
        went(10, CredentialStatus.HEALTHY),
    ]
    days = strip(NOON, newest_first, None)
    assert len(days) == STRIP
    assert days[-1] == (date(2026, 6, 30), CredentialStatus.HEALTHY)
    assert days[0] == (date(2026, 6, 1), None)
    shown = dict(days)
    assert shown[date(2026, 6, 19)] is None
    assert shown[date(2026, 6, 20)] is CredentialStatus.HEALTHY
    assert shown[date(2026, 6, 28)] is CredentialStatus.BROKEN
    assert shown[date(2026, 6, 29)] is CredentialStatus.HEALTHY


def test_a_status_goes_on_until_it_changes_also_from_before_the_strip() -> None:
    assert {status for _, status in strip(NOON, [], CredentialStatus.BROKEN)} == {CredentialStatus.BROKEN}
    assert {status for _, status in strip(NOON, [], None)} == {None}


async def hana(stage: Stage) -> Grower:
    await stage.sweeps_now()
    return await stage.running.bot.directory.find(HANA)


async def test_looking_does_not_push_deeds_out_of_the_story(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    await bot.journal.write("U1", "command", "connect", "done", "r0", target=grower.id)
    for number in range(PAGE + 5):
        await bot.journal.write("U1", "command", "status", "done", f"r{number + 1}", target=grower.id)
    told = await bot.health.timeline(grower, 30, 0)
    assert [fact.action for fact in told.facts if hasattr(fact, "action")] == ["connect"]
    assert not told.has_older


async def test_pages_follow_one_another_without_gap_or_repetition(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    for number in range(50):
        stage.world.clock.advance(timedelta(minutes=1))
        await bot.journal.write("U1", "button", "connect", "done", f"r{number}", target=grower.id)
        stage.world.leaf.log_event(HANA, 404, f"number {number}")
    pages: list[TimelineFact] = []
    page = 0
    while True:
        told = await bot.health.timeline(grower, 30, page)
        pages += told.facts
        if not told.has_older:
            break
        page += 1
    assert len(pages) == len(set(pages))
    assert [fact.at for fact in pages] == sorted((fact.at for fact in pages), reverse=True)
    assert len([fact for fact in pages if hasattr(fact, "summary") and "number" in fact.summary]) == 50


async def test_the_story_is_told_from_the_archive_when_leaf_is_down(stage: Stage) -> None:
    grower, bot = await hana(stage), stage.running.bot
    stage.world.leaf.log_event(HANA, 404, "long ago")
    await bot.health.timeline(grower, 30, 0)
    stage.world.leaf.faults.outage()
    told = await bot.health.timeline(grower, 30, 0)
    assert "long ago" in repr(told.facts)
    assert told.why_archived_only
