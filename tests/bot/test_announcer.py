"""Messages of our own accord: none lost, none false, each in one place, and edited ever after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from starlette.responses import JSONResponse

import bot.announcer
from bot.announcer import Announcer
from bot.dataflow import DataFlows
from bot.messages.needs import Need
from bot.slack_pace import Rates, SlackPace
from storage import consents, notices, outbox
from storage.database import Database
from storage.records import AnnouncementKind, Consent, ConsentState, NoteKind, ThreadNote
from storage.tables import AnnouncementRow
from tests.bot.watching import Watch, correspondence, together, watching

POST = "POST /api/chat.postMessage"
UPDATE = "POST /api/chat.update"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    async with watching(database_url) as made:
        yield made


@pytest.fixture
async def alone(sqlite_url: str) -> AsyncIterator[Watch]:
    async with watching(sqlite_url) as made:
        yield made


async def broken(watch: Watch) -> None:
    """Ada's connection dies, and somebody looks; nothing is delivered yet."""
    await watch.sweeps()
    await watch.world.leaf.revoke(watch.ada)
    await watch.sweeps()


async def repaired(watch: Watch) -> None:
    watch.world.leaf.restore(watch.ada)
    await watch.sweeps()


# The usual day


async def test_a_first_message_unfurls_nothing_and_an_edit_goes_to_the_place_of_the_first(alone: Watch) -> None:
    await broken(alone)
    await alone.delivers()
    [post] = alone.posts()
    assert str(post.sent["unfurl_links"]).lower() in ("false", "0")
    await repaired(alone)
    await alone.delivers()
    assert len(alone.posts()) == 1
    assert alone.world.slack.calls("chat.update", alone.growers) == 1
    assert post.edits == 1


async def test_what_changed_while_it_was_delivered_is_shown_in_the_same_breath(watch: Watch) -> None:
    await broken(watch)
    watch.world.slack.faults.slow(0.1, POST)
    await asyncio.gather(watch.delivers(), repaired(watch))
    await watch.delivers()
    assert await watch.owed() == []
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]


async def test_two_deliveries_of_one_message_post_it_once(watch: Watch) -> None:
    await broken(watch)
    wants = []
    for owed in await watch.owed():
        wants += await together(*[lambda owed=owed: watch.announcer.deliver(owed.id)] * 5)
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]
    await watch.delivers_again()
    assert await watch.owed() == []
    assert all(want is None or want > 0 for want in wants)


