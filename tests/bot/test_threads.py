"""The log below a card: told in order, to those who follow it, once, and never beside it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.sandbox.slack.workspace import Message
from storage.records import AnnouncementKind, NoteKind, ThreadNote
from tests.bot.watching import Watch, watching
from tests.stage import Stage

POST = "POST /api/chat.postMessage"


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        await made.sweeps()
        await made.world.leaf.revoke(made.ada)
        await made.settles()
        yield made


async def note(
    watch: Watch, what: NoteKind = NoteKind.ACKNOWLEDGED, by: str = "Grace Okafor", *, news: bool = False
) -> None:
    """Somebody of this name did it."""
    who = watch.world.slack.add_user(by.lower(), by)
    incident = await watch.incident()
    assert incident is not None
    async with watch.database.transaction() as session:
        told = ThreadNote(what, watch.world.clock(), who)
        await watch.announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, told)
        if news:
            await watch.announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)


def thread(watch: Watch, card: Message | None = None) -> list[str]:
    [stands] = [card] if card else watch.posts()
    return [shown(reply) for reply in watch.world.slack.thread(stands)]


def shown(reply: Message) -> str:
    [section] = reply.blocks
    return str(section["text"]["text"])


async def test_a_note_is_told_below_the_card_in_every_channel_and_broadcast_in_none(watch: Watch) -> None:
    await note(watch)
    await watch.delivers()
    for channel in (watch.growers, watch.alerts):
        [card] = watch.posts(channel)
        [reply] = watch.world.slack.thread(card)
        assert "Grace Okafor is taking care of this." in shown(reply)
        assert "reply_broadcast" not in reply.sent
        assert card.edits == 0
    assert await watch.owed() == []


async def test_nobody_is_notified_of_what_they_did_themselves(watch: Watch) -> None:
    for what in (NoteKind.ACKNOWLEDGED, NoteKind.LINK_SENT):
        await note(watch, what)
        await watch.delivers()
    for reply in watch.world.slack.thread(watch.posts()[0]):
        assert "Grace Okafor" in reply.text
        assert "<@" not in reply.text + shown(reply)


async def test_whoever_slack_no_longer_finds_was_a_colleague(watch: Watch) -> None:
    await note(watch)
    watch.world.slack.workspace.users.pop(watch.world.slack.user("grace okafor").id)
    await watch.delivers()
    assert thread(watch) == ["A colleague is taking care of this."]


async def test_a_note_waits_while_slack_does_not_say_what_somebody_is_called(watch: Watch) -> None:
    await note(watch)
    watch.world.slack.faults.outage("users.info")
    await watch.delivers()
    assert thread(watch) == []
    watch.world.slack.faults.heal()
    await watch.delivers_again()
    assert thread(watch) == ["Grace Okafor is taking care of this."]


async def test_notes_are_told_in_order_whenever_their_jobs_run(watch: Watch) -> None:
    for by in ("U0ONE", "U0TWO"):
        await note(watch, by=by)
    await watch.delivers()
    await note(watch, by="U0THREE")
    await watch.delivers()
    first, second = thread(watch)
    assert first.index("U0ONE") < first.index("U0TWO"), "what was owed together is told together"
    assert "U0THREE" in second
    assert "U0ONE" not in second


async def test_the_thread_waits_until_its_card_was_posted_and_is_then_told(watch: Watch) -> None:
    await note(watch, news=True)
    watch.world.slack.faults.outage()
    await watch.delivers()
    await note(watch, NoteKind.LINK_OPENED)
    await watch.delivers()
    watch.world.slack.faults.heal()
    await watch.delivers_again()
    [told] = thread(watch)
    assert "taking care" in told
    assert "opened the link" in told
    assert await watch.owed() == []


async def test_a_note_whose_transaction_failed_is_told_nowhere(watch: Watch) -> None:
    incident = await watch.incident()
    assert incident is not None
    with contextlib.suppress(ZeroDivisionError):
        async with watch.database.transaction() as session:
            told = ThreadNote(NoteKind.ACKNOWLEDGED, watch.world.clock(), "U1")
            await watch.announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, told)
            raise ZeroDivisionError
    await note(watch, by="U0LATER")
    await watch.delivers()
    [only] = thread(watch)
    assert "U0LATER" in only


async def test_below_a_deleted_card_nothing_is_told_and_nothing_stays_in_the_channel(watch: Watch) -> None:
    [card] = watch.posts()
    watch.world.slack.delete_message(card)
    await note(watch)
    await watch.delivers()
    assert watch.posts() == []
    assert thread(watch, watch.posts(watch.alerts)[0])
    assert await watch.owed() == []


async def test_a_card_that_is_posted_again_takes_the_thread_along(watch: Watch) -> None:
    [card] = watch.posts()
    await note(watch, by="U0BEFORE")
    await watch.delivers()
    watch.world.slack.delete_message(card)
    await note(watch, by="U0AFTER", news=True)
    await watch.delivers()
    [again] = watch.posts()
    assert again is not card
    [told] = thread(watch)
    assert "U0AFTER" in told
    assert "U0BEFORE" not in told


async def test_a_thread_in_a_lost_channel_ends_there_and_its_news_go_on_elsewhere(watch: Watch) -> None:
    watch.world.slack.archive(watch.growers)
    await note(watch)
    await watch.delivers()
    assert await watch.owed() == []
    [card] = watch.posts(watch.alerts)
    assert len(thread(watch, card)) == 1


async def test_an_answer_lost_behind_a_reply_costs_one_duplicate_of_that_reply(watch: Watch) -> None:
    watch.world.slack.faults.lose_answer(POST, times=1)
    await note(watch)
    await watch.delivers()
    await watch.delivers_again()
    replies = [*thread(watch), *thread(watch, watch.posts(watch.alerts)[0])]
    assert len(replies) == 3
    assert await watch.owed() == []


async def test_a_reason_that_changes_and_the_end_are_told_below_the_card(watch: Watch) -> None:
    await watch.world.leaf.limit(watch.ada)
    await watch.settles()
    watch.world.clock.advance(timedelta(hours=2))
    watch.world.leaf.restore(watch.ada)
    await watch.settles()
    changed, over = thread(watch)
    assert "another one now" in changed
    assert "after 2 h" in over


async def test_a_thread_does_not_repeat_itself_when_nothing_changed(watch: Watch) -> None:
    for _ in range(3):
        await watch.settles()
    assert thread(watch) == []


async def test_the_story_of_a_repair_stands_below_its_card(stage: Stage) -> None:
    await stage.connects()
    await stage.posted(stage.alerts)
    await stage.world.leaf.revoke(stage.world.leaf.find("ada@example.com"))
    await stage.sweeps_now()
    [_, card] = await stage.posted(stage.alerts, 2)
    await stage.connects()
    await stage.delivered()
    story = "\n".join(shown(reply) for reply in stage.world.slack.thread(card))
    steps = ("Grace Okafor made a link", "opened the link", "Works again")
    sent, opened, works = (story.index(step) for step in steps)
    assert sent < opened < works
