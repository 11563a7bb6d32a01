"""Growers grouped by words of the team's own: given and taken away, told of, and kept to."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from bot.errors import UsageError
from bot.journal import Deed
from bot.retention import Retention
from bot.tagging import MOST, tag_in
from storage import tags
from tests.journeys.test_casework import breaks
from tests.stage import Stage, buttons_of, text_of

SATO, ADAS = "Sato Family Orchards", "Ada Lovelace Farms"


async def tags_of(stage: Stage, email: str) -> tuple[str, ...]:
    async with stage.running.bot.database.reading() as session:
        return await tags.of(session, stage.world.leaf.find(email).id)


async def changes(stage: Stage) -> list[tuple[str | None, Any, Any]]:
    """Whose tags were changed, from what to what, as the audit trail has it."""
    found = [(row.target_name, json.loads(row.detail or "{}")) for row in await stage.audit() if row.action == "tag"]
    return [(name, detail["before"], detail["after"]) for name, detail in found if "after" in detail]


async def test_a_grower_is_given_tags_which_are_told_and_taken_away(stage: Stage) -> None:
    await stage.sweeps_now()
    assert "No grower has a tag yet" in text_of(await stage.types("/fieldview tag"))
    told = text_of(await stage.types(f"/fieldview tag {SATO} add  North Valley, #organic; ORGANIC"))
    assert "has the tags `north valley` and `organic`" in told
    assert "has no tags" in text_of(await stage.types(f"/fieldview tag {ADAS}"))
    await stage.types(f"/fieldview tag {ADAS} Add organic")
    listed = text_of(await stage.types("/fieldview tag"))
    assert "`organic`: 2 growers" in listed
    assert "`north valley`: 1 grower" in listed
    assert "Tags:* `north valley`, `organic`" in text_of(await stage.types(f"/fieldview status {SATO}"))
    told = text_of(await stage.types(f"/fieldview tag {SATO} remove Organic, south", stage.linus))
    assert "has the tag `north valley`" in told
    assert "Taken away: `organic`" in told
    assert await changes(stage) == [
        (SATO, [], ["north valley", "organic"]),
        (ADAS, [], ["organic"]),
        (SATO, ["north valley", "organic"], ["north valley"]),
    ]
    assert "took the tag `organic` from Sato" in text_of(await stage.types("/fieldview history"))
    rows = [row for row in await stage.audit() if row.action == "tag"]
    assert len(rows) == 6, "one for each command"


async def test_what_changes_nothing_says_so_and_is_no_change(stage: Stage) -> None:
    await stage.types(f"/fieldview tag {ADAS} add north")
    assert "New:" not in text_of(await stage.types(f"/fieldview tag {ADAS} add NORTH"))
    told = text_of(await stage.types(f"/fieldview tag {ADAS} remove south"))
    assert "Taken away:" not in told
    assert "Not there before: `south`" in told
    assert len(await changes(stage)) == 1


@pytest.mark.parametrize(
    "typed",
    [
        "<!channel>",
        "<#C0NEWS|news>",
        "=HYPERLINK(1)",
        "+1",
        "a`b",
        "*bold*",
        "north:south",
        "x" * 41,
        "-",
        "\u0301",
        "\u3164",
        ",;,",
        "",
        "north, <@U0ADA>",
    ],
)
async def test_what_cannot_be_a_tag_is_refused_as_a_whole(stage_on_sqlite: Stage, typed: str) -> None:
    stage = stage_on_sqlite
    told = text_of(await stage.types(f"/fieldview tag {ADAS} add {typed}"))
    assert "cannot be a tag. A tag begins with a letter or a digit" in told or "Which tag?" in told
    assert await tags_of(stage, "ada@example.com") == ()
    assert await stage.deeds() == [("tag", "refused")]


async def test_a_grower_has_no_more_tags_than_can_be_read(stage: Stage) -> None:
    many = ", ".join(f"tag {number}" for number in range(MOST))
    await stage.types(f"/fieldview tag {ADAS} add {many}")
    told = text_of(await stage.types(f"/fieldview tag {ADAS} add one more, another"))
    assert "at most 20 tags, and this would make 22" in told
    assert len(await tags_of(stage, "ada@example.com")) == MOST


async def test_of_many_who_give_tags_at_once_none_is_lost_and_each_row_begins_where_the_last_one_ended(
    stage: Stage,
) -> None:
    await stage.types(f"/fieldview tag {ADAS} add first")
    grower = await stage.running.bot.directory.find(ADAS)
    deeds = [Deed(stage.grace, "command", "tag", f"r-{number}") for number in range(MOST + 3)]
    given = (stage.running.bot.tagging.add(grower, [f"tag {number}"], deed) for number, deed in enumerate(deeds))
    outcomes = await asyncio.gather(*given, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [UsageError] * 4
    rows = await changes(stage)
    assert len(rows) == len(await tags_of(stage, "ada@example.com")) == MOST
    assert all(before == after for (_, _, after), (_, before, _) in pairwise(rows))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" North  Valley ", "north valley"),
        ("#Öko", "öko"),
        ("\uff2e\uff4f\uff52\uff54\uff48", "north"),
        ("no\u200brth\u202e", "north"),
        ("no\ufe0frth\u3164", "north"),
        ("R&D", "r&d"),
        ("北部", "北部"),
        ("उत्तर", "उत्तर"),
        ("2026/27", "2026/27"),
    ],
)
def test_two_spellings_of_one_tag_are_one(written: str, kept: str) -> None:
    assert tag_in(written) == kept == tag_in(kept)


async def test_a_name_may_hold_the_words_of_the_command(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.leaf.add_user(name="We Add Value", email="we@add.example")
    await stage.sweeps_now()
    assert "We Add Value* has no tags" in text_of(await stage.types("/fieldview tag We Add Value"))
    await stage.types("/fieldview tag We Add Value add north")
    await stage.types('/fieldview tag "We Add Value" add east')
    assert await tags_of(stage, "we@add.example") == ("east", "north")


async def test_of_two_growers_of_one_name_one_is_chosen_and_the_tags_are_not_forgotten(stage: Stage) -> None:
    for email in ("g1@x.example", "g2@x.example"):
        stage.world.leaf.add_user(name="Green Acres", email=email)
    await stage.sweeps_now()
    asked = await stage.types("/fieldview tag Green Acres add North, organic")
    chosen = stage.world.leaf.find("g2@x.example").id
    told = await stage.presses(asked, "choose-grower", selected=chosen)
    assert "Green Acres (g2@x.example)* has the tags `north` and `organic`" in text_of(told)
    assert await tags_of(stage, "g1@x.example") == ()


@pytest.mark.parametrize("typed", ["Green Acres", "Green Acre"])
async def test_tags_that_no_menu_can_carry_are_asked_for_again(stage_on_sqlite: Stage, typed: str) -> None:
    """Slack takes 255 characters in the place where a menu remembers what to do with whoever is chosen."""
    stage = stage_on_sqlite
    for email in ("g1@x.example", "g2@x.example"):
        stage.world.leaf.add_user(name="Green Acres", email=email)
    await stage.sweeps_now()
    named = ", ".join(f"contract with the buyer number {number}" for number in range(8))
    told = await stage.types(f"/fieldview tag {typed} add {named}")
    meant = stage.world.leaf.find("g2@x.example").id
    assert buttons_of(told) == []
    assert "so I did nothing" in text_of(told)
    assert f"`{meant}`" in text_of(told)
    await stage.types(f"/fieldview tag {meant} add {named}")
    assert len(await tags_of(stage, "g2@x.example")) == 8


async def test_tags_for_a_misspelt_grower_are_not_forgotten(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    asked = await stage.types("/fieldview tag Ada Lovelace Farm add north")
    told = await stage.presses(asked, "choose-grower", selected=stage.world.leaf.find("ada@example.com").id)
    assert "has the tag `north`" in text_of(told)


async def test_only_operators_give_tags(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview access members viewer", stage.linus)
    assert "operator" in text_of(await stage.types(f"/fieldview tag {ADAS} add north"))
    assert await tags_of(stage, "ada@example.com") == ()


async def test_who_is_erased_has_no_tags_any_more(stage: Stage) -> None:
    await breaks(stage)
    await stage.types(f"/fieldview tag {SATO} add north, loud neighbour")
    bot = stage.running.bot
    retention = Retention(bot.database, bot.journal, stage.world.clock)
    [grower] = await retention.whom(SATO)
    await retention.erase(grower, "cli", "r-1")
    assert await tags_of(stage, "hana@sato.example") == ()
    assert "No grower has a tag yet" in text_of(await stage.types("/fieldview tag"))
