"""What channels hear: chosen in a form that tells what it would have meant, listed, and kept to."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

import bot.access
from bot.announcer import AWAY
from bot.people import PEOPLE
from bot.sandbox.leaf import LeafUser
from bot.sandbox.slack.workspace import Message
from storage import outbox, subscriptions
from storage.records import EVERYTHING, Wishes
from storage.tables import SubscriptionRow
from tests.journeys.test_casework import breaks, recovers
from tests.journeys.test_home import clicks
from tests.journeys.test_home import opens as visits
from tests.messages.reading import read
from tests.stage import PATIENCE, Stage, eventually, set_up, text_of

ACTION = "subscribe-change"
SATO = "hana@sato.example"


async def opens(
    stage: Stage, user: str | None = None, typed: str = "options", so: str = "All growers"
) -> dict[str, Any]:
    """Somebody asks for the form of #growers, which says so."""
    user = user or stage.grace
    assert (await stage.world.slack.command(user, stage.growers, f"/fieldview subscribe {typed}")).ok
    return await form(stage, user, so)


async def form(stage: Stage, user: str, so: str) -> dict[str, Any]:
    """The form on their screen, as soon as it says that."""
    slack = stage.world.slack
    await slack.until(lambda: so in repr(slack.view(user)), PATIENCE)
    view = slack.view(user)
    assert view is not None
    return view


async def picks(stage: Stage, block: str, choice: Any, so: str, user: str | None = None) -> dict[str, Any]:
    """They choose something in the form, which then says so."""
    user = user or stage.grace
    view = stage.world.slack.view(user)
    assert view is not None
    outcome = await stage.world.slack.click(user, action_id=ACTION, view_id=view["id"], block_id=block, selected=choice)
    assert outcome.ok, outcome
    return await form(stage, user, so)


async def saves(stage: Stage, user: str | None = None, **values: Any) -> Message:
    """They fill in the rest and send it; the private answer."""
    user = user or stage.grace
    view, seen = stage.world.slack.view(user), len(stage.answers(user))
    assert view is not None
    outcome = await stage.world.slack.submit(
        user, view["id"], {block: {ACTION: value} for block, value in values.items()}
    )
    assert outcome.ok, outcome
    await stage.world.slack.until(lambda: len(stage.answers(user)) > seen, PATIENCE)
    return stage.answers(user)[-1]


async def chooses(stage: Stage, *, owner: str | None = None, **values: Any) -> str:
    """Grace has #growers hear only that; what she is answered."""
    await opens(stage)
    if owner:
        await picks(stage, "whose", "one", "Which colleague")
        values["owner"] = owner
    return text_of(await saves(stage, **values))


async def farm(stage: Stage, name: str, owner: str | None = None) -> LeafUser:
    """A grower with a healthy connection, whom that colleague looks after."""
    email = f"{name.lower()}@farm.example"
    user = stage.world.leaf.add_user(name=name, email=email)
    stage.world.leaf.connect(email)
    await stage.sweeps_now()
    if owner:
        await stage.types(f"/fieldview owner {name} @{owner}", stage.world.slack.user(owner).id)
    return user


async def say(stage: Stage, status: str, *users: LeafUser) -> None:
    """Leaf says so of them, the bot looks, and everything is told."""
    for user in users:
        stage.world.leaf.set_status(user, status)
    await stage.sweeps_now()
    await stage.delivered()


def alerts_in(stage: Stage, channel: str) -> list[str]:
    """What stands there but greetings."""
    posted = [text_of(message) for message in stage.world.slack.posted(channel)]
    return [text for text in posted if "this channel" not in text.partition("\n")[0].lower()]


async def test_a_channel_hears_of_one_colleagues_growers_only(stage: Stage) -> None:
    mine, theirs = await farm(stage, "Mine", "grace"), await farm(stage, "Theirs", "linus")
    told = await chooses(stage, owner=stage.grace)
    assert f"the growers of <@{stage.grace}>" in told
    assert f"<@{stage.grace}> subscribed this channel" in text_of((await stage.posted(stage.growers))[0])
    await say(stage, "UNAUTHENTICATED", mine, theirs)
    [card] = alerts_in(stage, stage.growers)
    assert "Mine" in card
    assert len(alerts_in(stage, stage.alerts)) == 2, "the alert channel hears everything"
    row = next(each for each in await stage.audit() if each.action == "subscribe" and each.via == "form")
    wishes = json.loads(row.detail or "")["wishes"]
    assert (wishes["owner"], wishes["topics"], wishes["delivery"]) == (stage.grace, None, "instant")


