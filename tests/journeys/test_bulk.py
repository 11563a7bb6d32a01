"""A list of growers becomes links: planned line by line, made once somebody says so, and handed back as a file."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from starlette.responses import JSONResponse

from bot.bulk_listing import NAP
from bot.errors import UsageError
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from storage import bulks, growers
from storage.records import BulkLine, BulkState, LineFate
from storage.tables import ConsentLinkRow
from tests.stage import ADA, Stage, buttons_of, days, eventually, set_up, text_of

LIST = f"""name,email,notes
Ada Lovelace Farms,{ADA},in our Slack
Sato Family Orchards,,well already
Bob's Barn,,not in Slack
=cmd|' /C calc'!A0,,a formula
Green Acres,,two of them
,bob@farms.example,Bob again
Ada Lovelace Farms,bob@farms.example,which one?
"Unclosed,,
"""


async def opened(stage: Stage) -> dict[str, Any]:
    """The form, as the bare command opens it for Grace."""
    slack = stage.world.slack
    assert (await slack.command(stage.grace, stage.growers, "/fieldview bulk")).ok
    await slack.until(lambda: slack.view(stage.grace))
    view = slack.view(stage.grace)
    assert view is not None
    return view


async def sends(stage: Stage, content: str | bytes, name: str = "growers.csv") -> Message:
    """Grace chooses that file; what she is told where she is."""
    view, before = await opened(stage), len(stage.answers(stage.grace))
    file = stage.world.slack.add_file(stage.grace, name, content if isinstance(content, bytes) else content.encode())
    outcome = await stage.world.slack.submit(stage.grace, view["id"], {"file": {"file": [file]}})
    assert outcome.ok, outcome
    await stage.world.slack.until(lambda: len(stage.answers(stage.grace)) > before, 20)
    return stage.answers(stage.grace)[-1]


async def peopled(stage: Stage) -> None:
    """Beside Ada and Sato: Bob, who is not in this Slack, and two of one name; and the bot knows them."""
    move_in(stage)
    await stage.sweeps_now()


def move_in(stage: Stage) -> None:
    for name, email in (
        ("Bob's Barn", "bob@farms.example"),
        ("Green Acres", "g1@x.example"),
        ("Green Acres", "g2@x.example"),
    ):
        stage.world.leaf.add_user(name, email)


async def says(stage: Stage, words: str) -> Message:
    """The one message about the list, once it says that."""
    slack = stage.world.slack
    dm = slack.dm(stage.grace)

    def found() -> list[Message]:
        return [each for each in slack.posted(dm) if not each.files and words in text_of(each)]

    await slack.until(found, 20)
    [message] = found()
    return message


async def files(stage: Stage, count: int = 1) -> list[list[dict[str, str]]]:
    """The rows of each file that Grace got."""
    slack = stage.world.slack
    dm = slack.dm(stage.grace)
    await slack.until(lambda: len([each for each in slack.posted(dm) if each.files]) >= count, 20)
    sent = [file for each in slack.posted(dm) for file in each.files]
    read = [(slack.file(stage.grace, file["id"]).content or b"").decode("utf-8-sig") for file in sent]
    return [list(csv.DictReader(io.StringIO(text))) for text in read]


async def press(stage: Stage, message: Message, action: str) -> None:
    outcome = await stage.world.slack.click(stage.grace, message.channel, message.ts, action)
    assert outcome.ok, outcome


async def test_from_a_file_to_links_and_back(stage: Stage) -> None:
    await peopled(stage)
    told = await sends(stage, LIST)
    assert "No link has been made yet" in text_of(told)
    plan = await says(stage, "2 growers would get a link")
    shown = text_of(plan)
    for words in (
        "1 grower is connected already",
        "2 lines fit several growers",
        "1 line fits nobody at Leaf",
        "1 line names a grower for the second time",
        "1 line cannot be read",
        "Line 6 `Green Acres,,two of them`",
        "The same grower as line 4",
        "Line 9",
    ):
        assert words in shown
    assert await stage.running.bot.inviting.working() == [], "a plan makes nothing"

    await press(stage, plan, "bulk-start")
    done = await says(stage, ": 2 links made")
    assert done.ts == plan.ts, "one message from the plan to the end"
    assert "1 grower has theirs" in text_of(done)
    assert "1 link is for you to pass on" in text_of(done)
    [rows] = await files(stage)
    by_line = {int(row["line"]): row for row in rows}
    assert sorted(by_line) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert by_line[2]["state"] == "sent by direct message"
    assert by_line[4]["state"] == "for you to pass on"
    assert by_line[4]["link"] in by_line[4]["message"]
    assert by_line[5]["given"].startswith("'="), "no spreadsheet runs it"
    assert [line for line, row in by_line.items() if row["link"]] == [2, 4]
    assert len(await stage.dm(stage.ada)) == 1

    await stage.world.slack.settled()
    everywhere = [text_of(each) for each in stage.world.slack.posted(stage.growers)]
    assert not [text for text in everywhere if "/connect/" in text], "links go to nobody else"
    stage.world.fieldview.add_account("bob@farms.example", "Bob", "Barn")
    await stage.consents(by_line[4]["link"], "bob@farms.example")
    await stage.until_status("bob@farms.example", "healthy")
    await says(stage, "Answers so far: 1 connected")

    deeds = [(row.action, row.target_name) for row in await stage.audit() if row.action in ("bulk", "connect")]
    assert deeds.count(("connect", "Ada Lovelace Farms")) == 1
    assert deeds.count(("connect", "Bob's Barn")) == 1
    assert [action for action, _ in deeds].count("bulk") == 3, "the command, the form and the button"
    assert [row.action for row in await stage.audit() if row.actor == "job:bulk"] == ["bulk-done", "bulk-listed"]


async def test_what_is_left_out_or_does_not_fit_together_is_told_before_a_link_is_made(
    stage_on_sqlite: Stage,
) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    listed = f"""name,phone,e-mail,Crop
Ada Lovelace Farms,555,old@lovelace.example,wheat
Bob's Barn,556,{ADA},barley
Ada Lovelace Farms,555,other@lovelace.example,
Sato Family Orchards,557,,
"""
    await sends(stage, listed)
    plan = await says(stage, "1 grower would get a link")
    shown = text_of(plan)
    assert "I do not know these columns and left them out: `phone` and `Crop`." in shown
    assert "Line 2 *Ada Lovelace Farms*: gets a link. ⚠ Nobody at Leaf has the address “old@lovelace.example”" in shown
    assert f"Its cells do not mean one and the same grower: “{ADA}”, “Bob's Barn”" in shown
    assert "The same grower as line 2. Nobody at Leaf has the address “other@lovelace.example”" in shown
    assert "Line 5 *Sato Family Orchards*: is connected already, and is left alone\n" in f"{shown}\n"
    assert "Growers who have no owner yet become yours" in shown
    await press(stage, plan, "bulk-start")
    [rows] = await files(stage)
    assert [row["email"] for row in rows] == [ADA, "", ADA, "hana@sato.example"]
    assert rows[0]["state"] == "sent by direct message: Nobody at Leaf has the address “old@lovelace.example”"
    ada = await stage.running.bot.directory.by_id(stage.world.leaf.find(ADA).id)
    assert ada.owner == stage.grace


@asynccontextmanager
async def no_sweep_yet(world: World) -> AsyncIterator[Mapping[str, Any]]:
    """Leaf does not tell who its users are."""
    world.leaf.faults.outage("/api/users")
    yield {}


async def test_a_list_that_comes_before_every_grower_is_known_waits_and_is_planned_by_itself(database_url: str) -> None:
    """Nobody fits nobody, or is taken for the only one of a name, because Leaf's last page was not read yet."""
    async with set_up(database_url, around=no_sweep_yet) as stage:
        await comes_before_every_grower_is_known(stage)


