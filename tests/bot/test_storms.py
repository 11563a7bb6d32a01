"""When many break at once, a channel reads one message, and afterwards only who is still broken."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

import pytest

from bot.sandbox.leaf import LeafUser
from storage import owners
from storage.records import StormKind
from tests.bot.test_monitor import remember_everybody
from tests.bot.watching import Watch, together, watching
from tests.stage import buttons_of, text_of

POST = "chat.postMessage"


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        await made.settles()
        yield made


@pytest.fixture
async def alone(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        await made.settles()
        yield made


async def growers_of(watch: Watch, number: int) -> list[LeafUser]:
    """So many growers who are connected, healthy and known."""
    watch.world.leaf.populate(number)
    await watch.settles()
    return list(watch.world.leaf.users)[-number:]


def all_say(watch: Watch, users: Sequence[LeafUser], status: str) -> None:
    for user in users:
        watch.world.leaf.set_status(user, status)


async def owned(watch: Watch, whose: Mapping[str, str]) -> None:
    """Colleagues look after growers, by the grower's id."""
    async with watch.database.transaction() as session:
        for grower_id, person in whose.items():
            await owners.give(session, grower_id, person)


# Breaking together


async def test_five_at_once_are_one_message_in_each_channel_and_four_are_four(watch: Watch) -> None:
    users = await growers_of(watch, 9)
    all_say(watch, users[:4], "UNAUTHENTICATED")
    await watch.settles()
    assert len(watch.posts()) == len(watch.posts(watch.alerts)) == 4
    watch.world.clock.advance(timedelta(minutes=11))
    all_say(watch, users[4:], "UNAUTHENTICATED")
    await watch.settles()
    for channel in (watch.growers, watch.alerts):
        *_, storm = watch.posts(channel)
        assert len(watch.posts(channel)) == 5
        assert "5 growers" in text_of(storm)
        assert buttons_of(storm) == ["show-storm"]


async def test_a_card_that_the_channel_may_have_is_told_to_its_end_though_a_storm_took_its_grower_in(
    watch: Watch,
) -> None:
    """The process died, or the answer was lost, after Slack took the card: nobody knows where it stands."""
    users = await growers_of(watch, 5)
    all_say(watch, users[:1], "UNAUTHENTICATED")
    await watch.sweeps()
    watch.world.slack.faults.lose_answer(POST)
    await watch.delivers()
    watch.world.slack.faults.heal()
    all_say(watch, users[1:], "UNAUTHENTICATED")
    await watch.settles()
    await watch.delivers_again()
    all_say(watch, users[:1], "OK")
    await watch.settles()
    await watch.delivers_again()
    for channel in (watch.growers, watch.alerts):
        *_, card = [post for post in watch.posts(channel) if text_of(post).startswith(users[0].name)]
        assert "works again" in text_of(card)


async def test_a_card_that_slack_refused_leaves_it_to_the_storm(watch: Watch) -> None:
    users = await growers_of(watch, 5)
    all_say(watch, users[:1], "UNAUTHENTICATED")
    await watch.sweeps()
    watch.world.slack.rate_limit("chat.postMessage", times=None)
    await watch.delivers()
    watch.world.slack.rate_limits.clear()
    all_say(watch, users[1:], "UNAUTHENTICATED")
    await watch.settles()
    await watch.delivers_again()
    for channel in (watch.growers, watch.alerts):
        [storm] = watch.posts(channel)
        assert "5 growers" in text_of(storm)


async def test_the_size_of_a_storm_is_a_setting(sqlite_url: str) -> None:
    async with watching(sqlite_url, storm_size=2) as nervous:
        await nervous.settles()
        all_say(nervous, list(nervous.world.leaf.users), "UNAUTHENTICATED")
        await nervous.settles()
        [storm] = nervous.posts()
        assert "2 growers" in text_of(storm)


async def test_who_breaks_one_by_one_within_ten_minutes_is_a_storm_too(alone: Watch) -> None:
    users = await growers_of(alone, 7)
    for user in users:
        alone.world.leaf.set_status(user, "UNAUTHENTICATED")
        await alone.settles()
        alone.world.clock.advance(timedelta(minutes=2))
    *cards, storm = alone.posts()
    assert [user.name in text_of(card) for user, card in zip(users, cards, strict=False)] == [True] * 4
    assert "7 growers" in text_of(storm), "the last two joined it"


