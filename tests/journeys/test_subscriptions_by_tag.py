"""Channels that hear of growers with one tag only: typed or chosen in the form, kept to, and honest about it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from bot.sandbox.leaf import LeafUser
from bot.silence import FRESHNESS, SILENCE
from storage.tables import SubscriptionRow
from tests.journeys.test_casework import breaks, recovers
from tests.journeys.test_digest import DIGEST, digests, it_is, round_of, shown, wants
from tests.journeys.test_silence import SATO, is_read
from tests.journeys.test_subscriptions import alerts_in, farm, form, opens, picks, saves, say
from tests.messages.reading import read
from tests.stage import Stage, days, eventually, set_up, text_of

OWNED = "Sato Family Orchards"
TAG = "subscribe-tag"


async def tagged(stage: Stage, name: str, *tags: str) -> LeafUser:
    """A grower with a healthy connection and these tags."""
    user = await farm(stage, name)
    if tags:
        await stage.types(f"/fieldview tag {name} add {', '.join(tags)}")
    return user


async def picks_tag(stage: Stage, tag: str, so: str) -> dict[str, Any]:
    """Grace types the tag in the form and chooses it; the form then says so."""
    view = stage.world.slack.view(stage.grace)
    assert view is not None
    await offered(stage, tag)
    outcome = await stage.world.slack.click(
        stage.grace, action_id=TAG, view_id=view["id"], block_id="tag", selected=tag
    )
    assert outcome.ok, outcome
    return await form(stage, stage.grace, so)


async def offered(stage: Stage, typed: str) -> list[str]:
    """What Slack shows below what Grace has typed into the menu of tags."""
    view = stage.world.slack.view(stage.grace)
    assert view is not None
    options = await stage.world.slack.options(stage.grace, TAG, typed, view_id=view["id"])
    return [f"{option['text']['text']}: {option['description']['text']}" for option in options]


async def test_an_alert_goes_to_the_channel_that_wants_the_tag_and_to_no_other(stage: Stage) -> None:
    north, south, none = [
        await tagged(stage, *each) for each in (("One", "north", "organic"), ("Two", "south"), ("Three",))
    ]
    elsewhere = stage.world.slack.add_channel("south", [stage.grace])
    told = text_of(await stage.types("/fieldview subscribe tag:North"))
    assert "growers with the tag `north`" in told
    assert "No grower has the tag" not in told
    await stage.types("/fieldview subscribe #south tag: south")
    await say(stage, "UNAUTHENTICATED", north, south, none)
    [card] = alerts_in(stage, stage.growers)
    assert "One" in card
    [other] = alerts_in(stage, elsewhere)
    assert "Two" in other
    assert len(alerts_in(stage, stage.alerts)) == 3, "the alert channel hears everything"
    wishes = [json.loads(row.detail or "")["wishes"] for row in await stage.audit() if row.action == "subscribe"]
    assert [(each["tag"], each["owner"], each["topics"]) for each in wishes] == [
        ("north", None, None),
        ("south", None, None),
    ]


async def test_a_channel_that_hears_of_another_tag_reads_which_one_it_was(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview subscribe tag:north")
    await stage.types("/fieldview subscribe tag:west", stage.linus)
    _, changed = await stage.posted(stage.growers, 2)
    assert f"<@{stage.linus}> changed what this channel hears" in text_of(changed)
    assert "*Before:* everything · growers with the tag `north` · at once." in text_of(changed)


async def test_a_grower_who_gets_the_tag_while_broken_comes_to_the_channel_once_and_stays(stage: Stage) -> None:
    await breaks(stage)
    await stage.types("/fieldview subscribe tag:north")
    assert alerts_in(stage, stage.growers) == []
    await stage.types(f"/fieldview tag {OWNED} add east")
    await stage.delivered()
    assert alerts_in(stage, stage.growers) == []
    await stage.types(f"/fieldview tag {OWNED} add north")
    await stage.types(f"/fieldview tag {OWNED} remove north")
    await stage.types(f"/fieldview tag {OWNED} add north")
    await stage.delivered()
    [card] = alerts_in(stage, stage.growers)
    assert OWNED in card
    await stage.types(f"/fieldview tag {OWNED} remove north")
    await recovers(stage)
    [card] = alerts_in(stage, stage.growers)
    assert "works again" in card, "what stands there is kept up to date"
    assert len(alerts_in(stage, stage.alerts)) == 1


async def test_a_storm_comes_to_the_channel_once_somebody_in_it_has_the_tag(stage: Stage) -> None:
    users = [await farm(stage, f"Farm{number}") for number in range(5)]
    last = await farm(stage, "Last")
    await stage.types("/fieldview subscribe tag:north")
    await say(stage, "UNAUTHENTICATED", *users)
    assert alerts_in(stage, stage.growers) == []
    await stage.types("/fieldview tag Farm3 add north, south")
    await stage.delivered()
    await say(stage, "UNAUTHENTICATED", last)
    [storm] = alerts_in(stage, stage.growers)
    assert "6 growers" in storm
    assert len(alerts_in(stage, stage.alerts)) == 1


async def test_fieldview_being_ill_is_everybodys_and_a_new_connection_only_of_those_with_the_tag(stage: Stage) -> None:
    users = [await farm(stage, f"Farm{number}") for number in range(5)]
    other = stage.world.slack.add_channel("south", [stage.grace])
    await stage.types("/fieldview subscribe tag:north")
    await stage.types("/fieldview subscribe #south tag:south")
    await stage.types("/fieldview tag Ada Lovelace Farms add north")
    await stage.connects()
    await stage.delivered()
    [told] = alerts_in(stage, stage.growers)
    assert "Ada Lovelace Farms" in told
    assert alerts_in(stage, other) == []
    await say(stage, "TEMPORARILY_UNAVAILABLE", *users)
    stage.world.clock.advance(timedelta(minutes=6))
    await stage.sweeps_now()
    await stage.delivered()
    assert len(alerts_in(stage, other)) == 1


async def test_silence_is_told_where_the_tag_is_wanted(stage: Stage) -> None:
    other = stage.world.slack.add_channel("south", [stage.grace])
    await stage.types("/fieldview subscribe tag:north")
    await stage.types("/fieldview subscribe #south tag:south")
    await stage.world.leaf.sync(SATO, farms=2, fields=20)
    await stage.sweeps_now()
    await stage.types(f"/fieldview tag {OWNED} add north, organic")
    stage.world.clock.advance(days(16))
    await stage.sweeps_now()
    await stage.running.jobs.start_now(FRESHNESS, "slot", "slot")
    await eventually(lambda: is_read(stage))
    today = (stage.world.clock() - days(0.7)).date().isoformat()
    await stage.running.jobs.start_now(SILENCE, today, f"{SILENCE}-{today}-test")
    await stage.posted(stage.alerts)
    await stage.delivered()
    [told] = alerts_in(stage, stage.growers)
    assert OWNED in told
    assert alerts_in(stage, other) == []


async def test_an_alert_about_a_grower_without_the_tag_comes_where_operators_are_told(database_url: str) -> None:
    async with set_up(database_url, alert_channel=None) as stage:
        await stage.types("/fieldview subscribe tag:north")
        await say(stage, "UNAUTHENTICATED", await farm(stage, "Nobodys"))
        [card] = alerts_in(stage, stage.growers)
        assert "Nobodys" in card
        whole = stage.world.slack.add_channel("whole", [stage.grace])
        await stage.types("/fieldview subscribe #whole")
        await say(stage, "UNAUTHENTICATED", await farm(stage, "Another"))
        assert "Another" in alerts_in(stage, whole)[-1]
        assert len(alerts_in(stage, stage.growers)) == 1


async def test_a_digest_by_tag_tells_of_those_growers_alone(stage: Stage) -> None:
    mine = await tagged(stage, "Mine", "north", "organic")
    other = await tagged(stage, "Other", "south")
    over, past = await tagged(stage, "Over", "north"), await tagged(stage, "Past", "south")
    await say(stage, "UNAUTHENTICATED", mine, other, over, past)
    await say(stage, "OK", over, past)
    await stage.types("/fieldview connect Ada Lovelace Farms", stage.linus)
    await wants(stage, replace(DIGEST, tag="north"))
    await it_is(stage, 8)
    await round_of(stage)
    await it_is(stage, 8, weekday=0)
    await round_of(stage)
    friday, monday = digests(stage)
    told = shown(friday)
    assert "Of growers with the tag north" in told
    assert "1 connection is not well" in friday.text
    assert "1 of 2 connections work" in told
    assert "Mine · mine@farm.example: permission ended" in told
    assert "Works again (1)\n• Over" in told
    assert not any(name in told for name in ("Other", "Past", "Ada"))
    week = shown(monday)
    assert "1 connection works again" in week
    assert "No grower was asked for consent" in week
    assert "Thu 26: 2" in week


async def test_in_the_form_a_tag_is_found_while_somebody_types_and_counted_before_saving(stage: Stage) -> None:
    one, two, three = [
        await tagged(stage, *each) for each in (("One", "north", "organic"), ("Two", "north"), ("Three", "south"))
    ]
    for user in (one, two, three):
        await say(stage, "UNAUTHENTICATED", user)
    stage.world.clock.advance(timedelta(days=31))
    await say(stage, "OK", one, two, three)
    for user in (one, two, three):
        await say(stage, "UNAUTHENTICATED", user)
    await opens(stage)
    view = await picks(stage, "whose", "tag", "Which tag")
    assert "would have got" not in read(view["blocks"]), "there is nothing to count yet"
    assert await offered(stage, "") == [
        "north: 2 growers have it now.",
        "organic: 1 grower has it now.",
        "south: 1 grower has it now.",
    ]
    assert (await offered(stage, "NOR"))[0] == "north: 2 growers have it now."
    assert await offered(stage, "West") == ["west: No grower has it yet."]
    view = await picks_tag(stage, "north", "got 2 messages last month")
    assert "2 growers have it now" in read(view["blocks"])
    view = await picks_tag(stage, "west", "got 0 messages last month")
    assert "No grower has the tag west" in read(view["blocks"])
    await picks_tag(stage, "organic", "got 1 message last month")
    await picks(stage, "delivery", "both", "got 31 messages last month")
    told = text_of(await saves(stage, digest_hour="7"))
    assert "growers with the tag `organic`" in told
    await opens(stage, so="It hears now")
    view = stage.world.slack.view(stage.grace) or {}
    assert "Which tag" in read(view["blocks"]), "it opens with what the channel hears"
    assert [row.via for row in await stage.audit() if row.outcome != "done"] == []


async def test_with_no_tag_chosen_it_is_not_saved(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await opens(stage)
    view = await picks(stage, "whose", "tag", "Which tag")
    outcome = await slack.submit(stage.grace, view["id"], {})
    assert not outcome.ok
    assert "tag" in (outcome.errors or {})
    assert alerts_in(stage, stage.growers) == []


async def test_a_wish_by_a_tag_that_no_grower_has_says_so_until_one_has_it(stage: Stage) -> None:
    told = text_of(await stage.types("/fieldview subscribe tag:north valley"))
    assert "No grower has the tag `north valley` yet" in told
    assert "No grower has the tag `north valley`" in text_of(await stage.types("/fieldview subscriptions"))
    await stage.types("/fieldview tag Ada Lovelace Farms add north valley")
    listed = text_of(await stage.types("/fieldview subscriptions"))
    assert "everything · growers with the tag `north valley` · at once" in listed
    assert "No grower has" not in listed


async def test_a_slip_in_a_tag_takes_away_nothing_that_the_channel_hears(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    north = await tagged(stage, "One", "north")
    await stage.types("/fieldview subscribe tag:north")
    for command in ("subscribe", "status"):
        answer = text_of(await stage.types(f"/fieldview {command} tag:nroth"))
        assert "No grower has the tag `nroth`. Did you mean `tag:north`?" in answer
    await say(stage, "UNAUTHENTICATED", north)
    [card] = alerts_in(stage, stage.growers)
    assert "One" in card, "the channel still hears of the tag it had"


@pytest.mark.parametrize("typed", ["tag:<!channel>", "tag:=1+1", f"tag:{'x' * 41}", "tag:north:south"])
async def test_what_cannot_be_a_tag_subscribes_nothing(stage_on_sqlite: Stage, typed: str) -> None:
    stage = stage_on_sqlite
    assert "cannot be a tag" in text_of(await stage.types(f"/fieldview subscribe {typed}"))
    assert "cannot be a tag" in text_of(await stage.types(f"/fieldview status {typed}"))
    assert "No channel that you can see is subscribed" in text_of(await stage.types("/fieldview subscriptions"))


async def test_no_tag_at_all_is_asked_for(stage_on_sqlite: Stage) -> None:
    assert "Which tag?" in text_of(await stage_on_sqlite.types("/fieldview subscribe tag:"))
    assert "Which tag?" in text_of(await stage_on_sqlite.types("/fieldview status tag:"))


async def test_what_was_only_tried_is_not_told_as_done(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    for typed in ("tag Hopper Grain add x", "subscribe tag:", "unsubscribe"):
        await stage.types(f"/fieldview {typed}")
    told = text_of(await stage.types("/fieldview history"))
    assert "asked about tags: `Hopper Grain add x`, but I know nobody of that name" in told
    assert "wanted to subscribe a channel: `tag:`, but something was missing" in told
    assert f"wanted to unsubscribe <#{stage.growers}>, which was not subscribed" in told


async def test_a_private_channel_is_subscribed_by_its_members_alone_whatever_the_tag(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.slack.add_channel("board", [stage.linus], private=True)
    await tagged(stage, "One", "secret")
    assert "joined" in text_of(await stage.types("/fieldview subscribe #board tag:secret"))
    await stage.types("/fieldview subscribe #board tag:secret", stage.linus)
    listed = text_of(await stage.types("/fieldview subscriptions"))
    assert "secret" not in listed


async def test_a_lost_channel_that_is_back_wants_its_tag(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    slack = stage.world.slack
    north = await tagged(stage, "One", "north")
    await stage.types("/fieldview subscribe tag:north")
    slack.archive(stage.growers)
    await say(stage, "UNAUTHENTICATED", north)
    slack.unarchive(stage.growers)
    assert "growers with the tag `north`" in text_of(await stage.types("/fieldview subscribe"))
    assert "Before:* everything · growers with the tag `north`" in text_of(await stage.types("/fieldview subscribe"))


async def test_what_a_version_without_tags_has_written_is_about_all_growers(stage: Stage) -> None:
    before = {"channel": stage.growers, "made_by": stage.grace, "made_at": stage.world.clock(), "delivery": "instant"}
    async with stage.running.bot.database.transaction() as session:
        await session.execute(insert(SubscriptionRow).values(**before))
    await say(stage, "UNAUTHENTICATED", await tagged(stage, "One", "north"), await farm(stage, "Two"))
    assert len(alerts_in(stage, stage.growers)) == 2
    assert "everything · all growers · at once" in text_of(await stage.types("/fieldview subscriptions"))


async def test_of_many_tags_the_menu_shows_as_many_as_slack_takes_and_the_typed_one(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    for number in range(6):
        await tagged(stage, f"Farm{number}", *(f"tag {number}{letter}" for letter in "abcdefghijklmnopqrst"))
    await opens(stage)
    await picks(stage, "whose", "tag", "Which tag")
    assert len(await offered(stage, "")) == 99
    typed = await offered(stage, "tag")
    assert (len(typed), typed[-1]) == (100, "tag: No grower has it yet.")
    assert await offered(stage, "t:b") == []


async def test_how_those_with_a_tag_are_at_a_glance(stage: Stage) -> None:
    one = await tagged(stage, "One", "north")
    await tagged(stage, "Two", "north")
    await say(stage, "UNAUTHENTICATED", one)
    told = text_of(await stage.types("/fieldview status tag:North"))
    assert "2 growers tagged “north”: 1 healthy, 1 broken" in told
    assert OWNED not in told
    assert "No grower has the tag “west”" in text_of(await stage.types("/fieldview status tag: west"))