async def comes_before_every_grower_is_known(stage: Stage) -> None:
    bot = stage.running.bot
    assert (await bot.bulk_inviting.plan("all.csv", LIST.encode(), stage.grace, None)).state is BulkState.WAITING
    told = text_of(await sends(stage, LIST))
    assert "still reading your growers from Leaf" in told
    early = await says(stage, "growers.csv: 8 lines, none looked up yet")
    assert buttons_of(early) == ["bulk-stop"]
    await press(stage, await says(stage, "all.csv: 8 lines, none looked up yet"), "bulk-stop")
    await says(stage, "all.csv was cancelled: no link was made")
    await bot.bulk_inviting.plan_waiting()
    await stage.delivered()
    await says(stage, "growers.csv: 8 lines, none looked up yet")

    move_in(stage)
    stage.world.leaf.faults.heal()
    await stage.sweeps_now()
    await asyncio.gather(bot.bulk_inviting.plan_waiting(), bot.bulk_inviting.plan_waiting())
    plan = await says(stage, "2 growers would get a link")
    assert plan.ts == early.ts
    shown = text_of(plan)
    for words in (
        "1 grower is connected already",
        "2 lines fit several growers",
        "1 line fits nobody at Leaf",
        "1 line cannot be read",
        "A quotation mark on it is not closed",
        "The same grower as line 4",
        "Line 9",
    ):
        assert words in shown
    assert [row.action for row in await stage.audit() if row.actor == "job:bulk"] == ["bulk-planned"]
    await says(stage, "all.csv was cancelled: no link was made")
    await press(stage, plan, "bulk-start")
    await says(stage, ": 2 links made")
    [rows] = await files(stage)
    assert [int(row["line"]) for row in rows if row["link"]] == [2, 4]