async def test_cards_not_yet_posted_when_the_storm_is_recognised_never_come(alone: Watch) -> None:
    users = await growers_of(alone, 6)
    for user in users:
        alone.world.leaf.set_status(user, "UNAUTHENTICATED")
        await alone.sweeps()
    await alone.delivers()
    [storm] = alone.posts()
    assert "6 growers" in text_of(storm)
    assert await alone.owed() == []


async def test_many_alerts_at_the_same_moment_make_a_storm_however_they_fall(watch: Watch) -> None:
    users = await growers_of(watch, 12)
    all_say(watch, users, "UNAUTHENTICATED")
    await together(*[lambda user=user: watch.monitor.check(user.id, "alert") for user in users])
    await watch.delivers()
    assert await watch.count_incidents() == 12
    [storm] = watch.posts()
    assert "12 growers" in text_of(storm)
    assert (await watch.journal.verify()).fault is None


async def test_somebody_who_breaks_long_after_a_storm_has_a_card_again(alone: Watch) -> None:
    users = await growers_of(alone, 6)
    all_say(alone, users[:5], "UNAUTHENTICATED")
    await alone.settles()
    alone.world.clock.advance(timedelta(hours=1))
    all_say(alone, users[5:], "UNAUTHENTICATED")
    await alone.settles()
    storm, card = alone.posts()
    assert (users[5].name in text_of(card), storm.edits) == (True, 0)


async def test_unknown_words_of_many_are_no_storm_until_they_turn_out_broken(alone: Watch) -> None:
    users = await growers_of(alone, 8)
    all_say(alone, users, "PURPLE")
    await alone.settles()
    assert (alone.posts(), len(alone.posts(alone.alerts))) == ([], 1)
    all_say(alone, users, "UNAUTHENTICATED")
    await alone.settles()
    assert (len(alone.posts()), len(alone.posts(alone.alerts))) == (1, 2)


async def test_the_cards_that_came_first_say_that_they_are_part_of_it(alone: Watch) -> None:
    users = await growers_of(alone, 6)
    for user in users:
        alone.world.leaf.set_status(user, "UNAUTHENTICATED")
        await alone.settles()
    *cards, storm = alone.posts()
    assert len(cards) == 4
    assert all("One message in the channel stands for all of them" in text_of(card) for card in cards)
    assert "stands for all of them" not in text_of(storm)


async def test_the_cards_that_came_first_say_who_must_act_as_the_storm_does(watch: Watch) -> None:
    users = await growers_of(watch, 12)
    all_say(watch, users[:1], "UNAUTHENTICATED")
    await watch.settles()
    [card] = watch.posts()
    assert "Who must act:* the grower" in text_of(card)
    all_say(watch, users[1:6], "UNAUTHENTICATED")
    await watch.settles()
    _, storm = watch.posts()
    for message in (card, storm):
        assert "Who must act:* your team, before any grower" in text_of(message)
        assert "find out first whether FieldView or Leaf changed something" in message.text
    all_say(watch, users[6:], "TEMPORARILY_UNAVAILABLE")
    await watch.settles()
    assert "Who must act:* nobody yet" in text_of(card)
    assert "Wait until FieldView is well again" in card.text
    all_say(watch, users[6:], "OK")
    await watch.settles()
    assert "Who must act:* your team, before any grower" in text_of(card)
    all_say(watch, users[5:6], "OK")
    await watch.settles()
    await watch.delivers_again()
    assert "Who must act:* the grower" in text_of(card), "the rest are sent links, as the storm's message says"
    edits = card.edits
    all_say(watch, users[4:5], "OK")
    await watch.settles()
    await watch.delivers_again()
    assert card.edits == edits


