"""Ending a connection: what is lost is said, ten minutes can undo it, and Leaf is told once, whatever happens."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from bot.errors import ProviderUnavailable, UsageError
from bot.reducer import Reading
from bot.sandbox.slack.workspace import Message
from storage.records import DisconnectionState, Grower
from tests.consenting import asked, browser, until_state
from tests.stage import ADA, Stage, buttons_of, days, eventually, set_up, text_of

HANA = "hana@sato.example"
DELETE = "DELETE .*credentials"
COMMAND = "/fieldview disconnect Sato Family Orchards"


async def confirms(stage: Stage) -> Message:
    """Linus wants Sato's connection ended, and says so twice."""
    return await stage.presses(await stage.types(COMMAND, stage.linus), "disconnect-confirm", stage.linus)


def is_connected(stage: Stage) -> bool:
    return stage.world.leaf.find(HANA).credential is not None


def deletes(stage: Stage) -> int:
    return len(stage.world.leaf.log.matching(DELETE))


async def tries_again(stage: Stage) -> None:
    """The job's next turn, which would come by itself in a while."""
    await stage.running.bot.disconnecting.end(await wish(stage))


async def wish(stage: Stage) -> str:
    """The only disconnection that somebody wants."""
    [wanted] = {json.loads(entry.detail or "{}").get("disconnection") for entry in await stage.audit()} - {None}
    return str(wanted)


async def is_to_be_disconnected_and_is_asked_anew(stage: Stage) -> str:
    """Linus wants Ada's broken connection ended, and Grace asks her for another one; the link."""
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    question = await stage.types("/fieldview disconnect Ada Lovelace Farms", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    return await asked(stage)


async def hana(stage: Stage) -> Grower:
    return await stage.running.bot.directory.find(HANA)


async def test_the_question_says_what_there_is_to_lose(stage: Stage) -> None:
    await stage.world.leaf.sync(HANA, farms=3, fields=41)
    for number in range(4):
        stage.world.leaf.log_event(HANA, 404, f"number {number}")
    question = text_of(await stage.types(COMMAND, stage.linus))
    assert "3 farms and 41 fields" in question
    assert "4 events" in question or "5 events" in question
    assert "10 min" in question
    await stage.presses(await stage.types(COMMAND, stage.linus), "disconnect-cancel", stage.linus)
    await stage.time_to_undo_passes()
    assert is_connected(stage)


async def test_the_owner_hears_that_an_admin_has_ordered_it_and_can_undo_it(stage: Stage) -> None:
    await stage.types("/fieldview owner Sato Family Orchards @grace")
    await confirms(stage)
    [told] = await stage.dm(stage.grace)
    assert "Sato Family Orchards is about to be disconnected." in text_of(told)
    assert f"<@{stage.linus}> asked for it." in text_of(told)
    assert "stays as it was" in text_of(await stage.presses(told, "disconnect-undo"))
    await stage.time_to_undo_passes()
    assert is_connected(stage)


async def test_who_orders_it_for_a_grower_of_their_own_is_told_once(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview owner Sato Family Orchards @linus", stage.linus)
    await confirms(stage)
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.world.slack.dm(stage.linus))) == 1


async def test_the_answer_to_an_old_question_leaves_a_newer_connection_alone(stage: Stage) -> None:
    await stage.connects()
    ask = "/fieldview disconnect Ada Lovelace Farms"
    question = await stage.types(ask, stage.linus)
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
    await stage.until_status(ADA, "healthy")
    told = await stage.presses(question, "disconnect-confirm", stage.linus)
    assert "the grower was connected anew" in text_of(told)
    await stage.time_to_undo_passes()
    assert stage.world.leaf.find(ADA).credential is not None
    told = await stage.presses(await stage.types(ask, stage.linus), "disconnect-confirm", stage.linus)
    assert "disconnect-undo" in buttons_of(told), "asked anew, it is this one"


async def test_a_bare_disconnect_asks_whom_then_asks_as_the_command_does_and_can_be_undone(stage: Stage) -> None:
    await stage.sweeps_now()
    slack = stage.world.slack
    assert (await slack.command(stage.linus, stage.growers, "/fieldview disconnect")).ok
    await slack.until(lambda: slack.view(stage.linus))
    view = slack.view(stage.linus)
    assert view is not None
    [option] = await slack.options(stage.linus, "find-grower", "sato", view_id=view["id"])
    assert (await slack.submit(stage.linus, view["id"], {"grower": {"find-grower": option["value"]}})).ok
    await slack.until(lambda: stage.answers(stage.linus))
    question = stage.answers(stage.linus)[-1]
    assert question.channel == stage.growers
    assert buttons_of(question) == ["disconnect-confirm", "disconnect-cancel"]
    told = await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.presses(told, "disconnect-undo", stage.linus)
    await stage.time_to_undo_passes()
    assert is_connected(stage)
    assert [entry.action for entry in await stage.audit() if entry.via == "form"] == ["disconnect"]