async def test_pasted_lines_do_as_well_and_a_list_can_be_had_again(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await peopled(stage)
    view = await opened(stage)
    assert (await slack.submit(stage.grace, view["id"])).errors == {"lines": "Choose a file, or paste lines here."}
    assert (await slack.submit(stage.grace, view["id"], {"lines": {"lines": "bob's barn\nSATO family orchards"}})).ok
    plan = await says(stage, "The pasted list: 1 grower would get a link")
    assert "I have read the pasted list." in text_of(stage.answers(stage.grace)[-1])
    await press(stage, plan, "bulk-list")
    [planned] = await files(stage)
    assert [row["state"] for row in planned] == ["no link yet", "connected already"]
    await press(stage, plan, "bulk-start")
    done = await says(stage, ": 1 link made")
    await files(stage, 2)
    stage.world.clock.advance(timedelta(minutes=1))
    await press(stage, done, "bulk-list")
    await press(stage, done, "bulk-list")
    await stage.delivered()
    lists = await files(stage, 3)
    assert len(lists) == 3, "pressed twice within a minute it comes once"
    links = [rows[0]["link"] for rows in lists[1:]]
    assert len(set(links)) == 2, "of links only hashes are kept, so a list has its own"
    stage.world.fieldview.add_account("bob@farms.example", "Bob", "Barn")
    await stage.consents(links[0], "bob@farms.example")
    await stage.until_status("bob@farms.example", "healthy")


async def test_a_list_goes_on_where_it_was_and_nobody_gets_two(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack fails in the middle, for posts and for questions who somebody is."""
    monkeypatch.setattr("bot.bulk_making.NAP", 0.1)
    slack, leaf = stage.world.slack, stage.world.leaf
    names = [f"Farm {number:02}" for number in range(12)]
    people = [slack.add_user(f"f{number}", name, f"f{number}@farms.example") for number, name in enumerate(names)]
    for number, name in enumerate(names):
        leaf.add_user(name, f"f{number}@farms.example")
    await stage.sweeps_now()
    await sends(stage, "\n".join(names))
    plan = await says(stage, "12 growers would get a link")
    slack.rate_limit("users.lookupByEmail", times=2)
    await press(stage, plan, "bulk-start")
    await slack.until(lambda: slack.posted(slack.dm(people[3])), 20)
    slack.faults.outage("chat.postMessage", times=3)
    await says(stage, ": 12 links made")
    await files(stage)
    await stage.delivered()
    for person in people:
        assert len(slack.posted(slack.dm(person))) == 1
    made = [row.target_name for row in await stage.audit() if row.action == "connect"]
    assert sorted(str(name) for name in made) == names


async def test_a_job_that_died_after_making_a_link_brings_the_same_one(stage_on_sqlite: Stage) -> None:
    stage, bot = stage_on_sqlite, stage_on_sqlite.running.bot
    await peopled(stage)
    bulk = await bot.bulk_inviting.plan("growers.csv", b"Ada Lovelace Farms", stage.grace, None)
    async with bot.database.transaction() as session:
        assert await bulks.move(session, bulk.id, BulkState.PLANNED, BulkState.RUNNING)
    await stage.delivered()
    stage.world.slack.rate_limit("chat.postMessage", times=1)
    assert await bot.bulk_making.make(bulk.id), "it wants to be tried again"
    [made] = await bot.inviting.working()
    assert made.sent_to is None
    assert await bot.bulk_making.make(bulk.id) == 0
    assert await bot.bulk_making.make(bulk.id) is None
    [same] = await bot.inviting.working()
    assert (same.id, same.sent_to) == (made.id, stage.ada)
    assert len(await stage.dm(stage.ada)) == 1


async def running(stage: Stage, content: bytes) -> str:
    """The id of a list of Grace's that is being made, as if its job had not come round yet."""
    bot = stage.running.bot
    bulk = await bot.bulk_inviting.plan("growers.csv", content, stage.grace, None)
    async with bot.database.transaction() as session:
        assert await bulks.move(session, bulk.id, BulkState.PLANNED, BulkState.RUNNING)
    # The plan itself is told: what is done to Slack afterwards strikes the list and not that message.
    await stage.delivered()
    return bulk.id


async def test_who_leaves_slack_between_link_and_message_ends_up_in_the_file(stage_on_sqlite: Stage) -> None:
    stage, bot = stage_on_sqlite, stage_on_sqlite.running.bot
    await stage.sweeps_now()
    bulk_id = await running(stage, b"Ada Lovelace Farms")
    stage.world.slack.rate_limit("chat.postMessage", times=1)
    assert await bot.bulk_making.make(bulk_id), "it wants to be tried again"
    stage.world.slack.deactivate(stage.ada)
    assert await bot.bulk_making.make(bulk_id) == 0
    assert await bot.bulk_making.make(bulk_id) is None, "it comes to an end"
    [rows] = await files(stage)
    assert (rows[0]["state"], bool(rows[0]["link"])) == ("for you to pass on", True)


async def test_while_slack_loses_its_answers_the_list_goes_on_and_nobody_is_written_to_by_it_again(
    stage_on_sqlite: Stage,
) -> None:
    stage, bot, slack = stage_on_sqlite, stage_on_sqlite.running.bot, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    bulk_id = await running(stage, b"Ada Lovelace Farms")
    await stage.delivered()
    slack.faults.lose_answer("chat.postMessage", times=None)
    waits = [await bot.bulk_making.make(bulk_id) for _ in range(3)]
    assert (waits[0], waits[1:]) == (NAP, [0.0, None]), "the message is the outbox's from the first lost answer on"
    slack.faults.heal()
    await stage.delivered()
    [rows] = await files(stage)
    assert rows[0]["state"] == "sent by direct message"
    [consent] = await bot.inviting.working()
    assert consent.sent_to == stage.ada


async def test_a_link_that_cannot_be_brought_after_all_is_for_the_agent_to_pass_on(stage_on_sqlite: Stage) -> None:
    stage, bot, slack = stage_on_sqlite, stage_on_sqlite.running.bot, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    bulk_id = await running(stage, b"Ada Lovelace Farms")
    await stage.delivered()
    limit = slack.rate_limit("chat.postMessage", times=None, channel=stage.ada)
    slack.faults.outage("chat.postMessage", times=1)
    while await bot.bulk_making.make(bulk_id) is not None:
        pass
    slack.faults.answer(JSONResponse({"ok": False, "error": "user_disabled"}), "chat.postMessage", times=1)
    slack.rate_limits.remove(limit)
    await says(stage, "1 link is for you to pass on")


async def test_stopped_means_no_further_link(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    await sends(stage, LIST)
    plan = await says(stage, "2 growers would get a link")
    bot = stage.running.bot
    [bulk_id] = {json.loads(row.detail or "{}").get("bulk") for row in await stage.audit()} - {None}
    async with bot.database.transaction() as session:
        # As if the job had been started and not come round yet.
        assert await bulks.move(session, bulk_id, BulkState.PLANNED, BulkState.RUNNING)
    await press(stage, plan, "bulk-stop")
    stopped = await says(stage, "was stopped: 0 links made, 2 not")
    assert "bulk-start" not in buttons_of(stopped)
    assert await bot.bulk_making.make(bulk_id) is None
    assert await bot.inviting.working() == []
    [rows] = await files(stage)
    assert [row["link"] for row in rows if row["link"]] == []


async def test_stopped_on_another_replica_means_no_further_link_and_no_further_tag(postgresql_url: str) -> None:
    async with set_up(postgresql_url) as stage:
        await stage.sweeps_now()
        bot = stage.running.bot
        bulk_id = await running(stage, b"name,tags\nAda Lovelace Farms,\nSato Family Orchards,north\n")

        async def waits_or_is_through() -> bool:
            async with bot.database.reading() as session:
                waiting = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(waiting) or making.done()

        async with bot.database.transaction() as session:
            assert await bulks.move(session, bulk_id, BulkState.RUNNING, BulkState.STOPPED)
            making = asyncio.create_task(bot.bulk_making.make(bulk_id))
            await eventually(waits_or_is_through)
        await making
        assert await bot.inviting.working() == []
        assert await bot.tagging.everything() == {}


async def test_a_job_that_runs_twice_gives_the_tags_and_makes_the_link_without_a_deadlock(postgresql_url: str) -> None:
    """One of the two makes the link: it has the grower, and is about to write what became of the line."""
    async with set_up(postgresql_url) as stage:
        await stage.sweeps_now()
        bot, ada = stage.running.bot, stage.world.leaf.find(ADA).id
        bulk_id = await running(stage, b"name,tags\nAda Lovelace Farms,north\n")
        [line] = await lines_of(stage, bulk_id)
        bulk = await bot.bulk_inviting._own(bulk_id, stage.grace)

        async def waits() -> bool:
            async with bot.database.reading() as session:
                return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

        async with bot.database.transaction() as session:
            await growers.lock(session, ada)
            tagging = asyncio.create_task(bot.bulk_making._tag(bulk, line))
            await eventually(waits)
            assert await bulks.is_running(session, bulk_id)
            assert await bulks.settle(session, bulk_id, line.number, fate=LineFate.CONNECTED)
        await tagging
        assert await bot.tagging.everything() == {"north": 1}


async def lines_of(stage: Stage, bulk_id: str) -> list[BulkLine]:
    async with stage.running.bot.database.reading() as session:
        return await bulks.lines(session, bulk_id)


async def test_stopped_between_link_and_message_the_link_is_in_the_file(stage_on_sqlite: Stage) -> None:
    stage, bot = stage_on_sqlite, stage_on_sqlite.running.bot
    await peopled(stage)
    bulk_id = await running(stage, b"Ada Lovelace Farms\nBob's Barn")
    plan = await says(stage, "This message changes")
    stage.world.slack.rate_limit("chat.postMessage", times=1)
    assert await bot.bulk_making.make(bulk_id)
    await press(stage, plan, "bulk-stop")
    await says(stage, "was stopped: 1 link made, 1 not")
    [rows] = await files(stage)
    assert [row["state"] for row in rows] == ["for you to pass on", "no link yet"]
    assert [bool(row["link"]) for row in rows] == [True, False]


@pytest.mark.parametrize("how", ["deactivated", "unknown to Slack"])
async def test_a_list_ends_when_whoever_made_it_has_left(stage_on_sqlite: Stage, how: str) -> None:
    stage, bot, slack = stage_on_sqlite, stage_on_sqlite.running.bot, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    bulk_id = await running(stage, b"Ada Lovelace Farms")
    if how == "deactivated":
        slack.deactivate(stage.grace)
    else:
        slack.faults.answer(JSONResponse({"ok": False, "error": "user_not_found"}), "users.info")
    assert await bot.bulk_making.make(bulk_id) is None
    assert await bot.inviting.working() == []
    async with bot.database.reading() as session:
        bulk = await bulks.get(session, bulk_id)
    assert bulk is not None
    assert bulk.state is BulkState.STOPPED
    assert ("bulk-abandoned", "done") in await stage.deeds()


async def state_of(stage: Stage, bulk_id: str) -> BulkState | None:
    async with stage.running.bot.database.reading() as session:
        bulk = await bulks.get(session, bulk_id)
    return bulk.state if bulk else None


async def test_a_list_ends_when_whoever_made_it_may_make_links_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it is made when an admin leaves all members with looking."""
    monkeypatch.setattr("bot.bulk_making.AT_ONCE", 1)
    bot = stage.running.bot
    await peopled(stage)
    bulk_id = await running(stage, b"Bob's Barn\nAda Lovelace Farms")
    assert await bot.bulk_making.make(bulk_id) == 0.0
    await stage.types("/fieldview access members viewer", stage.linus)
    assert await bot.bulk_making.make(bulk_id) is None
    assert len(await bot.inviting.working()) == 1
    told = await says(stage, "was stopped: 1 link made, 1 not")
    assert "takes the role of an operator" in text_of(told)
    assert "1 link is still to pass on" in text_of(told)
    [row] = [row for row in await stage.audit() if row.action == "bulk-abandoned"]
    assert json.loads(row.detail or "{}")["why"] == "role lost"

    await stage.types("/fieldview access members operator", stage.linus)
    await press(stage, told, "bulk-list")
    [rows] = await files(stage)
    assert [bool(row["link"]) for row in rows] == [True, False], "the role is back, and so are the links"


async def test_no_file_with_links_goes_to_whoever_lost_the_role_when_they_were_made(stage: Stage) -> None:
    bot = stage.running.bot
    await peopled(stage)
    bulk_id = await running(stage, b"Bob's Barn")
    assert await bot.bulk_making.make(bulk_id) == 0.0
    await stage.types("/fieldview access members viewer", stage.linus)
    async with bot.database.transaction() as session:
        assert await bulks.move(session, bulk_id, BulkState.RUNNING, BulkState.DONE, finished_at=stage.world.clock())
    assert await bot.bulk_listing.hand_back(bulk_id) is None
    told = await says(stage, "So I send you no file")
    assert "1 link is still to pass on" in text_of(told)
    assert await files(stage, 0) == []

    await stage.types("/fieldview access members operator", stage.linus)
    await press(stage, told, "bulk-list")
    [rows] = await files(stage)
    assert [bool(row["link"]) for row in rows] == [True]


async def running_of_a_team(stage: Stage) -> tuple[str, str]:
    """The group by which alone Grace is an operator, and a list of hers; Slack is asked each time."""
    stage.running.bot.access._standing._remembered = 0.0
    await stage.sweeps_now()
    team = stage.world.slack.add_usergroup("cs-team", [stage.grace])
    await stage.types("/fieldview access members viewer", stage.linus)
    await stage.types("/fieldview access @cs-team operator", stage.linus)
    return team, await running(stage, b"Ada Lovelace Farms")


async def test_a_list_that_is_handed_over_goes_on_when_its_maker_leaves(stage: Stage) -> None:
    await peopled(stage)
    bulk_id = await running(stage, b"Bob's Barn")
    told = text_of(await stage.types("/fieldview handover @grace @linus", stage.linus))
    assert "1 list of growers to invite" in told
    stage.world.slack.deactivate(stage.grace)
    await stage.delivered()
    bulk_making = stage.running.bot.bulk_making
    while await bulk_making.make(bulk_id) is not None:
        pass
    await stage.delivered()
    assert await state_of(stage, bulk_id) is BulkState.DONE
    mine = stage.world.slack.posted(stage.world.slack.dm(stage.linus))
    assert any(": 1 link made" in text_of(message) for message in mine)
    [consent] = await stage.running.bot.inviting.working()
    assert consent.asked_by == stage.linus


async def test_while_slack_does_not_say_whether_the_maker_still_may_the_list_waits(stage: Stage) -> None:
    bot, slack = stage.running.bot, stage.world.slack
    team, bulk_id = await running_of_a_team(stage)
    slack.faults.outage("usergroups.users.list")
    assert await bot.bulk_making.make(bulk_id) == NAP
    assert await bot.inviting.working() == []
    assert await state_of(stage, bulk_id) is BulkState.RUNNING
    slack.faults.heal()
    assert await bot.bulk_making.make(bulk_id) == 0.0
    assert len(await bot.inviting.working()) == 1
    slack.workspace.usergroups[team]["users"] = []
    assert await bot.bulk_making.make(bulk_id) is None
    assert await state_of(stage, bulk_id) is BulkState.STOPPED


async def test_a_group_that_is_no_more_keeps_no_list_waiting(stage_on_sqlite: Stage) -> None:
    stage, bot, slack = stage_on_sqlite, stage_on_sqlite.running.bot, stage_on_sqlite.world.slack
    team, bulk_id = await running_of_a_team(stage)
    del slack.workspace.usergroups[team]
    assert await bot.bulk_making.make(bulk_id) is None
    assert await state_of(stage, bulk_id) is BulkState.STOPPED


async def test_a_slack_that_takes_no_file_is_asked_ever_more_rarely_and_costs_no_links(stage_on_sqlite: Stage) -> None:
    stage, bot = stage_on_sqlite, stage_on_sqlite.running.bot
    await peopled(stage)
    bulk_id = await running(stage, b"Bob's Barn")
    while await bot.bulk_making.make(bulk_id) is not None:
        pass
    await files(stage)
    before = await later_links(stage)
    stage.world.slack.faults.outage("files")
    waits: list[float] = []
    while len(waits) < 40 and (wait := await bot.bulk_listing.hand_back(bulk_id)) is not None:
        waits.append(wait)
        stage.world.clock.advance(timedelta(seconds=wait))
    # The clock goes on by itself while the test runs.
    assert (waits[0], max(waits), waits) == (15, 600, sorted(waits))
    assert 6900 <= sum(waits) < 8000, "two hours, and no more"
    assert await later_links(stage) == before
    await says(stage, "Slack did not answer for two hours")


async def later_links(stage: Stage) -> int:
    """How many links there are besides each consent's first."""
    async with stage.running.bot.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(ConsentLinkRow)) or 0


async def test_a_plan_that_is_cancelled_makes_nothing_and_cannot_be_begun(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    await sends(stage, LIST)
    plan = await says(stage, "2 growers would get a link")
    await press(stage, plan, "bulk-stop")
    await says(stage, "no link was made")
    [bulk_id] = {json.loads(row.detail or "{}").get("bulk") for row in await stage.audit()} - {None}
    with pytest.raises(UsageError, match="cancelled already"):
        await stage.running.bot.bulk_inviting.start(bulk_id, stage.grace)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        await stage.running.bot.bulk_inviting.ask_for_list(bulk_id, stage.linus)
    with pytest.raises(UsageError, match="no longer have"):
        await stage.running.bot.bulk_inviting.ask_for_list("gone", stage.grace)
    assert await stage.running.bot.inviting.working() == []


async def test_a_list_is_sent_once_a_minute_however_often_it_is_asked_for(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    inviting = stage.running.bot.bulk_inviting
    bulk_id = await running(stage, b"Ada Lovelace Farms")
    noon = stage.world.clock().replace(hour=12, minute=0, second=0)
    started: list[str] = []

    async def enqueue(session: object, job: str, subject: str, key: str) -> None:
        started.append(key)

    monkeypatch.setattr(inviting._queue, "enqueue", enqueue)
    for seconds in (0, 20, 59, 60):
        monkeypatch.setattr(inviting, "_clock", lambda at=noon + timedelta(seconds=seconds): at)
        await inviting.ask_for_list(bulk_id, stage.grace)
    assert len(started) == 4
    assert len(set(started[:3])) == 1, "a job of one name runs once"
    assert started[3] != started[0], "a minute later it comes anew"


async def test_from_the_bots_own_page(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await peopled(stage)
    home = await shown(stage)
    assert (await slack.click(stage.grace, view_id=home["id"], action_id="bulk-ask")).ok
    await slack.until(lambda: slack.view(stage.grace), 20)
    view = slack.view(stage.grace)
    assert view is not None
    assert (await slack.submit(stage.grace, view["id"], {"lines": {"lines": "Bob's Barn"}})).ok
    await says(stage, "1 grower would get a link")


async def shown(stage: Stage) -> dict[str, Any]:
    """The bot's own page, once it offers that."""
    slack = stage.world.slack
    await slack.home(stage.grace)
    await slack.until(lambda: "bulk-ask" in repr(slack.dialogs.homes.get(slack.user(stage.grace).id)), 20)
    home = await slack.home(stage.grace, tells_app=False)
    assert home is not None
    return home


async def test_who_has_a_link_keeps_it_and_the_list_has_one_to_the_same(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    await stage.types("/fieldview connect Bob's Barn")
    await sends(stage, "Bob's Barn\nAda Lovelace Farms")
    plan = await says(stage, "1 grower would get a link")
    assert "1 grower has a link that works, and keeps it" in text_of(plan)
    await press(stage, plan, "bulk-start")
    [rows] = await files(stage)
    assert [bool(row["link"]) for row in rows] == [True, True]
    assert len(await stage.running.bot.inviting.working()) == 2


async def test_nobody_is_reminded_of_a_hundred_links_one_by_one(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    await sends(stage, "Bob's Barn")
    await press(stage, await says(stage, "1 grower would get a link"), "bulk-start")
    await files(stage)
    before = len(stage.world.slack.posted(stage.world.slack.dm(stage.grace)))
    for _ in range(9):
        stage.world.clock.advance(days(1))
        await stage.running.bot.chasing.chase_job("tick")
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.world.slack.dm(stage.grace))) == before
    assert ("consent-expired", "done") in await stage.deeds()


@pytest.mark.parametrize("lost", ["files:read", "files:write"])
async def test_without_a_permission_it_says_which_and_what_goes_instead(stage_on_sqlite: Stage, lost: str) -> None:
    stage = stage_on_sqlite
    await peopled(stage)
    stage.world.slack.scopes.remove(lost)
    told = text_of(await sends(stage, "Bob's Barn"))
    if lost == "files:read":
        assert "`files:read`" in told
        assert "paste" in told
        return
    await press(stage, await says(stage, "1 grower would get a link"), "bulk-start")
    done = await says(stage, "I could not send you the file")
    assert "`files:write`" in text_of(done)
    stage.world.slack.scopes.add(lost)
    await press(stage, done, "bulk-list")
    [rows] = await files(stage)
    assert rows[0]["link"]
    await says(stage, "The file below has every link")


async def test_a_file_is_fetched_from_slack_alone(stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the address of a file says: the token goes to Slack's own host."""
    stage = stage_on_sqlite
    asked: list[str] = []

    async def never(address: str, most: int) -> bytes:
        asked.append(address)
        return b""

    monkeypatch.setattr(stage.running.bot.slack, "_fetched", never)
    real = stage.world.slack.url
    stage.world.slack.url = "https://files.slack.com.evil.example"
    told = text_of(await sends(stage, "Bob's Barn"))
    stage.world.slack.url = real
    assert asked == []
    assert "do not understand" in told


async def test_what_is_no_list_is_said_so_and_too_large_a_file_is_not_fetched(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    assert "not a CSV file" in text_of(await sends(stage, b"PK\x03\x04 a workbook"))
    assert "larger than 1,000 kB" in text_of(await sends(stage, b"x" * 1_000_001))


async def test_old_lists_are_forgotten_with_what_was_written_in_them(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await sends(stage, "Somebody Unknown")
    await says(stage, "nobody to make a link for")
    stage.world.clock.advance(days(31))
    assert await stage.running.bot.bulk_inviting.forget_old() == 1
    [bulk_id] = {json.loads(row.detail or "{}").get("bulk") for row in await stage.audit()} - {None}
    async with stage.running.bot.database.reading() as session:
        assert await bulks.lines(session, bulk_id) == []