async def test_whose_growers_they_are_is_called_when_it_begins(alone: Watch) -> None:
    users = await growers_of(alone, 17)
    people = [f"UOWNER{number:02}" for number in range(12)]
    await owned(alone, {user.id: person for user, person in zip(users, [*people, people[3]], strict=False)})
    all_say(alone, users, "UNAUTHENTICATED")
    await alone.settles()
    [storm] = alone.posts()
    first, *others = [f"<@{person}>" for person in (people[3], *people[:3], *people[4:10])]
    assert storm.versions[0].text.startswith(f"{first}, {', '.join(others)} and 2 others: FieldView stopped working")
    all_say(alone, users, "OK")
    await alone.settles()
    assert "<@" not in text_of(storm), "nobody is called for what is over"


async def test_who_joins_later_is_called_below_the_message_in_one_reply_every_few_minutes(watch: Watch) -> None:
    users = await growers_of(watch, 11)
    await owned(watch, {users[number].id: f"UOWNER{number}" for number in (5, 7, 8, 9)})
    watch.announcer._edits_apart = timedelta(seconds=3)
    all_say(watch, users[:6], "UNAUTHENTICATED")
    await watch.settles()
    [storm] = watch.posts()

    def replies() -> list[str]:
        return [reply.text for reply in watch.world.slack.thread(storm)]

    async def minutes_pass(number: int) -> None:
        watch.world.clock.advance(timedelta(minutes=number))
        await watch.delivers_again()

    all_say(watch, users[6:7], "UNAUTHENTICATED")
    await watch.settles()
    all_say(watch, users[7:9], "UNAUTHENTICATED")
    await watch.settles()
    assert replies() == [], "the message is only just told"
    await minutes_pass(4)
    assert replies() == [
        "<@UOWNER7> and <@UOWNER8>: 3 more growers came onto this list. “Show the list” names everybody."
    ]
    all_say(watch, users[9:10], "UNAUTHENTICATED")
    await watch.settles()
    await minutes_pass(1)
    all_say(watch, users[10:], "UNAUTHENTICATED")
    await watch.settles()
    await minutes_pass(1)
    assert len(replies()) == 1
    await minutes_pass(2)
    assert replies()[1:] == ["<@UOWNER9>: 2 more growers came onto this list. “Show the list” names everybody."]
    assert "11 growers" in text_of(storm)
    assert (watch.posts(), len(watch.posts(watch.alerts))) == ([storm], 1)


async def test_who_joins_before_the_message_is_written_is_in_it_and_needs_no_reply(alone: Watch) -> None:
    users = await growers_of(alone, 7)
    all_say(alone, users[:6], "UNAUTHENTICATED")
    await alone.sweeps()
    all_say(alone, users[6:], "UNAUTHENTICATED")
    await alone.settles()
    [storm] = alone.posts()
    assert "7 growers" in storm.versions[0].text
    assert alone.world.slack.thread(storm) == []


async def test_who_breaks_after_the_all_clear_has_a_card_and_many_have_a_message(watch: Watch) -> None:
    users = await growers_of(watch, 12)
    all_say(watch, users[:6], "UNAUTHENTICATED")
    await watch.settles()
    all_say(watch, users[:6], "OK")
    await watch.settles()
    [storm] = watch.posts()
    watch.world.clock.advance(timedelta(minutes=2))
    all_say(watch, users[6:7], "UNAUTHENTICATED")
    await watch.settles()
    assert "works again for all 6 growers" in text_of(storm)
    _, card = watch.posts()
    assert users[6].name in text_of(card)
    all_say(watch, users[7:], "UNAUTHENTICATED")
    await watch.settles()
    *_, another = watch.posts()
    assert "6 growers at once" in another.text
    assert len(watch.posts()) == len(watch.posts(watch.alerts)) == 3