async def test_a_grower_who_gets_that_owner_while_broken_comes_to_the_channel(stage: Stage) -> None:
    await breaks(stage)
    await chooses(stage, owner=stage.linus)
    assert alerts_in(stage, stage.growers) == []
    await stage.types("/fieldview owner Sato Family Orchards @linus")
    await stage.delivered()
    [card] = alerts_in(stage, stage.growers)
    assert "Sato Family Orchards" in card
    assert len(alerts_in(stage, stage.alerts)) == 1


async def test_so_does_one_who_is_claimed_by_asking_for_consent(stage: Stage) -> None:
    await breaks(stage)
    await chooses(stage, owner=stage.grace)
    assert alerts_in(stage, stage.growers) == []
    await stage.types("/fieldview connect Sato Family Orchards", channel=stage.alerts)
    await stage.delivered()
    [card] = alerts_in(stage, stage.growers)
    assert "Sato Family Orchards" in card


async def test_and_one_who_is_handed_over(stage: Stage) -> None:
    await breaks(stage)
    await stage.types("/fieldview owner Sato Family Orchards @linus")
    await chooses(stage, owner=stage.grace)
    assert alerts_in(stage, stage.growers) == []
    await stage.types("/fieldview handover @linus @grace")
    await stage.delivered()
    [card] = alerts_in(stage, stage.growers)
    assert "Sato Family Orchards" in card
    assert len(alerts_in(stage, stage.alerts)) == 1


async def test_a_channel_hears_of_some_kinds_only_and_of_what_becomes_one_of_them(stage: Stage) -> None:
    one, two = await farm(stage, "One"), await farm(stage, "Two")
    assert "shares only a part" in await chooses(stage, topics=["partly"])
    await say(stage, "UNAUTHENTICATED", one)
    await say(stage, "MISSING_PERMISSIONS", two)
    [card] = alerts_in(stage, stage.growers)
    assert "Two" in card
    await say(stage, "MISSING_PERMISSIONS", one)
    assert sum("One" in each for each in alerts_in(stage, stage.growers)) == 1, "its reason is another one now"
    assert len(alerts_in(stage, stage.alerts)) == 2


async def test_a_card_that_stands_there_is_kept_up_to_date_whatever_is_chosen_later(stage: Stage) -> None:
    await stage.types("/fieldview subscribe")
    await breaks(stage)
    assert "hears something else" in await chooses(stage, topics=["connected"])
    assert "changed what this channel hears" in text_of((await stage.posted(stage.growers, 3))[-1])
    await recovers(stage)
    [card] = alerts_in(stage, stage.growers)
    assert "works again" in card


async def test_who_wants_a_digest_alone_hears_nothing_at_once(stage: Stage) -> None:
    await opens(stage)
    await picks(stage, "delivery", "digest", "When the digest comes (America/Chicago)")
    told = text_of(await saves(stage, digest_hour="7"))
    assert "once a day at 07:00 (America/Chicago)" in told
    listed = text_of(await stage.types("/fieldview subscriptions"))
    assert "last changed" not in listed, "it was chosen as the channel was subscribed"
    await breaks(stage)
    assert alerts_in(stage, stage.growers) == []


async def test_a_way_of_delivery_that_only_a_newer_version_knows_stops_no_alerts(stage: Stage) -> None:
    await stage.types("/fieldview subscribe")
    async with stage.running.bot.database.transaction() as session:
        row = await session.get(SubscriptionRow, stage.growers)
        assert row is not None
        row.delivery = "weekly"
    await breaks(stage)
    [card] = alerts_in(stage, stage.growers)
    assert "Sato Family Orchards" in card


