"""The digest: one message a day and channel, at its hour, with what is new, what stands, and what is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import JSONResponse

from bot.sandbox.slack.workspace import Message
from storage import outbox, subscriptions
from storage.records import Delivery, Topic, Wishes
from tests.journeys.test_casework import chooses, sends
from tests.journeys.test_subscriptions import SATO, farm, opens, picks, saves, say
from tests.messages.reading import read
from tests.stage import Stage, set_up, text_of

CHICAGO = ZoneInfo("America/Chicago")
DIGEST = Wishes(delivery=Delivery.DIGEST, digest_hour=8, zone="America/Chicago")


async def wants(stage: Stage, wishes: Wishes = DIGEST, channel: str | None = None) -> None:
    """#growers wants that from now on."""
    where = channel or stage.growers
    async with stage.running.bot.database.transaction() as session:
        await subscriptions.add(session, where, stage.grace, stage.world.clock())
        await subscriptions.choose(session, where, wishes, stage.grace, stage.world.clock())


async def it_is(stage: Stage, hour: int, *, days: int = 0, weekday: int | None = None) -> None:
    """The clock goes on to that hour in Chicago, so many days later at least, or to that day of the week."""
    now = stage.world.clock().astimezone(CHICAGO)
    then = datetime.combine(now.date() + timedelta(days=days), time(hour, 1), CHICAGO)
    while then <= now or weekday not in (None, then.weekday()):
        then = datetime.combine(then.date() + timedelta(days=1), time(hour, 1), CHICAGO)
    stage.world.clock.advance(then.astimezone(UTC) - now.astimezone(UTC))


async def round_of(stage: Stage, replicas: int = 3) -> None:
    """Every replica looks what is due, at the same moment."""
    await asyncio.gather(*(stage.running.bot.digesting.owe_due() for _ in range(replicas)))
    await stage.delivered()


def digests(stage: Stage, channel: str | None = None) -> list[Message]:
    posted = stage.world.slack.posted(channel or stage.growers)
    return [message for message in posted if message.text.startswith("FieldView digest")]


def shown(message: Message) -> str:
    return read(message.blocks)


async def test_from_the_form_to_the_first_digest(stage: Stage) -> None:
    await stage.sweeps_now()
    await opens(stage)
    await picks(stage, "delivery", "digest", "When the digest comes")
    await saves(stage, digest_hour="8")
    await it_is(stage, 7)
    await round_of(stage)
    assert digests(stage) == []
    await it_is(stage, 8)
    await round_of(stage)
    [digest] = digests(stage)
    assert "all well" in digest.text
    assert "1 of 1 connection works" in shown(digest)
    [row] = [entry for entry in await stage.audit() if entry.action == "digest"]
    assert (row.actor, row.outcome) == ("job:digest", "done")


async def test_one_a_day_whatever_is_restarted_and_however_many_look(database_url: str) -> None:
    async with set_up(database_url) as stage:
        await wants(stage)
        await it_is(stage, 8)
        await round_of(stage, replicas=8)
        await it_is(stage, 15)
        await round_of(stage)
        assert len(digests(stage)) == 1
        await it_is(stage, 8)
        await round_of(stage)
        assert len(digests(stage)) == 2
        days = [entry.detail for entry in await stage.audit() if entry.action == "digest"]
        assert len(set(days)) == 2


async def test_after_a_long_absence_it_says_what_it_leaves_out(stage: Stage) -> None:
    blip = await farm(stage, "Blip")
    await wants(stage)
    await it_is(stage, 8)
    await round_of(stage)
    await it_is(stage, 12, days=2)
    await say(stage, "UNAUTHENTICATED", blip)
    await say(stage, "OK", blip)
    await it_is(stage, 8, days=20)
    await round_of(stage)
    await it_is(stage, 8)
    await round_of(stage)
    first, late, next_day = map(shown, digests(stage))
    assert "This covers the last 7 days only. The digest before it ended" in late
    assert "I was not running, could not write here, or was not asked to" in late
    assert "Blip" not in late
    assert "only" not in first + next_day