async def test_who_comes_and_goes_is_one_grower_of_the_storm_and_keeps_it_open_for_nobody(watch: Watch) -> None:
    users = await growers_of(watch, 8)
    all_say(watch, users[:1], "UNAUTHENTICATED")
    await watch.settles()
    all_say(watch, users[:6], "UNAUTHENTICATED")
    await watch.settles()
    card, storm = watch.posts()
    for _ in range(2):
        watch.world.clock.advance(timedelta(minutes=4))
        all_say(watch, users[1:2], "OK")
        await watch.settles()
        assert "5 of 6 growers" in text_of(storm)
        assert "Who must act:* the grower" in text_of(card)
        all_say(watch, users[1:2], "UNAUTHENTICATED")
        await watch.settles()
        assert "FieldView stopped working for 6 growers at once" in storm.text
        assert "Who must act:* your team, before any grower" in text_of(card)
    watch.world.clock.advance(timedelta(minutes=4))
    all_say(watch, users[6:7], "UNAUTHENTICATED")
    await watch.settles()
    *_, newest = watch.posts()
    assert users[6].name in text_of(newest), "twelve minutes later is another matter"
    all_say(watch, users[:7], "OK")
    await watch.settles()
    assert "works again for all 6 growers" in storm.text
    assert "• 6 growers: Leaf found the connection working again by itself" in text_of(storm)


async def test_a_storm_of_days_to_come_takes_nobody_in_when_the_clock_was_set_back(alone: Watch) -> None:
    users = await growers_of(alone, 10)
    alone.world.clock.advance(timedelta(days=2))
    all_say(alone, users[:6], "UNAUTHENTICATED")
    await alone.settles()
    alone.world.clock.set_back(timedelta(days=2))
    all_say(alone, users[6:7], "UNAUTHENTICATED")
    await alone.settles()
    _, card = alone.posts()
    assert users[6].name in text_of(card)


async def test_an_illness_of_days_to_come_hides_none_when_the_clock_was_set_back(alone: Watch) -> None:
    users = await growers_of(alone, 12)

    async def comes_and_is_over(concerned: Sequence[LeafUser]) -> None:
        all_say(alone, concerned, "TEMPORARILY_UNAVAILABLE")
        for _ in range(3):
            await alone.settles()
        all_say(alone, concerned, "OK")
        await alone.settles()

    alone.world.clock.advance(timedelta(days=2))
    await comes_and_is_over(users[:6])
    alone.world.clock.set_back(timedelta(days=1))
    await comes_and_is_over(users[6:])
    assert len(alone.posts()) == 2
    assert await alone.storms.ill_now() == []


async def test_nobody_need_act_while_fieldview_itself_is_ill(alone: Watch) -> None:
    users = await growers_of(alone, 12)
    all_say(alone, users[:6], "UNAUTHENTICATED")
    await alone.settles()
    [storm] = alone.posts()
    assert "Who must act:* your team, before any grower" in text_of(storm)
    all_say(alone, users[6:], "TEMPORARILY_UNAVAILABLE")
    await alone.settles()
    assert "Who must act:* nobody yet" in text_of(storm)
    assert "Wait until FieldView is well again" in text_of(storm)
    all_say(alone, users[6:], "OK")
    await alone.settles()
    assert "nobody yet" not in text_of(storm)


# Afterwards


async def test_afterwards_the_message_names_only_those_still_broken_and_in_the_end_nobody(watch: Watch) -> None:
    users = await growers_of(watch, 6)
    all_say(watch, users, "UNAUTHENTICATED")
    await watch.settles()
    watch.world.clock.advance(timedelta(hours=2))
    all_say(watch, users[:5], "OK")
    await watch.settles()
    [storm] = watch.posts()
    assert users[5].name in text_of(storm)
    assert users[0].name not in text_of(storm)
    assert "1 of 6 growers" in text_of(storm)
    all_say(watch, users, "OK")
    await watch.settles()
    assert "works again for all 6 growers" in text_of(storm)
    assert "2 h" in text_of(storm)
    assert watch.posts() == [storm]
    deeds = [sealed.entry.action async for sealed in watch.journal.entries()]
    assert (deeds.count("storm-began"), deeds.count("storm-over")) == (1, 1)


async def test_the_list_has_pages_and_a_button_for_each_who_is_still_broken(alone: Watch) -> None:
    users = await growers_of(alone, 23)
    all_say(alone, users, "UNAUTHENTICATED")
    await alone.settles()
    async with alone.database.reading() as session:
        from storage import storms

        [storm] = await storms.standing(session)
    pages = [await alone.storms.page(storm.id, number) for number in (0, 1, 2, 99)]
    assert [len(page.affected) for page in pages] == [10, 10, 3, 3]
    listed = [each.grower.id for page in pages[:3] for each in page.affected]
    assert sorted(listed) == sorted(user.id for user in users)
    all_say(alone, users[:20], "OK")
    await alone.settles()
    page = await alone.storms.page(storm.id, 0)
    assert {each.grower.id for each in page.affected} == {user.id for user in users[20:]}