async def test_whoever_waited_so_long_for_a_turn_that_another_took_over_posts_nothing(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack asked for a pause, many wait in front: the claim runs out before the turn to post comes."""
    await broken(watch)
    [owed] = [each for each in await watch.owed() if each.channel == watch.growers]
    waits, its_turn, turn = asyncio.Event(), asyncio.Event(), SlackPace.turn_to_post

    async def long_in_coming(pace: SlackPace, channel: str) -> None:
        if not waits.is_set():
            waits.set()
            await its_turn.wait()
        await turn(pace, channel)

    monkeypatch.setattr(SlackPace, "turn_to_post", long_in_coming)
    first = asyncio.create_task(watch.announcer.deliver(owed.id))
    await waits.wait()
    watch.world.clock.advance(outbox.CLAIM + timedelta(seconds=1))
    await watch.announcer.deliver(owed.id)
    its_turn.set()
    await first
    assert len(watch.posts()) == 1
    await repaired(watch)
    await watch.delivers()
    [message] = watch.posts()
    assert "works again" in message.text + repr(message.blocks)


async def test_a_message_posted_while_somebody_waited_is_edited_later(watch: Watch) -> None:
    first = await watch.slack.post(watch.growers, {"text": "Ada is being connected"})
    notice = await raised(watch)
    async with watch.database.transaction() as session:
        kind = AnnouncementKind.OPERATOR_NOTICE
        await watch.announcer.adopt(session, kind, notice, watch.growers, first)
    assert await watch.owed() == []
    async with watch.database.transaction() as session:
        await watch.announcer.has_news(session, kind, notice)
    await watch.delivers()
    [message] = watch.posts()
    assert (message.ts, message.edits) == (first.ts, 1)


async def raised(watch: Watch, kind: str = "some-kind") -> str:
    async with watch.database.transaction() as session:
        notice = await notices.raise_once(session, kind, "text", watch.world.clock())
    assert notice is not None
    return notice.id


async def test_transactions_that_tell_news_in_opposite_orders_do_not_wait_in_a_circle(watch: Watch) -> None:
    kinds = [await raised(watch, kind) for kind in ("a", "b", "c")]
    notice = AnnouncementKind.OPERATOR_NOTICE

    async def tell(order: list[str]) -> None:
        async with watch.database.transaction() as session:
            for subject in order:
                await watch.announcer.to_channels(session, notice, subject)
                await watch.journal.record(session, "U1", "slash", "status", "done", subject[:8])
                await watch.announcer.has_news(session, notice, subject)

    await asyncio.gather(*(tell(kinds) for _ in range(8)), *(tell(kinds[::-1]) for _ in range(8)))
    await watch.delivers()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [3, 3]
    assert (await watch.journal.verify()).rows == 48


async def test_operators_are_told_once_until_it_is_over(watch: Watch) -> None:
    for _ in range(3):
        await watch.announcer.tell_operators(Need("leaf-login", "Leaf refuses the login"))
    await watch.delivers()
    [told] = watch.posts(watch.alerts)
    assert "Leaf refuses the login" in told.text + repr(told.blocks)
    await watch.announcer.all_clear("leaf-login")
    await watch.announcer.all_clear("leaf-login")
    await watch.announcer.all_clear("never raised")
    await watch.delivers()
    assert told.edits == 1
    await watch.announcer.tell_operators(Need("leaf-login", "Again"))
    await watch.delivers()
    assert len(watch.posts(watch.alerts)) == 2


async def test_without_an_alert_channel_the_operators_are_found_in_the_subscribed_ones(sqlite_url: str) -> None:
    async with watching(sqlite_url, alert_channel=False) as watch:
        await watch.announcer.tell_operators(Need("leaf-login", "Leaf refuses the login"))
        await watch.delivers()
        assert len(watch.posts()) == 1


# Many changes in a row


def calm(watch: Watch, edits_apart: float = 5.0) -> Announcer:
    """The announcer as it runs in earnest, where edits of one message keep apart."""
    watch.announcer._edits_apart = timedelta(seconds=edits_apart)
    return watch.announcer


async def news(watch: Watch) -> None:
    incident = await watch.incident()
    assert incident is not None
    async with watch.database.transaction() as session:
        await watch.announcer.has_news(session, AnnouncementKind.INCIDENT, incident.id)


async def test_no_edit_waits_for_a_day_to_come_when_the_clock_was_set_back(alone: Watch) -> None:
    calm(alone)
    alone.world.clock.advance(timedelta(days=1))
    await broken(alone)
    await alone.delivers()
    await news(alone)
    alone.world.clock.set_back(timedelta(days=1))
    assert await alone.delivers() == [None] * 2
    assert [post.edits for post in (*alone.posts(), *alone.posts(alone.alerts))] == [1, 1]


async def test_edits_in_a_row_become_one_and_the_last_of_them_is_shown(alone: Watch) -> None:
    announcer = calm(alone)
    await broken(alone)
    await alone.delivers()
    for _ in range(4):
        await news(alone)
        wants = await alone.delivers()
        assert all(want and 0 < want <= 5 for want in wants), "put off, not lost"
    [card] = alone.posts()
    assert card.edits == 0
    alone.world.clock.advance(timedelta(seconds=5))
    await asyncio.gather(*(announcer.deliver(owed.id) for owed in await alone.owed()))
    assert card.edits == 1
    assert await alone.owed() == []


async def test_a_first_message_and_a_change_after_a_pause_are_shown_at_once(alone: Watch) -> None:
    calm(alone)
    await broken(alone)
    await alone.delivers()
    [card] = alone.posts()
    alone.world.clock.advance(timedelta(seconds=6))
    await news(alone)
    assert await alone.delivers() == [None, None]
    assert card.edits == 1


async def test_a_recovery_does_not_wait(alone: Watch) -> None:
    calm(alone)
    await broken(alone)
    await alone.delivers()
    await news(alone)
    await alone.delivers()
    await repaired(alone)
    await alone.delivers()
    [card] = alone.posts()
    assert "works again" in card.text
    assert await alone.owed() == []


# Deleted messages


async def test_a_deleted_message_is_posted_again_once_and_then_left_alone(watch: Watch) -> None:
    await broken(watch)
    await watch.delivers()
    [first] = watch.posts()
    watch.world.slack.delete_message(first)
    await watch.world.leaf.limit(watch.ada)
    await watch.settles()
    [second] = watch.posts()
    assert second is not first
    watch.world.slack.delete_message(second)
    await repaired(watch)
    await watch.delivers()
    assert watch.posts() == []
    assert await watch.owed() == []
    assert len(watch.world.slack.posted(watch.growers, deleted=True)) == 2


# Slack's bad days


@pytest.mark.parametrize("day", ["outage", "gateway", "a page that says 200", "internal_error", "login"])
async def test_slack_down_and_up_again_delivers_exactly_once(watch: Watch, day: str) -> None:
    slack = watch.world.slack
    match day:
        case "outage":
            slack.faults.outage()
        case "gateway":
            slack.faults.html()
        case "a page that says 200":
            slack.faults.html(status=200)
        case "internal_error":
            slack.faults.answer(JSONResponse({"ok": False, "error": "internal_error"}))
        case "login":
            slack.token_error = "token_revoked"
    await broken(watch)
    wants = await watch.delivers() + await watch.delivers_again()
    assert all(want and want > 0 for want in wants)
    assert len(await watch.owed()) == 2
    slack.faults.heal()
    slack.token_error = None
    await watch.delivers_again()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]
    assert await watch.owed() == []


async def test_waits_grow_and_end_at_some_minutes(alone: Watch) -> None:
    alone.world.slack.faults.outage()
    await broken(alone)
    await alone.delivers()
    waits = [max(want for want in await alone.delivers_again() if want) for _ in range(10)]
    assert waits[0] >= 4
    assert 256 <= waits[-1] <= 300 * 1.25


async def test_slack_names_the_seconds_and_they_are_kept(watch: Watch) -> None:
    watch.world.slack.rate_limit("chat.postMessage", retry_after=42, times=2)
    await broken(watch)
    wants = await watch.delivers()
    assert [42 <= want <= 42 * 1.25 for want in wants if want] == [True, True]
    await watch.delivers_again()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]


async def test_an_answer_lost_behind_the_post_costs_one_duplicate_at_most(watch: Watch) -> None:
    watch.world.slack.faults.lose_answer(POST, times=1)
    await broken(watch)
    await watch.delivers()
    await watch.delivers_again()
    await watch.delivers_again()
    assert sorted([len(watch.posts()), len(watch.posts(watch.alerts))]) == [1, 2]
    await repaired(watch)
    await watch.delivers()
    shown = [*watch.posts(), *watch.posts(watch.alerts)]
    assert sum(message.edits for message in shown) == 2, "the one that we know of goes on living"


async def test_an_answer_lost_behind_an_edit_costs_nothing(watch: Watch) -> None:
    await broken(watch)
    await watch.delivers()
    watch.world.slack.faults.lose_answer(UPDATE, times=2)
    await repaired(watch)
    await watch.delivers()
    await watch.delivers_again()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]
    assert await watch.owed() == []


async def test_what_a_dead_process_was_delivering_is_free_for_its_heir(watch: Watch) -> None:
    await broken(watch)
    [owed, *_] = await watch.owed()
    assert await watch.announcer._claimed(owed.id, "slot-0/dead") is not None
    wait = await watch.announcer.deliver(owed.id)
    assert wait is not None
    assert watch.posts() == watch.posts(watch.alerts) == []
    await watch.announcer.forget_claims("slot-0")
    assert await watch.announcer.deliver(owed.id) is None


async def test_what_stands_in_a_channel_that_is_back_is_up_to_date_after_the_next_post_there(watch: Watch) -> None:
    leaf, slack, other = watch.world.leaf, watch.world.slack, watch.world.leaf.find("hana@sato.example")
    await watch.settles()
    await leaf.revoke(watch.ada)
    await watch.settles()
    [card] = watch.posts(watch.alerts)
    slack.archive(watch.alerts)
    leaf.restore(watch.ada)
    await watch.settles()
    slack.unarchive(watch.alerts)
    assert await watch.delivers_again() == []
    assert "stopped working" in card.text
    leaf.set_status(other, "UNAUTHENTICATED")
    await watch.settles()
    assert "works again" in card.text


async def test_a_message_whose_job_was_lost_is_started_again(watch: Watch) -> None:
    await broken(watch)
    watch.done.update(watch.queue.jobs)
    assert await watch.announcer.start_overdue(watch.world.clock() - timedelta(minutes=3)) == 0
    watch.world.clock.advance(timedelta(minutes=10))
    assert await watch.announcer.start_overdue(watch.world.clock() - timedelta(minutes=3)) == 2
    await watch.delivers()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]


async def test_a_message_that_waits_for_slack_gets_no_second_job(watch: Watch) -> None:
    await broken(watch)
    watch.world.clock.advance(timedelta(hours=2))
    [waits, lost] = await watch.owed()
    tried = f"deliver-{waits.id}-1~7"
    assert await watch.announcer.start_overdue(watch.world.clock(), {tried}) == 1
    assert [subject for _, subject in list(watch.queue.jobs.values())[2:]] == [lost.id]


async def test_what_only_a_newer_version_can_show_is_left_to_it(watch: Watch) -> None:
    """During an update both versions take from one outbox, and the old one may come first."""
    await broken(watch)
    now = watch.world.clock()
    async with watch.database.transaction() as session:
        for kind, subject in (("of-tomorrow", "s"), ("thread", "of-tomorrow:s")):
            row = AnnouncementRow(id=f"{kind}-id", kind=kind, subject=subject, channel=watch.alerts, created_at=now)
            row.wanted, row.shown = 1, 0
            session.add(row)
    for theirs in ("of-tomorrow-id", "thread-id"):
        soon = await watch.announcer.deliver(theirs)
        assert soon is not None
        assert 0 < soon < 10, "the next who takes the job may be the newer one"
    watch.world.clock.advance(timedelta(minutes=4))
    assert (await watch.announcer.deliver("of-tomorrow-id") or 0) >= 240, "nobody is there who could: asked less often"
    watch.world.clock.advance(timedelta(days=4))
    assert await watch.announcer.deliver("of-tomorrow-id") == 600
    assert await watch.announcer.start_overdue(watch.world.clock()) == 2, "ours"
    await watch.delivers()
    assert [len(watch.posts()), len(watch.posts(watch.alerts))] == [1, 1]
    async with watch.database.reading() as session:
        untouched = await session.scalars(select(AnnouncementRow.claimed_by).where(AnnouncementRow.shown == 0))
        assert list(untouched) == [None, None]
        assert (await outbox.depth(session), await outbox.oldest_owed(session)) == (0, None), "owed, but not by us"


async def test_an_ill_leaf_does_not_hold_up_the_news_of_a_repair(alone: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    await broken(alone)
    await alone.delivers()
    await repaired(alone)
    monkeypatch.setattr("bot.dataflow.PATIENCE", 0.05)
    alone.world.leaf.faults.slow(30, "resources")
    async with asyncio.timeout(5):
        await alone.delivers()
    assert alone.posts()[0].edits == 1


# Places that are lost


def lose(watch: Watch, how: str) -> None:
    slack = watch.world.slack
    match how:
        case "archived":
            slack.archive(watch.growers)
        case "kicked":
            slack.channel(watch.growers).is_private = True
            slack.kick(watch.growers)
        case "deleted":
            del slack.workspace.channels[watch.growers]


async def test_whoever_subscribed_a_channel_is_told_in_person_that_it_is_lost(watch: Watch) -> None:
    grace = watch.world.slack.add_user("grace", "Grace", "grace@greenacres.example")
    await watch.subscribe_by(watch.growers, grace)
    lose(watch, "archived")
    await broken(watch)
    await watch.delivers()
    [told] = watch.posts(watch.world.slack.dm(grace))
    assert watch.growers in told.text + repr(told.blocks)
    await repaired(watch)
    await watch.delivers()
    assert len(watch.posts(watch.world.slack.dm(grace))) == 1


async def test_when_that_person_left_an_admin_is_told(watch: Watch) -> None:
    grace = watch.world.slack.add_user("grace", "Grace", "grace@greenacres.example")
    linus = watch.world.slack.add_user("linus", "Linus", "linus@greenacres.example", admin=True)
    await watch.subscribe_by(watch.growers, grace)
    watch.world.slack.user(grace).deleted = True
    lose(watch, "archived")
    await broken(watch)
    await watch.delivers()
    assert len(watch.posts(watch.world.slack.dm(linus))) == 1
    assert await watch.owed() == []


@pytest.mark.parametrize("how", ["archived", "kicked", "deleted"])
async def test_a_lost_channel_is_marked_and_its_news_come_to_the_alert_channel(watch: Watch, how: str) -> None:
    lose(watch, how)
    await broken(watch)
    await watch.delivers()
    assert await watch.broken_reason(watch.growers)
    told = watch.posts(watch.alerts)
    assert len(told) == 2
    assert sum(watch.growers in message.text + repr(message.blocks) for message in told) == 1
    await repaired(watch)
    await watch.delivers()
    assert len(watch.posts(watch.alerts)) == 2, "told once"
    assert await watch.owed() == []


async def test_a_channel_archived_under_a_living_message(watch: Watch) -> None:
    await broken(watch)
    await watch.delivers()
    watch.world.slack.archive(watch.growers)
    await repaired(watch)
    await watch.delivers()
    assert await watch.broken_reason(watch.growers) == "is_inactive"
    assert len(watch.posts(watch.alerts)) == 2
    watch.world.slack.unarchive(watch.growers)
    await watch.subscribe(watch.growers)
    await watch.world.leaf.revoke(watch.ada)
    await watch.settles()
    assert len(watch.posts()) == 2, "made whole, it hears of the next failure"
    notice = next(each for each in watch.posts(watch.alerts) if watch.growers in each.text + repr(each.blocks))
    assert notice.edits == 1, "and the operators read that it is over"


async def test_when_the_alert_channel_itself_is_lost_the_subscribed_ones_hear_it(watch: Watch) -> None:
    watch.world.slack.archive(watch.alerts)
    await watch.sweeps()
    watch.world.leaf.set_status(watch.ada, "PURPLE_MONDAY")
    await watch.settles()
    shown = " ".join(message.text + repr(message.blocks) for message in watch.posts())
    assert "PURPLE_MONDAY" in shown
    assert watch.alerts in shown
    assert await watch.owed() == []


async def test_everything_lost_ends_in_the_log_and_not_in_a_circle(alone: Watch) -> None:
    alone.world.slack.archive(alone.alerts)
    alone.world.slack.archive(alone.growers)
    await broken(alone)
    async with asyncio.timeout(10):
        await alone.delivers()
    assert await alone.owed() == []


async def test_a_letter_to_a_grower_that_cannot_be_delivered_is_shown_to_nobody_else(alone: Watch) -> None:
    consent = Consent(
        "c1", alone.ada.id, alone.ada.name, "U1", "Grace", None, "red-barn", NOW, NOW, ConsentState.REVOKED
    )
    await alone.sweeps()
    async with alone.database.transaction() as session:
        await consents.add(session, consent, "hash")
        await consents.note(session, consent.id, sent_to="U0NOBODY")
        for kind in (AnnouncementKind.CONSENT_INVITATION, AnnouncementKind.CONSENT_REMINDER):
            await alone.announcer.to_person(session, kind, consent.id, "U0NOBODY")
    await alone.delivers()
    assert {"channel_not_found", "user_not_found"} <= {request.error for request in alone.world.slack.requests}
    assert alone.posts() == alone.posts(alone.alerts) == []
    assert await alone.owed() == []


async def test_blocks_that_slack_refuses_are_told_as_plain_text_and_to_the_operators(watch: Watch) -> None:
    refused = {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["no"]}}
    watch.world.slack.faults.answer(JSONResponse(refused), POST, times=1)
    await broken(watch)
    await watch.delivers()
    [post], told = watch.posts(), watch.posts(watch.alerts)
    assert watch.ada.name in post.text
    assert any("invalid_blocks" in message.text + repr(message.blocks) for message in told)
    assert sum(watch.ada.name in message.text for message in told) == 1
    assert await watch.broken_reason(watch.growers) is None, "nothing is wrong with the channel"
    assert await watch.owed() == []


async def test_a_message_that_slack_takes_in_no_form_is_given_up_aloud(watch: Watch) -> None:
    await broken(watch)
    refused = JSONResponse({"ok": False, "error": "too_strange"})
    first, *_ = await watch.owed()
    watch.world.slack.faults.answer(refused, POST, times=1)
    await watch.announcer.deliver(first.id)
    await watch.delivers()
    told = [message.text + repr(message.blocks) for message in watch.posts(watch.alerts)]
    assert any("too_strange" in text for text in told)
    assert await watch.broken_reason(watch.growers) is None
    assert await watch.owed() == []


# Pace


@pytest.mark.parametrize("what", ["post", "edit", "reply"])
async def test_a_channel_shared_while_a_message_waits_for_its_turn_is_told_nothing(
    database_url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.announcer, "SHARING_REMEMBERED", 0.0)
    async with watching(database_url, alert_channel=False) as watch:
        slack = watch.world.slack

        async def long_turn(*_: object) -> None:
            slack.share(watch.growers)

        if what != "post":
            await broken(watch)
            await watch.delivers()
        before = [(post.text, post.edits) for post in watch.posts()]
        monkeypatch.setattr(SlackPace, "turn_to_edit" if what == "edit" else "turn_to_post", long_turn)
        if what == "post":
            await broken(watch)
        elif what == "edit":
            await repaired(watch)
        else:
            incident = await watch.incident()
            assert incident is not None
            async with watch.database.transaction() as session:
                note = ThreadNote(NoteKind.ACKNOWLEDGED, watch.world.clock(), "U0GRACE")
                await watch.announcer.note_in_threads(session, AnnouncementKind.INCIDENT, incident.id, note)
        await watch.delivers()
        assert [(post.text, post.edits) for post in watch.posts()] == before
        assert not [reply for post in watch.posts() for reply in slack.thread(post)]
        if what != "reply":
            assert await watch.broken_reason(watch.growers) == bot.announcer.OUTSIDERS


async def test_a_turn_that_comes_at_once_asks_slack_nothing_again(alone: Watch) -> None:
    await broken(alone)
    await alone.delivers()
    assert alone.posts()
    assert alone.world.slack.calls("conversations.info", alone.growers) == 1


async def test_every_channel_has_a_pace_of_its_own(sqlite_url: str) -> None:
    async with watching(sqlite_url) as watch:
        database = Database(sqlite_url)
        paced = Announcer(
            database,
            watch.slack,
            watch.queue,
            DataFlows(database, watch.leaf, watch.world.clock),
            watch.world.clock,
            watch.alerts,
            correspondence=correspondence(database, watch.world.clock),
            rates=Rates(channel=10, workspace=1000),
        )
        started = watch.world.slack.ticks()
        for number in range(4):
            await paced.tell_operators(Need(f"kind-{number}", "text"))
        owed = await watch.owed()
        await asyncio.gather(
            *(paced.deliver(each.id) for each in owed), watch.slack.post(watch.growers, {"text": "hi"})
        )
        sent = [each for each in watch.world.slack.requests if each.method == "chat.postMessage"]
        in_alerts = [each.tick for each in sent if each.channel == watch.alerts]
        assert max(in_alerts) - started >= 0.29
        await database.close()


async def test_a_colleague_who_is_a_guest_now_is_shown_nothing_of_whatever_kind(watch: Watch) -> None:
    gus = watch.world.slack.add_user("gus", "Gus", "gus@greenacres.example", guest="multi")
    async with watch.database.transaction() as session:
        for kind in set(AnnouncementKind) - {AnnouncementKind.THREAD}:
            await watch.announcer.to_person(session, kind, "1", gus)
    await watch.delivers()
    async with watch.database.reading() as session:
        rows = await session.execute(
            select(AnnouncementRow.kind, AnnouncementRow.gave_up_reason).where(AnnouncementRow.channel == gus)
        )
        gave_up = {row.kind: row.gave_up_reason for row in rows}
    assert watch.posts(watch.world.slack.dm(gus)) == []
    shown = {kind for kind, reason in gave_up.items() if reason != "is_a_guest"}
    assert shown == {"consent-invitation"}, "which is meant for growers, who may be guests"
