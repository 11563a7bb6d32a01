"""What the team does about an alert: acknowledge, assign, snooze; two at once, twice, and too late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.slack.workspace import Message
from tests.stage import PATIENCE, Stage, eventually, offer_of, text_of

SATO = "hana@sato.example"


async def breaks(stage: Stage) -> Message:
    """Sato's connection breaks; the card in the alert channel."""
    await stage.sweeps_now()
    await stage.world.leaf.revoke(SATO)
    await stage.sweeps_now()
    [card] = await stage.posted(stage.alerts)
    await stage.delivered()
    return card


async def recovers(stage: Stage) -> None:
    stage.world.leaf.restore(SATO)
    await stage.sweeps_now()
    await stage.delivered()


async def chooses(stage: Stage, card: Message, what: str, user: str) -> dict[str, Any]:
    """Somebody opens a form from the card's menu."""
    outcome = await stage.world.slack.click(user, card.channel, card.ts, "more", selected=offer_of(card, what))
    assert outcome.ok, outcome
    await stage.world.slack.until(lambda: stage.world.slack.view(user), PATIENCE)
    view = stage.world.slack.view(user)
    assert view is not None
    return view


async def sends(stage: Stage, user: str, view: dict[str, Any], **values: str) -> Message:
    """They fill it in and send it; the private answer."""
    seen = len(stage.answers(user))
    filled = {name: {name: value} for name, value in values.items()}
    outcome = await stage.world.slack.submit(user, view["id"], filled)
    assert outcome.ok, outcome
    await stage.world.slack.until(lambda: len(stage.answers(user)) > seen, PATIENCE)
    return stage.answers(user)[-1]


async def snoozes(stage: Stage, card: Message, user: str, span: str = "1h", reason: str = "On holiday") -> Message:
    return await sends(stage, user, await chooses(stage, card, "snooze", user), span=span, reason=reason)


def table_of(message: Message) -> list[list[str]]:
    """The rows below the heads of a message's table."""
    [table] = [block for block in message.blocks if block["type"] == "table"]
    return [[cell["text"] for cell in row] for row in table["rows"][1:]]