async def test_it_tells_what_is_new_what_stands_what_is_over_and_who_waits(stage: Stage) -> None:
    old, over = await farm(stage, "Old", "linus"), await farm(stage, "Over")
    await say(stage, "UNAUTHENTICATED", old, over)
    await wants(stage)
    await it_is(stage, 8, days=3)
    await round_of(stage)
    await say(stage, "OK", over)
    new = await farm(stage, "New", "linus")
    await say(stage, "MISSING_PERMISSIONS", new)
    await stage.connects()
    stage.world.leaf.add_user(name="Waits", email="waits@farm.example")
    await stage.types("/fieldview connect waits@farm.example")
    await it_is(stage, 8)
    await round_of(stage)
    first, second = digests(stage)
    assert "2 connections are not well, for longer than a day" in first.text, "there was no digest before"
    told = shown(second)
    assert "2 connections are not well, 1 of them new" in second.text
    assert "New (1)\n• New · new@farm.example: shares only a part, for" in told
    assert "Still broken (1)\n• Old · old@farm.example: permission ended, for 4 days" in told
    assert "Works again (1)\n• Over · over@farm.example, after 3 days" in told
    assert "Newly connected (1)\n• Ada Lovelace Farms" in told
    assert "Waiting for the grower’s consent (1)\n• Waits · waits@farm.example: asked" in told
    assert f"• @{stage.linus}: 2 not well" in told
    assert f"• @{stage.grace}: 1 waiting for an answer" in told


async def test_it_covers_what_the_channel_wants_and_no_more(stage: Stage) -> None:
    mine, theirs = await farm(stage, "Mine", "grace"), await farm(stage, "Theirs", "linus")
    part = await farm(stage, "Part", "grace")
    await say(stage, "UNAUTHENTICATED", mine, theirs)
    await say(stage, "MISSING_PERMISSIONS", part)
    stage.world.leaf.add_user(name="Asked", email="asked@farm.example")
    await stage.types("/fieldview connect asked@farm.example", stage.linus)
    narrow = Wishes(stage.grace, (Topic.BROKEN,), Delivery.DIGEST, 8, "America/Chicago")
    await wants(stage, narrow)
    await it_is(stage, 8)
    await round_of(stage)
    [digest] = digests(stage)
    assert "1 connection is not well" in digest.text
    assert "Mine" in shown(digest)
    assert "Theirs" not in shown(digest)
    assert "Part" not in shown(digest)
    assert "Asked" not in shown(digest)
    assert "0 of 2 connections work; 1 other is not named here" in shown(digest), "the numbers add up"


async def test_what_is_snoozed_says_so(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(SATO))
    [card] = await stage.posted(stage.alerts)
    await sends(stage, stage.grace, await chooses(stage, card, "snooze", stage.grace), span="7d", reason="On holiday")
    await wants(stage)
    await it_is(stage, 8)
    await round_of(stage)
    [digest] = digests(stage)
    assert "snoozed" in shown(digest)


async def test_a_digest_that_slack_did_not_take_comes_once_when_it_does(stage: Stage) -> None:
    slack = stage.world.slack
    await wants(stage)
    await it_is(stage, 8)
    slack.faults.outage()
    await stage.running.bot.digesting.owe_due()
    slack.faults.heal()
    await round_of(stage)
    assert len(digests(stage)) == 1


async def test_after_days_of_being_down_one_digest_tells_of_all_of_them(stage: Stage) -> None:
    await stage.sweeps_now()
    await wants(stage)
    await it_is(stage, 8)
    await round_of(stage)
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(SATO))
    await it_is(stage, 11, days=3)
    await round_of(stage)
    first, second = digests(stage)
    assert "all well" in first.text
    assert "1 connection is not well, new since the last digest" in second.text


