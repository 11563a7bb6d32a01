"""A list of growers gives them tags: first what would happen with each line, then that and no more."""

from __future__ import annotations

import json

from bot.tagging import MOST
from storage import bulks, tags
from storage.records import BulkState
from tests.journeys.test_bulk import files, peopled, press, running, says, sends
from tests.journeys.test_subscriptions import alerts_in, say
from tests.stage import ADA, Stage, buttons_of, text_of

HANA = "hana@sato.example"
LIST = """name,email,tags
Ada Lovelace Farms,,"North, organic"
Bob's Barn,,north
Sato Family Orchards,,Organic; south
Ada Lovelace Farms,,east
Green Acres,,north
Sato Family Orchards,,<!channel>
"""


async def tags_of(stage: Stage, email: str) -> tuple[str, ...]:
    async with stage.running.bot.database.reading() as session:
        return await tags.of(session, stage.world.leaf.find(email).id)


async def test_from_a_column_of_tags_to_growers_who_have_them(stage: Stage) -> None:
    await peopled(stage)
    await stage.types("/fieldview tag Bob's Barn add north")
    await stage.types("/fieldview subscribe tag:south")
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(HANA))
    assert alerts_in(stage, stage.growers) == []
    await say(stage, "OK", stage.world.leaf.find(HANA))
    await sends(stage, LIST)
    plan = await says(stage, "2 growers would get a link")
    shown = text_of(plan)
    assert "2 growers get new tags: `east` (1), `north` (1), `organic` (2) and `south` (1)" in shown
    assert (
        "Line 4 *Sato Family Orchards*: is connected already, and is left alone; new tags: `organic`, `south`" in shown
    )
    assert "The same grower as line 2; new tags: `east`" in shown
    assert "Its tags are left out: “<!channel>” cannot be a tag (letters, digits" in shown.replace("&lt;", "<").replace(
        "&gt;", ">"
    )
    assert "Make 2 links and give the tags" in shown
    assert await tags_of(stage, ADA) == (), "a plan gives nothing"

    await press(stage, plan, "bulk-start")
    done = text_of(await says(stage, ": 2 links made"))
    assert "2 growers got new tags: `east` (1), `north` (1), `organic` (2) and `south` (1)" in done
    assert await tags_of(stage, ADA) == ("east", "north", "organic")
    assert await tags_of(stage, HANA) == ("organic", "south")
    assert await tags_of(stage, "bob@farms.example") == ("north",)
    [rows] = await files(stage)
    assert [row["tags"] for row in rows] == ["north; organic", "", "organic; south", "east", "", ""]
    given = [row for row in await stage.audit() if row.action == "tag" and row.via == "job"]
    told = [(row.actor, row.target_name, json.loads(row.detail or "")) for row in given]
    assert [(who, name, each["before"], each["after"]) for who, name, each in told] == [
        (stage.grace, "Ada Lovelace Farms", [], ["north", "organic"]),
        (stage.grace, "Sato Family Orchards", [], ["organic", "south"]),
        (stage.grace, "Ada Lovelace Farms", ["north", "organic"], ["east", "north", "organic"]),
    ]
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(HANA))
    [card] = alerts_in(stage, stage.growers)
    assert "Sato Family Orchards" in card


async def test_a_list_may_give_tags_alone(stage: Stage) -> None:
    await stage.sweeps_now()
    await sends(stage, "name,tags\nSato Family Orchards,north,organic\n")
    plan = await says(stage, "there is nobody to make a link for")
    assert "Give the tags" in text_of(plan)
    await press(stage, plan, "bulk-start")
    await says(stage, "the tags are given")
    assert await tags_of(stage, HANA) == ("north", "organic")


async def test_a_list_whose_tags_are_there_already_has_nothing_to_begin(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await stage.types("/fieldview tag Sato Family Orchards add north")
    await sends(stage, "name,tags\nSato Family Orchards,NORTH\n")
    plan = await says(stage, "there is nobody to make a link for")
    assert "bulk-start" not in buttons_of(plan)
    assert "new tags" not in text_of(plan)


async def test_a_cancelled_list_gives_nothing(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await sends(stage, "name,tags\nSato Family Orchards,north\n")
    await press(stage, await says(stage, "there is nobody to make a link for"), "bulk-stop")
    await says(stage, "was cancelled")
    assert await tags_of(stage, HANA) == ()


async def test_more_than_a_grower_may_have_are_left_out_when_planned_and_when_given(stage: Stage) -> None:
    await stage.sweeps_now()
    many = ", ".join(f"tag {number}" for number in range(MOST + 1))
    await sends(stage, f'name,tags\nSato Family Orchards,"{many}"\n')
    plan = await says(stage, "there is nobody to make a link for")
    assert "Its tags are left out: a grower has at most 20" in text_of(plan)
    bulk_id = await running(stage, b"name,tags\nSato Family Orchards,north\n")
    await stage.types(f"/fieldview tag Sato Family Orchards add {many[: many.rindex(',')]}")
    while await stage.running.bot.bulk_making.make(bulk_id) is not None:
        pass
    assert "north" not in await tags_of(stage, HANA)
    async with stage.running.bot.database.reading() as session:
        [line] = await bulks.lines(session, bulk_id)
        bulk = await bulks.get(session, bulk_id)
    assert "at most 20 tags" in (line.note or "")
    assert bulk is not None
    assert bulk.state is BulkState.DONE


async def test_a_job_that_comes_twice_gives_them_once(stage: Stage) -> None:
    await stage.sweeps_now()
    bulk_id = await running(stage, b"name,tags\nSato Family Orchards,north\nAda Lovelace Farms,north\n")
    await stage.running.bot.bulk_making.make(bulk_id)
    await stage.types("/fieldview tag Sato Family Orchards remove north")
    while await stage.running.bot.bulk_making.make(bulk_id) is not None:
        pass
    assert await tags_of(stage, HANA) == (), "what was taken away since is not given again"
    assert await tags_of(stage, ADA) == ("north",)