# Ill providers


async def test_fieldview_failing_many_is_told_once_it_stays_so_and_nobody_must_act(watch: Watch) -> None:
    users = await growers_of(watch, 8)
    all_say(watch, users, "TEMPORARILY_UNAVAILABLE")
    await watch.settles()
    assert [storm.kind for storm in await watch.storms.ill_now()] == [StormKind.FIELDVIEW]
    assert watch.posts() == watch.posts(watch.alerts) == []
    for _ in range(20):
        watch.world.clock.advance(timedelta(minutes=5))
        await watch.settles()
    [illness] = watch.posts()
    assert len(watch.posts(watch.alerts)) == 1
    assert "Who must act:* nobody" in text_of(illness)
    assert "send-link" not in buttons_of(illness)
    assert await watch.count_incidents() == 0
    all_say(watch, users, "OK")
    await watch.settles()
    assert "FieldView answers Leaf again" in text_of(illness)
    assert (watch.posts(), await watch.storms.ill_now()) == ([illness], [])


async def test_an_illness_of_minutes_is_told_to_nobody_and_one_that_comes_back_is_the_same(alone: Watch) -> None:
    users = await growers_of(alone, 8)
    for _ in range(3):
        all_say(alone, users, "TEMPORARILY_UNAVAILABLE")
        await alone.settles()
        alone.world.clock.advance(timedelta(hours=2))
        all_say(alone, users, "OK")
        await alone.settles()
        alone.world.clock.advance(timedelta(hours=2))
    assert alone.posts() == []
    for _ in range(3):
        all_say(alone, users, "TEMPORARILY_UNAVAILABLE")
        await alone.settles()
        await alone.settles()
        alone.world.clock.advance(timedelta(minutes=5))
        all_say(alone, users, "OK")
        await alone.settles()
        alone.world.clock.advance(timedelta(minutes=5))
    assert len(alone.posts()) == 1, "it comes and goes in one message"


async def test_leaf_being_down_is_one_message_and_its_return_edits_it(watch: Watch) -> None:
    watch.world.leaf.faults.outage()
    await watch.monitor.sweep_job("down-0")
    await watch.delivers()
    assert watch.posts() == [], "one failed look is no outage"
    for number in range(1, 13):
        watch.world.clock.advance(timedelta(minutes=5))
        await watch.monitor.sweep_job(f"down-{number}")
        await watch.delivers()
    [illness], [alert] = watch.posts(), watch.posts(watch.alerts)
    assert ("Leaf does not answer" in text_of(illness), illness.edits) == (True, 0)
    assert (illness.text, await watch.status()) == (alert.text, "healthy")
    watch.world.leaf.faults.heal()
    await watch.monitor.sweep_job("up")
    await watch.delivers()
    assert "after 1 h" in text_of(illness)
    assert (watch.posts(), await watch.storms.ill_now()) == ([illness], [])


# A whole fleet

MANY = int(os.environ.get("DYING", "1000"))
"""How many die in one sweep: pages enough to see that their number makes no difference. Ten thousand take minutes."""


async def test_everybody_dying_in_one_sweep_is_one_message_and_one_call_per_channel(sqlite_url: str) -> None:
    async with watching(sqlite_url) as watch:
        await watch.settles()
        watch.world.leaf.populate(MANY - 2)
        await remember_everybody(watch)
        all_say(watch, list(watch.world.leaf.users), "UNAUTHENTICATED")
        await watch.settles()
        assert await watch.count_incidents() == MANY
        [storm], [alert] = watch.posts(), watch.posts(watch.alerts)
        assert f"{MANY:,} growers" in text_of(storm)
        assert storm.text == alert.text
        calls = {method: watch.world.slack.calls(method) for method in ("chat.postMessage", "chat.update")}
        assert calls == {"chat.postMessage": 2, "chat.update": 0}