async def test_nothing_is_ended_before_the_time_to_undo_is_over(stage: Stage) -> None:
    await stage.sweeps_now()
    stage.world.leaf.log_event(HANA, 403, "field 7")
    told = await confirms(stage)
    assert "disconnect-undo" in buttons_of(told)
    stage.world.clock.advance(timedelta(minutes=9))
    [wanted] = [entry.detail for entry in await stage.audit() if "disconnection" in (entry.detail or "")]
    assert wanted is not None
    assert is_connected(stage)
    await stage.time_to_undo_passes()
    assert not is_connected(stage)
    assert deletes(stage) == 1
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == [], "what was wanted is no alarm"
    [message] = await stage.dm(stage.linus)
    assert "is disconnected" in text_of(message)
    assert "field 7" in text_of(await stage.types("/fieldview events Sato Family Orchards"))
    assert ("disconnect-ended", "done") in await stage.deeds()
    assert "not connected" in text_of(await confirms(stage))


async def test_whoever_is_disconnected_is_not_asked_to_connect_any_more(stage: Stage) -> None:
    await stage.connects()
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    await asked(stage)
    letter = (await stage.dm(stage.ada))[-1]
    question = await stage.types("/fieldview disconnect Ada Lovelace Farms", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.time_to_undo_passes()
    await stage.until_status(ADA, "absent")
    await eventually(lambda: says(letter, "This link no longer works"))
    assert "You need do nothing" in text_of(letter)
    written = len(await stage.dm(stage.ada))
    stage.world.clock.advance(days(3))
    await stage.running.bot.chasing.chase_job("test")
    await stage.delivered()
    assert len(await stage.dm(stage.ada)) == written
    assert "No link is out" in text_of(await stage.types("/fieldview links"))


async def says(message: Message, words: str) -> bool:
    return words in text_of(message)


async def test_undo_keeps_it_and_says_so_where_it_was_announced(stage: Stage) -> None:
    await confirms(stage)
    [message] = await stage.dm(stage.linus)
    await stage.presses(message, "disconnect-undo", stage.linus)
    await stage.time_to_undo_passes()
    await stage.delivered()
    assert is_connected(stage)
    assert deletes(stage) == 0
    assert "stays as it was" in text_of(message)
    assert (await stage.deeds())[-1] == ("disconnect-undo", "done")


async def test_it_is_too_late_to_undo_what_is_done(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    told = await confirms(stage)
    await stage.time_to_undo_passes()
    assert "too late" in text_of(await stage.presses(told, "disconnect-undo", stage.linus))


async def test_asked_twice_it_is_one_and_the_same(stage: Stage) -> None:
    await confirms(stage)
    again = await stage.types(COMMAND, stage.linus)
    assert buttons_of(again) == ["disconnect-undo"]
    grower, disconnecting = await hana(stage), stage.running.bot.disconnecting
    first, second = await disconnecting.begin(grower, stage.linus), await disconnecting.begin(grower, stage.grace)
    assert first == second
    await stage.time_to_undo_passes()
    assert deletes(stage) == 1


async def test_where_it_is_configured_a_second_person_has_to_agree(database_url: str) -> None:
    async with set_up(database_url, disconnect_needs_two=True) as stage:
        slack = stage.world.slack
        mary = slack.add_user("mary", admin=True)
        slack.invite(stage.alerts, mary)
        told = await confirms(stage)
        await stage.time_to_undo_passes()
        assert is_connected(stage)
        assert "for yourself" in text_of(await stage.presses(told, "disconnect-agree", stage.linus))
        [asked] = await stage.posted(stage.alerts)
        assert "admin" in text_of(await stage.presses(asked, "disconnect-agree", stage.grace))
        await stage.presses(asked, "disconnect-agree", mary)
        assert is_connected(stage), "and now there is time to undo it"
        await stage.time_to_undo_passes()
        assert not is_connected(stage)
        outcomes = [outcome for action, outcome in await stage.deeds() if action == "disconnect-agree"]
        assert sorted(outcomes) == ["done", "refused", "refused"]


async def test_what_nobody_else_agrees_to_lapses(sqlite_url: str) -> None:
    async with set_up(sqlite_url, disconnect_needs_two=True) as stage:
        await confirms(stage)
        stage.world.clock.advance(days(1))
        await stage.time_to_undo_passes()
        await stage.delivered()
        assert is_connected(stage)
        assert "Nobody else agreed" in text_of((await stage.dm(stage.linus))[0])


async def test_nobody_agrees_any_more_when_the_day_for_it_is_over_and_the_job_has_not_looked_yet(
    database_url: str,
) -> None:
    async with set_up(database_url, disconnect_needs_two=True) as stage:
        mary = stage.world.slack.add_user("mary", admin=True)
        await confirms(stage)
        wanted, disconnecting = await wish(stage), stage.running.bot.disconnecting
        stage.world.clock.advance(days(1))
        with pytest.raises(UsageError):
            await disconnecting.agree(wanted, mary)
        undecided = (DisconnectionState.WAITING, DisconnectionState.LAPSED)
        assert (await disconnecting.of(wanted)).state in undecided
        await stage.time_to_undo_passes()
        assert is_connected(stage)


async def test_a_grower_who_connected_anew_meanwhile_stays_connected(stage: Stage) -> None:
    await confirms(stage)
    stage.world.leaf.disconnect(HANA)
    stage.world.leaf.connect(HANA)
    await stage.time_to_undo_passes()
    assert is_connected(stage)
    assert deletes(stage) == 0


async def test_a_grower_who_connects_anew_at_the_very_moment_of_the_end_stays_connected(stage: Stage) -> None:
    """Leaf is told to remove what it has, whatever that is by then, and its answers take their time."""
    link = await is_to_be_disconnected_and_is_asked_anew(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        slow = stage.world.leaf.faults.slow(2.0, "^GET .*credentials/events", times=1)
        ending = asyncio.create_task(stage.time_to_undo_passes())
        await stage.world.slack.until(lambda: slow.hits)
        await ada.approves(at_fieldview)
        await ada.ends_up()
    await ending
    await until_state(stage, "connected")
    await stage.until_status(ADA, "healthy")
    assert stage.world.leaf.find(ADA).credential is not None


async def test_what_leaf_is_being_given_is_not_what_is_removed(stage: Stage) -> None:
    link = await is_to_be_disconnected_and_is_asked_anew(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        slow = stage.world.leaf.faults.slow(2.0, "^GET .*credentials/events", times=1)
        await ada.approves(at_fieldview)
        await stage.world.slack.until(lambda: slow.hits)
        stage.world.clock.advance(timedelta(minutes=11))
        assert await stage.running.bot.disconnecting.end(await wish(stage)), "it waits"
        await ada.ends_up()
    await until_state(stage, "connected")
    await tries_again(stage)
    await stage.until_status(ADA, "healthy")
    assert stage.world.leaf.find(ADA).credential is not None
    assert [deed for deed in await stage.deeds() if deed[0] == "disconnect-ended"] == [("disconnect-ended", "done")]


@pytest.mark.parametrize("day", ["outage", "lost answer", "refused"])
async def test_it_is_tried_until_leaf_does_it_and_done_once(stage: Stage, day: str) -> None:
    await stage.sweeps_now()
    await confirms(stage)
    faults = stage.world.leaf.faults
    if day == "outage":
        faults.outage()
    elif day == "refused":
        faults.outage("^DELETE", status=429)
    else:
        faults.lose_answer("^DELETE", times=1)
    await stage.time_to_undo_passes()
    assert is_connected(stage) == (day != "lost answer")
    faults.heal()
    await tries_again(stage)
    assert not is_connected(stage)
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert [text_of(message) for message in stage.world.slack.posted(stage.alerts)] == []
    assert [deed for deed in await stage.deeds() if deed[0] == "disconnect-ended"] == [("disconnect-ended", "done")]


async def test_what_leaf_will_not_delete_stays_ours_to_watch(stage: Stage) -> None:
    await stage.sweeps_now()
    await confirms(stage)
    stage.world.leaf.faults.outage("^DELETE", status=429)
    await stage.time_to_undo_passes()
    stage.world.clock.advance(days(2))
    await tries_again(stage)
    stage.world.leaf.faults.heal()
    assert ("disconnect-ended", "failed") in await stage.deeds()
    # What was not done must not be excused later: now somebody else removes it, and that is news.
    stage.world.leaf.disconnect(HANA)
    await stage.sweeps_now()
    await stage.until_status(HANA, "broken")


async def test_a_sweep_that_looked_before_the_delete_and_speaks_after_it_raises_no_alarm(stage: Stage) -> None:
    """The sweep's page was read with the credential on it, and is believed while we wait for Leaf to delete it."""
    grower, bot = await hana(stage), stage.running.bot
    asked_at = stage.world.clock()
    credential = await bot.disconnecting._leaf.credential(grower.id)
    await confirms(stage)
    slow = stage.world.leaf.faults.slow(0.3, "^DELETE")
    ending = asyncio.create_task(stage.time_to_undo_passes())
    await stage.world.slack.until(lambda: slow.hits)
    await bot.reducer.observe(Reading(grower.id, credential, asked_at), "sweep")
    await ending
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == []


async def test_with_leaf_down_the_wish_itself_is_not_taken(stage: Stage) -> None:
    question = await stage.types(COMMAND, stage.linus)
    stage.world.leaf.faults.outage()
    assert "Leaf" in text_of(await stage.presses(question, "disconnect-confirm", stage.linus))
    row = (await stage.audit())[-1]
    assert (row.action, row.outcome, row.target_name) == ("disconnect", "failed", "Sato Family Orchards")
    with pytest.raises(ProviderUnavailable):
        await stage.running.bot.disconnecting.begin(await hana(stage), stage.linus)
    stage.world.leaf.faults.heal()
    await stage.time_to_undo_passes()
    assert is_connected(stage)


async def test_the_job_ends_it_by_itself(sqlite_url: str) -> None:
    async with set_up(sqlite_url, disconnect_undo=0) as stage:
        await confirms(stage)

        async def gone() -> bool:
            return not is_connected(stage)

        await eventually(gone)
