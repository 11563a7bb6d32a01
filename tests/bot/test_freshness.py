"""Reading how fresh data is: in pages if Leaf allows, one by one if not, and never more than its share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from bot.dataflow import DataFlows
from bot.errors import ProviderUnavailable
from bot.freshness import READ_EVERY, SLOT, DataWatch
from bot.sandbox.leaf import LeafUser
from storage import freshness
from storage.records import Freshness
from tests.bot.watching import Watch, watching

RESOURCES = r"^GET .*/resources$"


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        yield made


@pytest.fixture
async def alone(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        yield made


def looking(watch: Watch, rate: float = 5) -> DataWatch:
    data = DataFlows(watch.database, watch.leaf, watch.world.clock)
    return DataWatch(watch.database, watch.leaf, data, watch.world.clock, rate)


async def known(watch: Watch, user: LeafUser) -> Freshness | None:
    async with watch.database.reading() as session:
        return await freshness.get(session, user.id)


async def crowd(watch: Watch, growers: int) -> None:
    """So many healthy growers in all, with data of today."""
    watch.world.leaf.populate(growers - len(watch.world.leaf.users))
    await watch.world.leaf.sync_everybody(2, 30)
    await watch.settles()


async def until_read(watch: Watch, reader: DataWatch) -> int:
    """Slot after slot until nobody is due; returns how many slots that took."""
    slots = 0
    while True:
        async with watch.database.reading() as session:
            if not await freshness.due(session, watch.world.clock() - READ_EVERY):
                return slots
        await reader.look()
        watch.world.clock.advance(SLOT)
        slots += 1


async def test_a_page_tells_of_a_hundred_growers(watch: Watch) -> None:
    await crowd(watch, 250)
    await looking(watch).look()
    assert watch.asked(RESOURCES) == 4, "three pages and one that shows that there are no more"
    read = await known(watch, watch.ada)
    assert read is not None
    assert (read.farms, read.fields, read.synced_at is not None) == (2, 30, True)
    await looking(watch).look()
    assert watch.asked(RESOURCES) == 4, "what was read is not read again before its time"


@pytest.mark.parametrize("answers", ["refuses", "nobody", "one_page"])
async def test_where_leaf_does_not_list_everybody_each_is_asked_for_in_turn(watch: Watch, answers: str) -> None:
    await crowd(watch, 130)
    watch.world.leaf.switch(lists_resources=answers)
    reader = looking(watch)
    await until_read(watch, reader)
    async with watch.database.reading() as session:
        assert len(await freshness.with_data(session)) == 130
    assert watch.asked(RESOURCES) <= 130 + 2


async def test_who_is_missing_from_the_list_is_asked_for_before_anything_is_believed(alone: Watch) -> None:
    await crowd(alone, 150)
    await looking(alone).look()
    alone.world.clock.advance(READ_EVERY + timedelta(minutes=1))
    summaries = [
        {"leafUserId": user.id, "farms": 1, "fields": 1}
        for user in alone.world.leaf.users
        if user.name != "Ada Lovelace Farms"
    ]
    alone.world.leaf.faults.answer(JSONResponse({"summaries": summaries}), RESOURCES, times=1)
    alone.world.leaf.faults.answer(JSONResponse({"summaries": []}), RESOURCES, times=1)
    await looking(alone).look()
    read = await known(alone, alone.ada)
    assert read is not None
    assert (read.synced_at is not None, read.fields) == (True, 30)


async def test_one_by_one_it_takes_no_more_than_its_share_and_still_gets_round_in_time(alone: Watch) -> None:
    reader = looking(alone, rate=5)
    assert reader.share(10_000) * (READ_EVERY / SLOT) >= 10_000
    assert reader.share(10_000) <= 0.2 * 5 * SLOT.total_seconds()
    assert reader.share(1_000_000) == 0.2 * 5 * SLOT.total_seconds(), "and never more, however many they are"


async def test_one_grower_leaf_cannot_tell_of_does_not_stop_the_others(alone: Watch) -> None:
    await alone.settles()
    await alone.world.leaf.sync_everybody()
    # The list, and the first grower.
    alone.world.leaf.faults.answer(JSONResponse({"title": "odd"}, 400), RESOURCES, times=2)
    await looking(alone).look()
    async with alone.database.reading() as session:
        assert len(await freshness.with_data(session)) == 1
    await looking(alone).look()
    async with alone.database.reading() as session:
        assert len(await freshness.with_data(session)) == 2


async def test_when_leaf_is_ill_nothing_is_believed(alone: Watch) -> None:
    await crowd(alone, 30)
    alone.world.leaf.faults.outage("resources")
    with pytest.raises(ProviderUnavailable):
        await looking(alone).look()
    assert await known(alone, alone.ada) is None


async def test_an_older_answer_does_not_undo_a_newer_one(watch: Watch) -> None:
    await watch.settles()
    now = watch.world.clock()
    newer = Freshness(watch.ada.id, now, 3, 9, now)
    async with watch.database.transaction() as session:
        await freshness.save(session, [newer])
        await freshness.save(session, [Freshness(watch.ada.id, None, 0, 0, now - timedelta(minutes=1))])
    assert await known(watch, watch.ada) == newer


async def test_whoever_asks_leaf_about_one_grower_makes_it_known_to_all(alone: Watch) -> None:
    await alone.settles()
    await alone.world.leaf.sync(alone.ada, 4, 44)
    flow = await DataFlows(alone.database, alone.leaf, alone.world.clock).data_flow(alone.ada.id)
    read = await known(alone, alone.ada)
    assert flow is not None
    assert read is not None
    assert (flow.farms, flow.fields, flow.synced_at) == (read.farms, read.fields, read.synced_at)
    assert read.fields == 44
