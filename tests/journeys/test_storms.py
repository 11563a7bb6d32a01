"""A storm from end to end: one message in the channel, its list for whoever wants it, and repair from the list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot import bulk_inviting
from bot.sandbox.leaf import LeafUser
from bot.sandbox.slack.workspace import Message
from storage import storms
from tests.journeys.test_watching import the_engine_sweeps
from tests.stage import ADA, Stage, buttons_of, eventually, text_of


async def many(stage: Stage, number: int) -> list[LeafUser]:
    stage.world.leaf.populate(number)
    await stage.sweeps_now()
    return list(stage.world.leaf.users)[-number:]


async def is_told_in(message: Message, words: str) -> bool:
    return words in text_of(message)


async def test_a_team_reads_of_many_at_once_turns_the_pages_and_repairs_one(stage: Stage) -> None:
    users = await many(stage, 11)
    for user in users:
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-1")
    [storm] = await stage.posted(stage.alerts)
    assert "11 growers" in text_of(storm)
    first = await stage.presses(storm, "show-storm")
    assert buttons_of(first).count("send-link") == 10
    second = await stage.presses(first, "storm-older")
    assert buttons_of(second).count("send-link") == 1
    answer = await stage.presses(second, "send-link")
    assert "/connect/" in text_of(answer)
    await stage.presses(second, "storm-again")
    assert "made a link" in text_of(second), "whoever looks next does not send another"
    for user in users[:10]:
        stage.world.leaf.restore(user)
    await the_engine_sweeps(stage, "sweep-2")

    await eventually(lambda: is_told_in(storm, "1 of 11 growers"))
    assert stage.world.slack.posted(stage.alerts) == [storm]
    actions = [entry.action for entry in await stage.audit() if entry.via == "button"]
    assert actions == ["storm", "storm", "connect", "storm"]


async def test_links_for_all_who_broke_together_are_planned_once_and_made_when_somebody_says_so(stage: Stage) -> None:
    users = await many(stage, 7)
    for user in users[:6]:
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    stage.world.leaf.set_status(users[6], "TEMPORARILY_UNAVAILABLE")
    await the_engine_sweeps(stage, "sweep-1")
    [storm] = await stage.posted(stage.alerts)
    listed = await stage.presses(storm, "show-storm")
    warning = await stage.types(f"/fieldview connect {users[0].email}")
    assert "/connect/" in text_of(await stage.presses(warning, "send-link-anyway"))

    for _ in range(2):
        told = await stage.presses(listed, "storm-bulk")
        assert "5 growers who need a link" in text_of(told), "one has a link, and FieldView is what ails another"
        assert "No link has been made yet" in text_of(told)
    [plan] = await stage.dm(stage.grace)
    assert "5 growers would get a link" in text_of(plan)
    assert len(await stage.running.bot.inviting.working()) == 1, "a plan makes nothing"

    assert (await stage.world.slack.click(stage.grace, plan.channel, plan.ts, "bulk-start")).ok
    await eventually(lambda: is_told_in(plan, ": 5 links made"))
    assert len(await stage.running.bot.inviting.working()) == 6
    await eventually(lambda: all_have_links(stage, users[:6]))
    refusal = await stage.presses(listed, "storm-bulk")
    assert "Nobody on this list needs a new link" in text_of(refusal)
    assert len([message for message in await stage.dm(stage.grace) if "would get a link" in text_of(message)]) == 0
    deeds = [(entry.action, entry.outcome) for entry in await stage.audit() if entry.action == "bulk"]
    assert deeds == [("bulk", "done"), ("bulk", "done"), ("bulk", "done"), ("bulk", "refused")]


async def all_have_links(stage: Stage, users: list[LeafUser]) -> bool:
    """Whether the list of those who broke together says of each that a link was made."""
    page = await stage.running.bot.storms.page(await the_storm(stage), 0)
    return {user.id for user in users} <= set(page.consents)


async def the_storm(stage: Stage) -> str:
    async with stage.running.bot.database.reading() as session:
        [storm] = await storms.standing(session)
    return storm.id


async def test_a_list_takes_no_more_than_it_can_and_says_how_many_are_left(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_on_sqlite
    monkeypatch.setattr(bulk_inviting, "MOST_LINES", 4)
    for user in await many(stage, 6):
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-1")
    [storm] = await stage.posted(stage.alerts)
    told = await stage.presses(await stage.presses(storm, "show-storm"), "storm-bulk")
    assert "4 growers who need a link" in text_of(told)
    assert "for the other 2" in text_of(told)


async def test_a_card_of_one_of_many_warns_before_its_link_and_sends_it_to_whoever_insists(stage: Stage) -> None:
    users = await many(stage, 11)
    stage.world.leaf.set_status(users[0], "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-1")
    [card] = await stage.posted(stage.alerts)
    for user in users[1:]:
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-2")
    _, storm = await stage.posted(stage.alerts, 2)

    await eventually(lambda: is_told_in(card, "your team, before any grower"))
    warning = await stage.presses(card, "send-link")
    assert "11 growers at once" in text_of(warning)
    assert "/connect/" not in text_of(warning)
    listed = await stage.presses(await stage.presses(storm, "show-storm"), "storm-older")
    assert "/connect/" in text_of(await stage.presses(listed, "send-link")), "whoever has the list has read the message"
    assert "/connect/" in text_of(await stage.presses(warning, "send-link-anyway"))


async def test_a_typed_connect_for_one_of_many_asks_first_and_the_status_says_why(stage: Stage) -> None:
    users = await many(stage, 11)
    for user in users:
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-1")
    [storm] = await stage.posted(stage.alerts)
    one = users[0].email
    status = text_of(await stage.types(f"/fieldview status {one}"))
    assert "One message in the channel stands for all of them" in status
    assert "your team, before any grower" in status
    warning = await stage.types(f"/fieldview connect {one}")
    assert "11 growers at once" in text_of(warning)
    assert "/connect/" not in text_of(warning)
    assert "/connect/" in text_of(await stage.presses(warning, "send-link-anyway")), "one more press makes the link"
    stage.world.leaf.restore(users[1])
    await the_engine_sweeps(stage, "sweep-2")
    await eventually(lambda: is_told_in(storm, "10 of 11 growers"))
    assert "/connect/" in text_of(await stage.types(f"/fieldview connect {users[2].email}")), "some of them work again"


async def test_while_fieldview_is_ill_the_status_of_one_of_many_says_that_nobody_must_act(stage: Stage) -> None:
    users = await many(stage, 12)
    for user in users[:6]:
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await stage.sweeps_now()
    for user in users[6:]:
        stage.world.leaf.set_status(user, "TEMPORARILY_UNAVAILABLE")
    await stage.sweeps_now()
    status = text_of(await stage.types(f"/fieldview status {users[0].email}"))
    assert "Who must act:* nobody yet" in status
    assert "Wait until FieldView is well again" in status
    assert "in the channel when it is over" in status, "nobody changes what only one person sees"


async def test_two_growers_of_one_name_are_told_apart_in_the_message_for_all_of_them(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    for email in ("g1@acres.example", "g2@acres.example"):
        stage.world.leaf.connect(stage.world.leaf.add_user("Green Acres", email))
    users = await many(stage, 6)
    for user in (*users, *map(stage.world.leaf.find, ("g1@acres.example", "g2@acres.example"))):
        stage.world.leaf.set_status(user, "UNAUTHENTICATED")
    await the_engine_sweeps(stage, "sweep-1")
    [storm] = await stage.posted(stage.alerts)
    for email in ("g1@acres.example", "g2@acres.example"):
        assert f"Green Acres ({email})" in text_of(storm)


async def test_a_link_is_held_back_while_fieldview_is_ill_and_sent_to_whoever_insists(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    users = await many(stage, 6)
    for user in users:
        stage.world.leaf.set_status(user, "TEMPORARILY_UNAVAILABLE")
    await stage.sweeps_now()
    warning = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert "FieldView is ill right now" in text_of(warning)
    assert stage.world.slack.posted(stage.world.slack.dm(stage.ada)) == []
    await stage.presses(warning, "send-link-anyway")
    assert len(await stage.dm(stage.ada)) == 1
    for user in users:
        stage.world.leaf.restore(user)
    stage.world.clock.advance(timedelta(minutes=5))
    await stage.sweeps_now()
    answer = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert "ill right now" not in text_of(answer)
    assert await stage.link(ADA)