async def test_a_storm_comes_to_whom_it_concerns_also_when_that_is_only_later(stage: Stage) -> None:
    users = [await farm(stage, f"Farm{number}") for number in range(5)]
    mine = await farm(stage, "Mine", "grace")
    await chooses(stage, owner=stage.grace)
    await say(stage, "UNAUTHENTICATED", *users)
    assert alerts_in(stage, stage.growers) == []
    await say(stage, "UNAUTHENTICATED", mine)
    [storm] = alerts_in(stage, stage.growers)
    assert "6 growers" in storm
    assert len(alerts_in(stage, stage.alerts)) == 1


async def test_fieldview_being_ill_concerns_everybody_who_wants_to_hear_of_that(stage: Stage) -> None:
    users = [await farm(stage, f"Farm{number}") for number in range(5)]
    other = stage.world.slack.add_channel("quiet", [stage.grace])
    await chooses(stage, owner=stage.linus)
    await opens(stage, typed="#quiet options")
    await saves(stage, topics=["broken", "partly"])
    await say(stage, "TEMPORARILY_UNAVAILABLE", *users)
    stage.world.clock.advance(timedelta(minutes=6))
    await stage.sweeps_now()
    await stage.delivered()
    assert len(alerts_in(stage, stage.growers)) == 1
    assert alerts_in(stage, other) == []


async def test_before_saving_it_tells_how_many_messages_that_would_have_been_last_month(stage: Stage) -> None:
    view = await opens(stage)
    assert "not watched long enough" in read(view["blocks"])
    one, two = await farm(stage, "One", "grace"), await farm(stage, "Two")
    for user in (one, two):
        await say(stage, "UNAUTHENTICATED", user)
    await say(stage, "MISSING_PERMISSIONS", stage.world.leaf.find(SATO))
    await stage.connects()
    stage.world.clock.advance(timedelta(days=10))
    await opens(stage, so="got 4 messages in the 10 days since I began to watch")
    view = await picks(stage, "topics", ["broken"], "got 2 messages")
    assert "2 about one grower each." in read(view["blocks"])
    await picks(stage, "whose", "one", "got 1 message in")
    await picks(stage, "owner", stage.linus, "got 0 messages")
    await picks(stage, "delivery", "both", "got 10 messages")
    stage.world.clock.advance(timedelta(days=15))
    await picks(stage, "whose", "all", "got 27 messages in")
    stage.world.clock.advance(timedelta(days=20))
    await picks(stage, "delivery", "instant", "got 0 messages last month")
    assert [row.via for row in await stage.audit() if row.outcome != "done"] == []