def work(deeds: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The team's own deeds."""
    return [deed for deed in deeds if not deed[0].startswith("incident")]


async def test_one_press_acknowledges_and_everybody_sees_who_it_was(stage: Stage) -> None:
    card = await breaks(stage)
    told = await stage.presses(card, "acknowledge")
    assert "you have acknowledged this" in text_of(told)
    await stage.delivered()
    assert f"Acknowledged by* <@{stage.grace}>" in text_of(card)
    assert "acknowledge" not in repr(card.blocks), "the button has done its work"
    row = (await stage.audit())[-1]
    assert (row.actor, row.via, row.action, row.outcome) == (stage.grace, "button", "acknowledge", "done")
    assert (row.channel, row.target_name) == (stage.alerts, "Sato Family Orchards")


async def comes_and_goes(stage: Stage) -> Message:
    """Sato's connection does, until it is broken for the third time; the card of that."""
    await breaks(stage)
    for _ in range(2):
        stage.world.clock.advance(timedelta(minutes=11))
        await recovers(stage)
        stage.world.clock.advance(timedelta(minutes=11))
        await stage.world.leaf.revoke(SATO)
        await stage.sweeps_now()
        await stage.delivered()
    return stage.world.slack.posted(stage.alerts)[-1]


async def test_a_snooze_until_it_works_is_over_when_what_came_and_went_is_broken_for_good(stage: Stage) -> None:
    card = await comes_and_goes(stage)
    await snoozes(stage, card, stage.grace, "recovery")
    stage.world.clock.advance(timedelta(minutes=11))
    await recovers(stage)
    stage.world.clock.advance(timedelta(minutes=11))
    await stage.world.leaf.revoke(SATO)
    await stage.sweeps_now()
    await stage.delivered()
    assert "comes and goes" in text_of(card)
    assert "Snoozed until it works again" in text_of(card), "until it is settled"
    stage.world.clock.advance(timedelta(hours=7))
    await stage.sweeps_now()
    await asyncio.gather(*(stage.running.timer.round() for _ in range(3)))
    await stage.delivered()
    assert "stopped working" in card.text
    assert "Snoozed" not in text_of(card)
    ends = [reply.text for reply in stage.world.slack.thread(card) if "snooze is over" in reply.text]
    assert ends == [f"<@{stage.grace}>: The snooze is over. It still does not work as it should."]


async def test_of_two_who_acknowledge_at_once_the_second_is_told_who_was_first(stage: Stage) -> None:
    card = await breaks(stage)
    [acknowledge] = [
        element["value"]
        for block in card.blocks
        for element in block.get("elements", [])
        if element.get("action_id") == "acknowledge"
    ]
    slack = stage.world.slack
    people = (stage.grace, stage.linus)
    await asyncio.gather(*(slack.click(who, card.channel, card.ts, "acknowledge", value=acknowledge) for who in people))
    await slack.until(lambda: all(stage.answers(who) for who in people), PATIENCE)
    told = {who: text_of(stage.answers(who)[-1]) for who in people}
    [first] = [who for who in people if "you have acknowledged" in told[who]]
    [second] = [who for who in people if who != first]
    assert f"<@{first}> was first" in told[second]
    await stage.delivered()
    assert f"Acknowledged by* <@{first}>" in text_of(card)
    assert sorted(work(await stage.deeds())) == [("acknowledge", "done"), ("acknowledge", "refused")]


async def test_pressing_twice_does_no_harm(stage: Stage) -> None:
    card = await breaks(stage)
    slack = stage.world.slack
    for _ in range(2):
        await slack.click(stage.grace, card.channel, card.ts, "acknowledge")

    async def both() -> bool:
        return len(work(await stage.deeds())) == 2

    await eventually(both)
    await stage.delivered()
    assert text_of(card).count("Acknowledged by") == 1
    assert (await stage.running.bot.journal.verify()).fault is None


@pytest.mark.parametrize("deed", ["acknowledge", "snooze", "assign"])
async def test_what_is_pressed_after_the_recovery_changes_nothing_and_says_so(stage: Stage, deed: str) -> None:
    card = await breaks(stage)
    before = [dict(block) for block in card.blocks]
    slack = stage.world.slack
    # Slack's window still shows the old card when it is pressed.
    stale = offer_of(card, deed)
    slack.faults.outage("chat.update")
    stage.world.leaf.restore(SATO)
    await stage.sweeps_now()
    if stale:
        await slack.click(stage.grace, card.channel, card.ts, "more", selected=stale)
    else:
        await slack.click(stage.grace, card.channel, card.ts, deed)
    await slack.until(lambda: stage.answers(stage.grace), PATIENCE)
    assert "works again, so this alert is over" in text_of(stage.answers(stage.grace)[-1])
    assert slack.view(stage.grace) is None
    assert card.blocks == before
    row = (await stage.audit())[-1]
    assert (row.action, row.outcome, row.target_name) == (deed, "refused", "Sato Family Orchards")


async def test_a_form_sent_after_the_recovery_changes_nothing_and_says_so(stage: Stage) -> None:
    card = await breaks(stage)
    view = await chooses(stage, card, "snooze", stage.grace)
    await recovers(stage)
    told = await sends(stage, stage.grace, view, span="7d", reason="Later")
    assert "works again, so this alert is over" in text_of(told)
    assert "Nothing is snoozed" in text_of(await stage.types("/fieldview snoozes"))
    assert ("snooze", "refused") in await stage.deeds()


async def test_a_snoozed_alert_says_until_when_by_whom_and_why_and_is_still_kept_up_to_date(stage: Stage) -> None:
    card = await breaks(stage)
    await stage.presses(card, "claim")
    await stage.delivered()
    assert f"<@{stage.grace}>" in card.text
    told = await snoozes(stage, card, stage.linus, "1d", "In hospital until Friday")
    assert "snoozed until" in text_of(told)
    await stage.delivered()
    assert "Snoozed until" in text_of(card)
    assert f"by <@{stage.linus}>: In hospital until Friday" in text_of(card)
    assert f"<@{stage.grace}>" not in card.text, "nobody is called"
    assert f"*Owner:* <@{stage.grace}>" in text_of(card), "whose it is can still be seen"
    await recovers(stage)
    assert "works again" in text_of(card)
    assert "Snoozed" not in text_of(card)


async def test_the_list_of_snoozes_ends_them_for_everybody(stage: Stage) -> None:
    card = await breaks(stage)
    await snoozes(stage, card, stage.grace, "recovery")
    listed = await stage.types("/fieldview snoozes", stage.linus)
    assert "until it works again" in text_of(listed)
    assert f"<@{stage.grace}>: On holiday" in text_of(listed)
    told = await stage.presses(listed, "end-snooze", stage.linus)
    assert "the snooze is over" in text_of(told)
    await stage.delivered()
    assert "Snoozed" not in text_of(card)
    assert f"<@{stage.grace}>: Linus Berg ended the snooze" in text_of(stage.world.slack.thread(card)[-1])
    assert "Nothing is snoozed" in text_of(await stage.types("/fieldview snoozes", stage.linus))
    assert work(await stage.deeds())[-2:] == [("end-snooze", "done"), ("snoozes", "done")]


async def test_the_overview_shows_which_of_those_in_need_is_snoozed(stage: Stage) -> None:
    card = await breaks(stage)
    awake = table_of(await stage.types("/fieldview status"))
    await snoozes(stage, card, stage.grace, "1d")
    asleep = table_of(await stage.types("/fieldview status"))
    await stage.presses(await stage.types("/fieldview snoozes"), "end-snooze")
    assert table_of(await stage.types("/fieldview status")) == awake
    assert asleep[0][1] == f"{awake[0][1]} · 💤 snoozed"


async def test_of_two_who_snooze_at_once_the_second_is_told_who_was_first(stage: Stage) -> None:
    card = await breaks(stage)
    people = {stage.grace: "1h", stage.linus: "7d"}
    views = {who: await chooses(stage, card, "snooze", who) for who in people}
    told = dict(
        zip(
            people,
            await asyncio.gather(
                *(sends(stage, who, views[who], span=span, reason=span) for who, span in people.items())
            ),
            strict=True,
        )
    )
    [first] = [who for who in people if "snoozed until" in text_of(told[who])]
    [second] = [who for who in people if who != first]
    assert f"<@{first}> was first" in text_of(told[second])
    await stage.delivered()
    assert f"by <@{first}>: {people[first]}" in text_of(card)


async def test_a_snooze_ends_by_itself_when_its_time_has_come(stage: Stage) -> None:
    card = await breaks(stage)
    await snoozes(stage, card, stage.grace, "1h")
    stage.world.clock.advance(timedelta(minutes=59))
    await stage.running.timer.round()
    await stage.delivered()
    assert "Snoozed until" in text_of(card)
    stage.world.clock.advance(timedelta(minutes=2))
    await asyncio.gather(*(stage.running.timer.round() for _ in range(3)))
    await stage.delivered()
    assert "Snoozed" not in text_of(card)
    ended = [entry for entry in await stage.audit() if entry.action == "end-snooze"]
    assert [(entry.actor, entry.outcome) for entry in ended] == [("job:snooze", "done")]
    *_, told = stage.world.slack.thread(card)
    assert told.text == f"<@{stage.grace}>: The snooze is over. It still does not work as it should."
    assert len(stage.world.slack.thread(card)) == 2, "that it was snoozed, and that this is over"


async def test_an_assigned_alert_reaches_its_new_owner_where_slack_notifies(stage: Stage) -> None:
    card = await breaks(stage)
    told = await sends(
        stage,
        stage.grace,
        await chooses(stage, card, "assign", stage.grace),
        person=stage.linus,
        reason="You know them",
    )
    assert f"<@{stage.linus}> has this now" in text_of(told)
    await stage.delivered()
    assert f"Assigned to* <@{stage.linus}> by <@{stage.grace}>: You know them" in text_of(card)
    [message] = await stage.dm(stage.linus)
    assert message.text.startswith(f"<@{stage.linus}> Sato Family Orchards")
    await stage.presses(message, "claim", stage.linus)
    await recovers(stage)
    assert "works again" in text_of(message)
    assert len(stage.world.slack.posted(stage.world.slack.dm(stage.linus))) == 1


async def test_whose_alert_it_has_become_is_told_when_the_snooze_ends_and_nobody_else(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    await stage.presses(card, "acknowledge", stage.grace)
    await snoozes(stage, card, stage.grace, "1d")
    stage.world.clock.advance(timedelta(minutes=5))
    await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=stage.linus)
    await stage.delivered()
    assert f"Assigned to* <@{stage.linus}>" in text_of(card)
    assert "Acknowledged" not in text_of(card), "who has given it away is not at it any more"
    stage.world.clock.advance(timedelta(days=1))
    await stage.running.timer.round()
    await stage.delivered()
    assert stage.world.slack.thread(card)[-1].text.startswith(f"<@{stage.linus}>: The snooze is over.")


async def test_who_gets_an_alert_a_second_time_is_called_in_its_thread(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    for to in (stage.linus, stage.grace, stage.linus):
        await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=to)
        await stage.delivered()
    [message] = await stage.dm(stage.linus)
    [called] = stage.world.slack.thread(message)
    assert called.text == f"<@{stage.linus}>: Grace Okafor asks you to take care of this."


async def test_who_assigns_what_somebody_else_has_just_assigned_overrules_nobody(stage: Stage) -> None:
    card = await breaks(stage)
    grace_sees, linus_sees = [await chooses(stage, card, "assign", who) for who in (stage.grace, stage.linus)]
    await sends(stage, stage.linus, linus_sees, person=stage.linus)
    told = await sends(stage, stage.grace, grace_sees, person=stage.grace)
    assert f"<@{stage.linus}> was first" in text_of(told)
    await stage.delivered()
    assert f"Assigned to* <@{stage.linus}>" in text_of(card)
    again = await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=stage.grace)
    assert "this is yours now" in text_of(again)


async def test_only_members_of_the_team_can_be_given_an_alert(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    stage.world.slack.user(stage.ada).guest = "single"
    told = await sends(stage, stage.grace, await chooses(stage, card, "assign", stage.grace), person=stage.ada)
    assert "guest" in text_of(told)
    assert ("assign", "refused") in await stage.deeds()


async def test_a_snooze_needs_a_reason(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    view = await chooses(stage, card, "snooze", stage.grace)
    outcome = await stage.world.slack.submit(
        stage.grace, view["id"], {"span": {"span": "1h"}, "reason": {"reason": "   "}}
    )
    assert not outcome.ok
    assert "reason" in (outcome.errors or {})


async def test_the_open_card_of_somebody_who_is_called_otherwise_by_now_says_so(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    card = await breaks(stage)
    stage.world.leaf.users.change(stage.world.leaf.find(SATO), {"name": "Tanaka Orchards"})
    await stage.sweeps_now()
    await eventually(lambda: _is_headed(card, "Tanaka Orchards"))


async def _is_headed(card: Message, name: str) -> bool:
    return name in card.text
