"""Valid but silent: who counts as that, what is told once, and what takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.archive import Archive
from bot.dataflow import DataFlows
from bot.freshness import READ_EVERY, DataWatch
from bot.sandbox.leaf import LeafUser
from bot.season import Season
from bot.silence import Rules, Silences
from storage import freshness, silences
from storage.records import Connection, CredentialStatus, Freshness, SilenceKind
from tests.bot.watching import Watch, watching
from tests.stage import text_of

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
RULES = Rules(season=Season.parse("04-01..11-15"))


def ago(days: float) -> datetime:
    return NOON - timedelta(days=days)


def judged(
    synced: float | None, connected: float | None = 200, used: float | None = None, now: datetime = NOON
) -> SilenceKind | None:
    began = None if connected is None else ago(connected)
    connection = Connection("g", CredentialStatus.HEALTHY, ago(200), NOON, connected_at=began)
    synced_at, used_at = None if synced is None else ago(synced), None if used is None else ago(used)
    finding = RULES.judge(connection, Freshness("g", synced_at, 1, 1, now, used_at), now)
    return finding.kind if finding else None


def test_in_season_five_days_are_long() -> None:
    assert judged(synced=4.9) is None
    assert judged(synced=5) is SilenceKind.STALE


def test_out_of_season_it_takes_fourteen() -> None:
    winter = datetime(2026, 12, 24, tzinfo=UTC)
    days = (winter - NOON).days
    assert judged(synced=-(days - 13), now=winter) is None
    assert judged(synced=-(days - 14), now=winter) is SilenceKind.STALE


def test_the_first_days_of_the_season_are_not_the_end_of_a_winter() -> None:
    spring = datetime(2026, 4, 3, tzinfo=UTC)
    before = (NOON - spring).days
    assert judged(synced=before + 10, connected=300, now=spring) is None


def test_a_permission_that_nobody_used_for_three_weeks_may_lapse() -> None:
    assert judged(synced=22.9) is SilenceKind.STALE
    assert judged(synced=23) is SilenceKind.LAPSING
    assert judged(synced=40, used=1) is SilenceKind.STALE, "FieldView served Leaf yesterday"


def test_a_new_connection_waits_for_its_first_data_and_is_not_called_silent() -> None:
    eager = Rules(stale_after=timedelta(days=1), stale_after_in_season=timedelta(days=1))
    connection = Connection("g", CredentialStatus.HEALTHY, ago(2.9), NOON, connected_at=ago(2.9))
    assert eager.judge(connection, Freshness("g", None, 0, 0, NOON), NOON) is None
    assert judged(synced=None, connected=6) is SilenceKind.STALE
    assert judged(synced=60, connected=2) is None, "what came in before the grower connected anew says nothing"


class Told:
    """The silences of a watch, with what reads and what tells."""

    def __init__(self, watch: Watch) -> None:
        clock, database = watch.world.clock, watch.database
        data = DataFlows(database, watch.leaf, clock)
        self.watch = watch
        self.reader = DataWatch(database, watch.leaf, data, clock, 5)
        archive = Archive(database, watch.leaf, clock)
        self.service = Silences(database, self.reader, archive, data, watch.announcer, watch.journal, clock, Rules())
        self.days = 0

    async def a_day_passes(self, days: float = 1) -> int:
        """Time goes by; Leaf is read, and what is to be told is told. Returns how many growers were newly named."""
        self.watch.world.clock.advance(timedelta(days=days))
        await self.reads()
        self.days += 1
        number = await self.service.tell(f"day-{self.days}")
        await self.watch.delivers()
        return number

    async def reads(self) -> None:
        await self.watch.sweeps()
        self.watch.world.clock.advance(READ_EVERY)
        assert await self.service.look_job("slot") is None
        await self.watch.delivers()

    async def standing(self) -> list[str]:
        async with self.watch.database.reading() as session:
            return [grower.name for grower, _ in await silences.standing(session)]


@pytest.fixture
async def told(database_url: str) -> AsyncIterator[Told]:
    async with watching(database_url) as made:
        await made.world.leaf.sync_everybody()
        await made.settles()
        yield Told(made)


def sato(told: Told) -> LeafUser:
    return told.watch.world.leaf.find("hana@sato.example")


async def test_all_who_fell_silent_are_one_message_told_once_and_nobody_is_broken(told: Told) -> None:
    assert await told.a_day_passes(13) == 0
    assert await told.a_day_passes(1) == 2
    assert await told.a_day_passes(1) == 0
    [post], [alert] = told.watch.posts(), told.watch.posts(told.watch.alerts)
    assert (len(post.versions), len(alert.versions)) == (1, 1)
    assert "Ada Lovelace Farms" in text_of(post)
    assert "Sato Family Orchards" in text_of(post)
    assert not any(call in text_of(post) for call in ("<@", "<!channel", "<!here")), "low priority: nobody is called"
    assert await told.watch.count_incidents() == 0
    assert await told.watch.status() == "healthy"


async def test_data_that_moves_takes_it_back_in_the_same_message(told: Told) -> None:
    await told.a_day_passes(15)
    await told.watch.world.leaf.sync(told.watch.ada)
    await told.reads()
    [post] = told.watch.posts()
    assert "data came in again" in text_of(post)
    assert await told.standing() == ["Sato Family Orchards"]
    await told.watch.world.leaf.sync(sato(told))
    await told.reads()
    assert told.watch.posts() == [post]
    assert text_of(post).startswith("2 growers had no new data; nothing is left to do here")


async def test_a_permission_about_to_lapse_is_told_with_its_day_and_the_older_message_says_so(told: Told) -> None:
    await told.a_day_passes(15)
    assert await told.a_day_passes(8) == 2
    older, newer = told.watch.posts()
    assert "see the newer message" in text_of(older)
    assert "may run out around" in text_of(newer)
    assert "Who must act" in text_of(newer)
    assert await told.a_day_passes(1) == 0


async def test_an_event_of_fieldview_proves_a_use_and_no_lapse_is_foretold(told: Told) -> None:
    told.watch.world.clock.advance(timedelta(days=20))
    told.watch.world.leaf.log_event(told.watch.ada, 200, "ok")
    told.watch.world.leaf.log_event(sato(told), 401, "no")
    await told.a_day_passes(4)
    text = text_of(told.watch.posts()[-1])
    stale, lapsing = text.split("Permission may run out")
    assert "Ada Lovelace Farms" in stale
    assert "Sato Family Orchards" in lapsing
    assert "Ada Lovelace Farms" not in lapsing.split("Who must act")[0]


async def test_a_lapse_foretold_is_taken_back_when_a_use_comes_to_light(told: Told) -> None:
    await told.a_day_passes(24)
    told.watch.world.leaf.log_event(told.watch.ada, 200, "ok")
    for _ in range(4):
        await told.a_day_passes()
    [post] = told.watch.posts()
    stale, lapsing = text_of(post).split("Permission may run out")
    assert "Ada Lovelace Farms" in stale
    assert "Ada Lovelace Farms" not in lapsing.split("Who must act")[0]


async def test_a_connection_that_breaks_is_told_by_its_own_card_and_no_longer_as_silent(told: Told) -> None:
    await told.a_day_passes(15)
    await told.watch.world.leaf.revoke(told.watch.ada)
    await told.reads()
    assert await told.standing() == ["Sato Family Orchards"]
    silent, card = told.watch.posts()
    assert "the connection itself changed" in text_of(silent)
    assert "Ada Lovelace Farms" in text_of(card)


async def test_an_outage_of_fieldview_neither_ends_a_silence_nor_tells_it_again(told: Told) -> None:
    await told.a_day_passes(15)
    told.watch.world.leaf.fail(told.watch.ada)
    await told.reads()
    told.watch.world.leaf.restore(told.watch.ada)
    for _ in range(3):
        assert await told.a_day_passes() == 0
    [post] = told.watch.posts()
    assert post.edits == 0


async def test_what_leaf_has_not_told_lately_is_no_ground_for_a_word(told: Told) -> None:
    await told.reads()
    told.watch.world.leaf.faults.outage("resources")
    told.watch.world.clock.advance(timedelta(days=20))
    assert await told.service.tell("day") == 0


async def test_a_list_that_leaves_somebody_out_makes_nobody_silent(told: Told) -> None:
    """Leaf lists nothing of a grower at first; asked directly, it has data."""
    leaf = told.watch.world.leaf
    late = leaf.add_user("Late Farms", "late@example.com")
    leaf.connect(late)
    await told.reads()
    told.watch.world.clock.advance(timedelta(days=15))
    await leaf.sync_everybody()
    async with told.watch.database.transaction() as session:
        await freshness.save(session, [Freshness(late.id, None, 0, 0, told.watch.world.clock())])
    assert await told.service.tell("day") == 0


async def test_the_job_waits_until_everybody_was_read_but_not_for_ever(told: Told) -> None:
    clock = told.watch.world.clock
    clock.advance(timedelta(days=3))
    today = (clock() - timedelta(hours=14)).date()
    assert await told.service.tell_job(today.isoformat()) in (60.0, None)
    assert await told.service.tell_job((today + timedelta(days=1)).isoformat()) == 60.0
    assert await told.service.tell_job((today - timedelta(days=1)).isoformat()) is None
    await told.reader.look()
    assert await told.service.tell_job((today + timedelta(days=1)).isoformat()) is None