async def test_however_long_an_answer_takes_the_form_stays_on_the_screen(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    monkeypatch.setattr("handlers.slack.PATIENCE", 0.01)
    await opens(stage)
    slack.faults.slow(0.3, "views.update")
    view = await picks(stage, "delivery", "both", "When the digest comes")
    assert view["callback_id"] == "subscribe"
    slack.faults.heal()
    slack.faults.outage("views.update")
    assert (await slack.click(stage.grace, action_id=ACTION, view_id=view["id"], block_id="whose", selected="one")).ok
    await slack.until(lambda: slack.posted(slack.dm(stage.grace)), PATIENCE)
    assert (slack.view(stage.grace) or {})["callback_id"] == "subscribe", "trouble is told elsewhere"
    assert len(slack.posted(slack.dm(stage.grace))) == 1


async def test_it_opens_at_once_however_long_it_takes_to_look_up_what_the_channel_hears(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await stage.types("/fieldview status")
    slack.faults.slow(1, "users.info")
    assert (await slack.command(stage.grace, stage.growers, "/fieldview subscribe options")).ok
    await form(stage, stage.grace, "One moment")
    await form(stage, stage.grace, "All growers")


async def test_with_nothing_chosen_it_is_not_saved_and_says_what_is_missing(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    view = await opens(stage)
    outcome = await slack.submit(stage.grace, view["id"], {"topics": {ACTION: []}})
    assert not outcome.ok
    assert "topics" in (outcome.errors or {})
    assert alerts_in(stage, stage.growers) == []


async def test_who_was_taken_out_of_a_channel_while_the_form_was_open_chooses_nothing_for_it(
    stage_on_sqlite: Stage,
) -> None:
    """A form stays open for as long as somebody likes: where it was opened proves nothing when it is sent."""
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    view = await opens(stage)
    slack.kick(stage.growers, stage.grace)
    assert (await slack.submit(stage.grace, view["id"], {})).ok

    async def is_through() -> bool:
        return len(await stage.deeds()) > 1

    await eventually(is_through)
    assert await stage.deeds() == [("subscribe", "done"), ("subscribe", "refused")], "asked for it, and was refused"
    listed = text_of(await stage.types("/fieldview subscriptions", stage.linus))
    assert "No channel that you can see is subscribed" in listed


async def test_only_who_may_subscribe_a_channel_may_choose_for_it(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.slack.add_channel("finance", [stage.linus])
    await opens(stage, typed="#finance options")
    assert "joined" in text_of(await saves(stage))
    listed = text_of(await stage.types("/fieldview subscriptions"))
    assert "No channel that you can see is subscribed" in listed


async def test_an_outsider_is_nobodys_colleague(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.slack.user(stage.ada).guest = "single"
    assert "guest" in await chooses(stage, owner=stage.ada)
    assert "No channel that you can see is subscribed" in text_of(await stage.types("/fieldview subscriptions"))


@pytest.mark.parametrize("typed", ["@linus", "#growers @linus", "@linus #growers"])
async def test_a_colleague_who_is_typed_is_whose_growers_the_channel_hears_of(stage: Stage, typed: str) -> None:
    mine, theirs = await farm(stage, "Mine", "grace"), await farm(stage, "Theirs", "linus")
    told = text_of(await stage.types(f"/fieldview subscribe {typed}"))
    assert f"everything\n*Whose:* the growers of <@{stage.linus}>" in told
    await say(stage, "UNAUTHENTICATED", mine, theirs)
    [card] = alerts_in(stage, stage.growers)
    assert "Theirs" in card


async def test_of_a_colleague_who_looks_after_nobody_yet_it_is_said_that_nothing_comes(stage: Stage) -> None:
    none = f"<@{stage.linus}> looks after no grower yet"
    assert none in text_of(await stage.types("/fieldview subscribe @linus"))
    assert none in text_of(await stage.types("/fieldview subscriptions"))
    await opens(stage)
    await form(stage, stage.grace, none)
    await farm(stage, "Theirs", "linus")
    assert "looks after no grower" not in text_of(await stage.types("/fieldview subscribe @linus"))
    assert "looks after no grower" not in text_of(await stage.types("/fieldview subscriptions"))
    await opens(stage)
    await stage.world.slack.until(lambda: none not in repr(stage.world.slack.view(stage.grace)), PATIENCE)
    await form(stage, stage.grace, "Which colleague")


@pytest.mark.parametrize(("typed", "told"), [("@ada", "guest"), ("Linus", "options | tag:north | @person")])
async def test_who_is_no_colleague_subscribes_nothing(stage_on_sqlite: Stage, typed: str, told: str) -> None:
    stage = stage_on_sqlite
    stage.world.slack.user(stage.ada).guest = "single"
    assert told in text_of(await stage.types(f"/fieldview subscribe {typed}"))
    assert "No channel that you can see is subscribed" in text_of(await stage.types("/fieldview subscriptions"))


async def test_the_plain_command_is_everything_at_once_and_says_what_it_was(stage: Stage) -> None:
    await chooses(stage, topics=["silent", "ill"])
    told = text_of(await stage.types("/fieldview subscribe"))
    assert "hears something else" in told
    assert "Before:* no new data, FieldView or Leaf is ill · all growers · at once" in told
    assert "nothing had to change" in text_of(await stage.types("/fieldview subscribe"))
    await breaks(stage)
    assert len(alerts_in(stage, stage.growers)) == 1


async def test_every_subscription_is_listed_with_who_made_it_and_whether_it_works(stage: Stage) -> None:
    slack = stage.world.slack
    await stage.types("/fieldview subscribe", stage.linus)
    lost = slack.add_channel("lost", [stage.grace])
    await stage.types("/fieldview subscribe #lost")
    slack.archive(lost)
    await breaks(stage)
    await chooses(stage, topics=["broken"])
    slack.deactivate(stage.linus)
    listed = await stage.types("/fieldview subscriptions")
    told = text_of(listed)
    assert "2 channels are subscribed" in told
    assert f"<#{stage.alerts}> is the alert channel" in told
    assert f"<#{stage.growers}>*: stopped working · all growers · at once" in told
    assert f"By <@{stage.linus}>" in told
    assert f"last changed by <@{stage.grace}>" in told
    assert "Gets nothing:* it is archived" in told
    await say(stage, "UNAUTHENTICATED", await farm(stage, "Another"))
    assert "Another" in alerts_in(stage, stage.growers)[-1], "whoever made it has left, and it works on"
    await slack.click(stage.grace, listed.channel, listed.ts, "subscribe-options", value=stage.growers)
    view = await form(stage, stage.grace, "It hears now")
    assert "stopped working · all growers · at once" in read(view["blocks"])


async def test_a_lost_channel_that_is_back_wants_what_it_wanted(stage: Stage) -> None:
    slack = stage.world.slack
    await chooses(stage, topics=["broken"])
    slack.archive(stage.growers)
    await breaks(stage)
    slack.unarchive(stage.growers)
    told = text_of(await stage.types("/fieldview subscribe"))
    assert "gets alerts from now on" in told
    assert "What:* stopped working" in told


async def test_what_stands_in_a_lost_channel_is_up_to_date_again_when_it_is_subscribed_again(stage: Stage) -> None:
    slack, sato = stage.world.slack, stage.world.leaf.find("hana@sato.example")
    await stage.types("/fieldview subscribe")
    await stage.sweeps_now()
    await say(stage, "UNAUTHENTICATED", sato)
    card = slack.posted(stage.growers)[-1]
    slack.archive(stage.growers)
    stage.world.leaf.set_status(sato, "OK")
    await stage.sweeps_now()

    async def given_up() -> bool:
        async with stage.running.bot.database.reading() as session:
            return len(await outbox.given_up_edits(session, stage.growers, AWAY)) == 1

    await eventually(given_up)
    slack.unarchive(stage.growers)
    assert "stopped working" in card.text
    posts = len(slack.posted(stage.growers))
    await stage.types("/fieldview subscribe")
    await stage.delivered()
    assert "works again" in card.text
    assert len(slack.posted(stage.growers)) == posts + 1, "the greeting"


async def test_what_was_meant_for_a_lost_channel_goes_only_where_it_is_wanted(database_url: str) -> None:
    async with set_up(database_url, alert_channel=None) as stage:
        slack = stage.world.slack
        other, whole = (slack.add_channel(name, [stage.grace]) for name in ("other", "whole"))
        lost = slack.add_channel("lost", [stage.grace])
        await chooses(stage, topics=["connected"])
        await opens(stage, typed="#other options")
        await saves(stage, topics=["broken"])
        await stage.types("/fieldview subscribe #lost")
        await stage.types("/fieldview subscribe #whole")
        slack.archive(lost)
        await stage.sweeps_now()
        await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(SATO))
        assert alerts_in(stage, stage.growers) == []
        [card] = alerts_in(stage, other)
        assert "Sato Family Orchards" in card
        assert sum("I cannot post to" in each for each in alerts_in(stage, whole)) == 1, "the operators' part"


async def test_after_a_lost_channel_every_later_alert_comes_to_whoever_subscribed_it(database_url: str) -> None:
    async with set_up(database_url, alert_channel=None) as stage:
        slack = stage.world.slack
        one, two, three = [await farm(stage, name) for name in ("One", "Two", "Three")]
        await stage.types("/fieldview subscribe")
        slack.archive(stage.growers)
        await say(stage, "UNAUTHENTICATED", one)
        await say(stage, "UNAUTHENTICATED", two)
        told = alerts_in(stage, slack.dm(stage.grace))
        assert [sum(name in each for each in told) for name in ("One", "Two")] == [1, 1]
        slack.deactivate(stage.grace)
        await say(stage, "UNAUTHENTICATED", three)
        told = alerts_in(stage, slack.dm(stage.linus))
        assert sum("Three" in each for each in told) == 1, "she left: an admin is told"


async def test_an_alert_that_no_channel_chose_comes_where_operators_are_told(database_url: str) -> None:
    async with set_up(database_url, alert_channel=None) as stage:
        theirs, nobodys = await farm(stage, "Theirs", "grace"), await farm(stage, "Nobodys")
        await chooses(stage, owner=stage.linus)
        other = stage.world.slack.add_channel("other", [stage.grace])
        await opens(stage, typed="#other options")
        await saves(stage, topics=["connected"])
        await say(stage, "UNAUTHENTICATED", theirs, nobodys)
        for channel in (stage.growers, other):
            told = alerts_in(stage, channel)
            assert [sum(name in each for each in told) for name in ("Theirs", "Nobodys")] == [1, 1]
        whole = stage.world.slack.add_channel("whole", [stage.grace])
        await stage.types("/fieldview subscribe #whole")
        await say(stage, "MISSING_PERMISSIONS", await farm(stage, "Another"))
        assert "Another" in alerts_in(stage, whole)[-1]
        assert not any("Another" in each for each in (*alerts_in(stage, other), *alerts_in(stage, stage.growers)))


async def test_a_storm_that_no_channel_chose_is_told_and_so_is_who_joins_it(sqlite_url: str) -> None:
    async with set_up(sqlite_url, alert_channel=None) as stage:
        users = [await farm(stage, f"Farm{number}") for number in range(6)]
        await chooses(stage, owner=stage.linus)
        await say(stage, "UNAUTHENTICATED", *users[:5])
        await say(stage, "UNAUTHENTICATED", users[5])
        [storm] = alerts_in(stage, stage.growers)
        assert "6 growers" in storm


async def test_what_a_digest_will_tell_is_told_to_nobody_else_at_once(sqlite_url: str) -> None:
    async with set_up(sqlite_url, alert_channel=None) as stage:
        await opens(stage)
        await picks(stage, "delivery", "digest", "When the digest comes")
        await saves(stage, digest_hour="7")
        await say(stage, "UNAUTHENTICATED", await farm(stage, "One"))
        assert alerts_in(stage, stage.growers) == []
        assert alerts_in(stage, stage.world.slack.dm(stage.grace)) == []


async def test_without_any_subscription_and_alert_channel_nothing_is_posted(sqlite_url: str) -> None:
    async with set_up(sqlite_url, alert_channel=None) as stage:
        await say(stage, "UNAUTHENTICATED", await farm(stage, "One"))
        for person in (stage.grace, stage.linus):
            assert alerts_in(stage, stage.world.slack.dm(person)) == []
        assert alerts_in(stage, stage.growers) == alerts_in(stage, stage.alerts) == []


async def test_a_hand_over_takes_along_what_is_about_the_givers_growers(stage: Stage) -> None:
    mine = await farm(stage, "Mine", "grace")
    await opens(stage, stage.linus)
    await picks(stage, "whose", "one", "Which colleague", stage.linus)
    await saves(stage, stage.linus, owner=stage.grace)
    jo = stage.world.slack.add_user("jo", "Jo Larsen", "jo@greenacres.example")
    told = text_of(await stage.types("/fieldview handover @grace @jo"))
    assert "1 grower and 1 subscription" in told
    assert f"the growers of <@{jo}>" in text_of(await stage.types("/fieldview subscriptions"))
    await say(stage, "UNAUTHENTICATED", mine)
    [card] = alerts_in(stage, stage.growers)
    assert "Mine" in card


async def test_a_channel_that_keeps_to_the_growers_of_somebody_who_left_is_noticed(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await chooses(stage, owner=stage.linus)
    stage.world.slack.deactivate(stage.linus)
    await stage.running.jobs.start_now(PEOPLE, "today", "today")
    [notice] = await stage.posted(stage.alerts)
    assert f"is followed by <#{stage.growers}>, which hears of their growers only" in text_of(notice)
    await stage.types(f"/fieldview handover {stage.linus} @grace")

    async def is_over() -> bool:
        return "nobody needs to act any more" in text_of(notice)

    await eventually(is_over)


def comes_as_guest(stage: Stage, channel: str) -> str:
    slack = stage.world.slack
    guest = slack.add_user("gus", "Gus Guest", "gus@elsewhere.example", guest="multi")
    slack.invite(channel, guest)
    return guest


async def test_a_channel_that_a_guest_reads_is_not_subscribed(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    guest = comes_as_guest(stage, stage.growers)
    assert "A guest is in that channel, and would read growers’ names" in text_of(
        await stage.types("/fieldview subscribe")
    )
    assert (await stage.deeds())[-1] == ("subscribe", "refused")
    stage.world.slack.kick(stage.growers, guest)
    stage.running.bot.access._standing._known.clear()  # a minute later
    told = text_of(await stage.types("/fieldview subscribe"))
    assert "gets alerts from now on" in told
    assert "could not see" not in told


@pytest.mark.parametrize("how", ["slack does not say", "too many members"])
async def test_where_guests_cannot_be_looked_for_whoever_subscribes_is_told(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    stage = stage_on_sqlite
    if how == "too many members":
        monkeypatch.setattr(bot.access, "LOOKED_THROUGH", 1)
    else:
        stage.world.slack.faults.outage("conversations.members")
    told = text_of(await stage.types("/fieldview subscribe"))
    assert "gets alerts from now on" in told
    assert "I could not see whether guests are in it" in told


async def test_a_guest_who_comes_into_a_channel_later_is_noticed_within_a_day(stage_on_sqlite: Stage) -> None:
    """Operators hear of it once; it stands in the list and in the self-check until the guest has left."""
    stage = stage_on_sqlite
    await stage.types("/fieldview subscribe")
    guest = comes_as_guest(stage, stage.growers)
    for day in ("one", "two"):
        stage.running.bot.access._standing._known.clear()
        await stage.running.jobs._jobs[PEOPLE](day)
    await stage.delivered()
    [notice] = [each for each in stage.world.slack.posted(stage.alerts) if "Guests" in text_of(each)]
    assert f"are in <#{stage.growers}> and read the names of growers" in text_of(notice)
    assert "/fieldview unsubscribe" in text_of(notice)
    assert "Guests were in it" in text_of(await stage.types("/fieldview subscriptions"))
    assert "🟡 *Notice:*" in text_of(await stage.types("/fieldview health"))
    stage.world.slack.kick(stage.growers, guest)
    stage.running.bot.access._standing._known.clear()
    await stage.running.jobs._jobs[PEOPLE]("three")
    await stage.delivered()
    assert "nobody needs to act any more" in text_of(notice)
    assert "Guests were in it" not in text_of(await stage.types("/fieldview subscriptions"))


async def test_from_the_home_a_channel_is_chosen_without_typing(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    view = await visits(stage, lambda text: "What I can do" in text)
    await clicks(stage, view, "subscribe-options")
    await form(stage, stage.grace, "All growers")
    view = await picks(stage, "channel", stage.growers, stage.growers)
    assert (await slack.submit(stage.grace, view["id"], {"topics": {ACTION: ["ill"]}})).ok
    await stage.posted(stage.growers)
    assert "FieldView or Leaf is ill" in text_of(await stage.types("/fieldview subscriptions"))


async def test_what_a_private_channel_hears_only_its_members_see(stage: Stage) -> None:
    slack = stage.world.slack
    board = slack.add_channel("board", [stage.grace], private=True)
    jo = slack.add_user("jo", "Jo Larsen", "jo@greenacres.example")
    slack.invite(stage.growers, jo)
    await stage.types("/fieldview subscribe")
    await opens(stage, typed=f"<#{board}|board> options")
    await saves(stage, topics=["connected"])

    def list_for(user: str) -> Any:
        return stage.types("/fieldview subscriptions", user)

    assert f"<#{board}>*: new connections" in text_of(await list_for(stage.grace))
    for user in (jo, stage.linus):
        told = text_of(await list_for(user))
        assert "1 channel is subscribed" in told
        assert f"<#{stage.growers}>" in told
        assert board not in told
        assert ("seen by their members only: #board" in told) is (user == stage.linus), "an admin sees that it is"

    view = await opens(stage, stage.grace, f"<#{board}|board> options")
    assert "It hears now: new connections" in repr(view)
    view = await opens(stage, jo, f"<#{board}|board> options")
    assert "hears" not in repr(view["blocks"][1:])
    assert "shares only a part" in repr(view["blocks"][2]["element"]["initial_options"]).lower(), (
        "all, as for any other"
    )
    view = await opens(stage, stage.linus, f"<#{board}|board> options")
    assert "It hears something already, and only its members see what" in repr(view)

    slack.faults.outage("conversations.members")
    stage.running.bot.access._standing._known.clear()
    told = text_of(await list_for(stage.grace))
    assert board not in told, "when Slack does not say who is in it, nobody is shown it"
    assert "I left out 1 channel" in told


async def test_the_trail_names_a_private_channel_to_its_members_only(stage: Stage) -> None:
    slack = stage.world.slack
    board = slack.add_channel("board", [stage.grace], private=True)
    jo = slack.add_user("jo", "Jo Larsen", "jo@greenacres.example")
    slack.invite(stage.growers, jo)
    await stage.types("/fieldview subscribe")
    await stage.types(f"/fieldview subscribe <#{board}|board>")
    await stage.types(f"/fieldview owner Sato Family Orchards @grace <#{board}|board>")
    await stage.types(f"/fieldview escalate <#{board}|board> @grace 4h", stage.linus)
    await stage.types(f"/fieldview access <#{board}|board> viewer", stage.linus)
    await stage.types(f"/fieldview status <#{board}|board>")
    for command in ("history with looks", "events Sato Family Orchards"):
        told = await stage.types(f"/fieldview {command}")
        assert board in repr(told.blocks), "Grace has joined it"
        for user, name in ((jo, "a private channel"), (stage.linus, "#board")):
            told = await stage.types(f"/fieldview {command}", user)
            assert board not in repr(told.blocks) + told.text
            assert ("board" in repr(told.blocks)) is (user == stage.linus), "an admin knows that it is there"
            assert name in text_of(told)
    told = await stage.types("/fieldview history", jo)
    assert f"subscribed <#{stage.growers}>" in text_of(told), "others are named as ever"
    slack.faults.outage("conversations.members")
    stage.running.bot.access._standing._known.clear()
    assert board not in repr((await stage.types("/fieldview history with looks")).blocks), "nor when Slack does not say"


async def test_what_is_only_tried_in_the_form_leaves_no_row(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await opens(stage)
    await picks(stage, "whose", "one", "Which colleague")
    await picks(stage, "whose", "all", "All growers")
    await picks(stage, "delivery", "digest", "When the digest comes")
    await saves(stage)
    rows = [(row.via, row.action, row.outcome) for row in await stage.audit()]
    assert rows == [("command", "subscribe", "done"), ("form", "subscribe", "done")]


async def test_who_may_not_choose_is_noted_also_in_the_form(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    view = await opens(stage)
    await stage.types("/fieldview access members viewer", stage.linus)
    assert (await slack.click(stage.grace, action_id=ACTION, view_id=view["id"], block_id="whose", selected="one")).ok

    async def noted() -> bool:
        return ("subscribe", "refused") in await stage.deeds()

    await eventually(noted)


@pytest.mark.parametrize("typed", ["optionss", "#growers option", "options #growers"])
async def test_what_is_typed_wrong_is_refused(stage_on_sqlite: Stage, typed: str) -> None:
    await stage_on_sqlite.types(f"/fieldview subscribe {typed}")
    assert await stage_on_sqlite.deeds() == [("subscribe", "refused")]


async def test_of_two_who_subscribe_a_channel_at_the_same_moment_the_second_gets_what_they_are_told(
    postgresql_url: str,
) -> None:
    """Grace wants growers in the north only; Linus types the bare command before her transaction has ended."""
    async with set_up(postgresql_url) as stage:
        channel = stage.world.slack.add_channel("north", [stage.grace])
        async with stage.running.bot.database.transaction() as session:
            await subscriptions.add(session, channel, stage.grace, stage.world.clock())
            await subscriptions.choose(session, channel, Wishes(tag="north"), None, None)
            second = asyncio.create_task(stage.running.bot.subscribing.subscribe(channel, stage.linus))
            await asyncio.wait({second}, timeout=1.0)
        told = await second
        assert (told.newly, told.wishes) == (False, EVERYTHING)
        async with stage.running.bot.database.reading() as session:
            now = await subscriptions.get(session, channel)
        assert now is not None
        assert now.wishes == EVERYTHING