async def test_a_digest_chosen_after_its_hour_begins_the_next_day(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await it_is(stage, 12)
    await wants(stage)
    await round_of(stage)
    assert digests(stage) == []
    await it_is(stage, 8)
    await round_of(stage)
    assert len(digests(stage)) == 1


async def test_each_channel_has_its_own_hour_and_zone(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await it_is(stage, 12)
    tokyo = stage.world.slack.add_channel("tokyo", [stage.grace])
    await wants(stage)
    await wants(stage, Wishes(delivery=Delivery.BOTH, digest_hour=8, zone="Asia/Tokyo"), tokyo)
    await it_is(stage, 17)
    await round_of(stage)
    assert (len(digests(stage)), len(digests(stage, tokyo))) == (0, 1), "it is eight in Tokyo"
    await it_is(stage, 8)
    await round_of(stage)
    assert (len(digests(stage)), len(digests(stage, tokyo))) == (1, 1)


async def test_a_channel_that_is_lost_gets_none_and_nobody_else_gets_it(stage: Stage) -> None:
    await wants(stage)
    stage.world.slack.archive(stage.growers)
    await it_is(stage, 8)
    await round_of(stage)
    [notice] = stage.world.slack.posted(stage.alerts)
    assert "I cannot post to" in text_of(notice)
    await it_is(stage, 8)
    await round_of(stage)
    assert len(stage.world.slack.posted(stage.alerts)) == 1
    assert stage.world.slack.posted(stage.world.slack.dm(stage.grace)) != [], "whoever subscribed it is told"
    assert "digest" not in text_of(stage.world.slack.posted(stage.world.slack.dm(stage.grace))[0])


async def test_what_a_lost_digest_should_have_told_is_told_by_the_next(stage: Stage) -> None:
    one = await farm(stage, "One")
    await wants(stage)
    await it_is(stage, 8, days=1)
    await round_of(stage)
    await say(stage, "UNAUTHENTICATED", one)
    await say(stage, "OK", one)
    stage.world.slack.archive(stage.growers)
    await it_is(stage, 8, days=1)
    await round_of(stage)
    assert len(digests(stage)) == 1
    stage.world.slack.unarchive(stage.growers)
    await stage.types("/fieldview subscribe")
    await it_is(stage, 8, days=1)
    await round_of(stage)
    assert "Works again (1)\n• One" in shown(digests(stage)[-1])
    await it_is(stage, 8, days=1)
    await round_of(stage)
    assert "One" not in shown(digests(stage)[-1]), "once is enough"


async def test_a_digest_that_slack_did_not_take_in_time_is_part_of_the_next_one(stage: Stage) -> None:
    one, bot = await farm(stage, "One"), stage.running.bot
    await wants(stage)
    await it_is(stage, 8, days=1)
    await round_of(stage)
    await say(stage, "UNAUTHENTICATED", one)
    await say(stage, "OK", one)
    stage.world.slack.faults.outage("chat.postMessage")
    for _ in range(2):
        await it_is(stage, 8, days=1)
        await bot.digesting.owe_due()
    async with bot.database.reading() as session:
        [late] = await outbox.owed(session)
    stage.world.slack.faults.heal()
    await bot.announcer.deliver(late.id)
    await stage.delivered()
    _, last = digests(stage)
    assert "Works again (1)\n• One" in shown(last)


async def test_a_crash_of_what_else_is_done_by_the_clock_keeps_no_digest_back(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_on_sqlite

    async def crash() -> None:
        raise RuntimeError

    for work in ("casework.wake_due", "escalating.call_leads", "reminding.remind"):
        part, _, name = work.partition(".")
        monkeypatch.setattr(getattr(stage.running.bot, part), name, crash)
    await wants(stage)
    await it_is(stage, 8)
    await stage.running.timer.round()
    await stage.delivered()
    assert len(digests(stage)) == 1


async def test_on_monday_it_tells_how_the_week_went(stage: Stage) -> None:
    await stage.sweeps_now()
    await wants(stage)
    await it_is(stage, 9, weekday=1)
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(SATO))
    stage.world.clock.advance(timedelta(hours=26))
    await say(stage, "OK", stage.world.leaf.find(SATO))
    await stage.connects()
    stage.world.leaf.add_user(name="Waits", email="waits@farm.example")
    await stage.types("/fieldview connect waits@farm.example")
    await it_is(stage, 8, weekday=6)
    await round_of(stage)
    assert "Last week" not in shown(digests(stage)[-1])
    await it_is(stage, 8, weekday=0)
    await round_of(stage)
    told = shown(digests(stage)[-1])
    assert "1 connection works again, within 1 day 2 h." in told
    assert "2 growers were asked for consent: 1 agreed (50 %) and 1 not yet." in told
    assert "Data was missing, in whole or in part, for 1 day 2 h, all growers together." in told
    [chart] = [block for block in digests(stage)[-1].blocks or [] if block["type"] == "data_visualization"]
    bars = {point["label"][:3]: point["value"] for series in chart["chart"]["series"] for point in series["data"]}
    assert [day for day, number in bars.items() if number] == ["Tue", "Wed"]


async def test_a_week_that_was_not_told_on_its_monday_is_told_by_the_next_digest(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await wants(stage)
    await it_is(stage, 8, weekday=6)
    await round_of(stage)
    await it_is(stage, 9, weekday=1)
    await round_of(stage)
    assert "Last week" in shown(digests(stage)[-1])
    await it_is(stage, 9, weekday=2)
    await round_of(stage)
    assert "Last week" not in shown(digests(stage)[-1])


async def test_what_works_again_while_a_digest_waits_for_slack_is_told_once(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    one = await farm(stage, "One")
    await wants(stage)
    await it_is(stage, 8, days=1)
    await round_of(stage)
    await say(stage, "UNAUTHENTICATED", one)
    await it_is(stage, 8, days=1)
    stage.world.slack.faults.outage("chat.postMessage")
    await stage.running.bot.digesting.owe_due()
    stage.world.clock.advance(timedelta(hours=3))
    stage.world.leaf.set_status(one, "OK")
    await stage.sweeps_now()
    stage.world.slack.faults.heal()
    async with stage.running.bot.database.reading() as session:
        owed = [each.id for each in await outbox.owed(session, before=stage.world.clock())]
    for announcement in owed:
        await stage.running.bot.announcer.deliver(announcement)
    await stage.delivered()
    await it_is(stage, 8, days=1)
    await round_of(stage)
    *_, late, next_one = [shown(digest) for digest in digests(stage)]
    assert "Works again" not in late
    assert "Works again (1)" in next_one


async def test_a_slack_that_draws_no_charts_gets_the_week_in_characters(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await wants(stage)
    await it_is(stage, 9, weekday=1)
    await say(stage, "UNAUTHENTICATED", stage.world.leaf.find(SATO))
    await it_is(stage, 8, weekday=0)
    refusal = JSONResponse({"ok": False, "error": "invalid_blocks"})
    stage.world.slack.faults.answer(refusal, on="POST /api/chat.postMessage", times=1)
    await round_of(stage)
    bars = [line for line in shown(digests(stage)[-1]).split("\n") if "█" in line]
    assert [line[:3] for line in bars] == ["Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert not [message for message in stage.world.slack.posted(stage.alerts) if "invalid_blocks" in message.text]


@pytest.mark.parametrize("hour", range(24))
async def test_every_hour_is_a_moment_on_every_day_of_the_year(hour: int) -> None:
    from bot.digesting import _today
    from storage.records import Subscription

    wanted = Subscription(
        "C1",
        "U1",
        datetime(2026, 1, 1, tzinfo=UTC),
        wishes=Wishes(None, None, Delivery.DIGEST, hour, "America/Chicago"),
    )
    moments = [_today(wanted, datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)) for number in range(365)]
    assert len({day for day, _ in moments}) == len({due_at for _, due_at in moments}) == 365
