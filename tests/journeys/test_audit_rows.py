"""N requests, N audit rows: whoever asks, however it ends."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import structlog
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.errors import ProviderUnavailable, UsageError
from bot.journal import Deed, Errand, Journal
from bot.leaf.models import LeafUser
from bot.sandbox.world import World
from bot.sealing import Anchor
from storage import audit
from storage.database import Database
from storage.records import AuditEntry
from tests.consenting import consent_of
from tests.security.test_slack_requests import Sender
from tests.stage import ADA, PATIENCE, Stage, eventually, set_up, text_of

HANA = "hana@sato.example"


async def test_a_row_says_who_did_what_where_on_whom_and_how_it_ended(stage: Stage) -> None:
    await stage.types("/fieldview status Sato Family Orchards")
    [row] = await stage.audit()
    assert (row.actor, row.via, row.action, row.outcome) == (stage.grace, "command", "status", "done")
    assert (row.channel, row.target) == (stage.growers, stage.world.leaf.find(HANA).id)
    assert row.target_name == "Sato Family Orchards"
    assert row.request_id


@pytest.mark.parametrize(
    "typed",
    ["frobnicate now", "status Nobody", "subscribe junk"],
)
async def test_what_was_not_done_leaves_a_row_with_what_was_typed(stage_on_sqlite: Stage, typed: str) -> None:
    await stage_on_sqlite.types(f"/fieldview {typed}")
    [row] = await stage_on_sqlite.audit()
    assert row.outcome == "refused"
    assert typed.split()[-1] in (row.typed or "")


async def test_what_looks_like_a_secret_is_struck_out_of_what_was_typed(stage_on_sqlite: Stage) -> None:
    await stage_on_sqlite.types("/fieldview status password: hunter2 https://bot.example/connect/SeCrEtSeCrEtSeCrEt")
    [row] = await stage_on_sqlite.audit()
    assert "hunter2" not in (row.typed or "")
    assert "SeCrEt" not in (row.typed or "")


@pytest.mark.parametrize("who", ["single", "multi", "bot", "gone", "nobody knows", "unknown account"])
async def test_who_is_no_member_is_refused_and_noted(stage_on_sqlite: Stage, who: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    somebody = slack.add_user(
        "somebody", "Some Body", "some@body.example", guest=who if who in ("single", "multi") else None
    )
    slack.invite(stage.growers, somebody)
    user = slack.user(somebody)
    match who:
        case "bot":
            user.is_bot = True
        case "gone":
            user.deleted = True
        case "nobody knows":
            slack.faults.outage("users.info")
        case "unknown account":
            slack.scopes.discard("users:read")
    told = await stage.types("/fieldview connect Ada Lovelace Farms", somebody)
    assert "/connect/" not in text_of(told)
    [row] = await stage.audit()
    assert (row.actor, row.action, row.outcome) == (somebody, "connect", "refused")
    assert slack.posted(slack.dm(stage.ada)) == []


async def test_a_crash_leaves_its_row_and_a_reference_the_log_has_too(stage: Stage) -> None:
    await stage.sweeps_now()
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("ALTER TABLE transitions RENAME TO elsewhere"))
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        told = await stage.types("/fieldview events Sato Family Orchards")
    [row] = await stage.audit()
    assert (row.action, row.outcome, row.target_name) == ("events", "crashed", "Sato Family Orchards")
    assert row.request_id in text_of(told)
    assert [line["request_id"] for line in logged if line["event"] == "crash"] == [row.request_id]


async def test_without_an_audit_trail_nobody_is_told_it_went_well(stage: Stage) -> None:
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("DELETE FROM audit_head"))
    with capture_logs() as logged:
        told = await stage.types("/fieldview help")
    assert [line["outcome"] for line in logged if line["log_level"] == "error"] == ["done"], "the log has it instead"
    assert "/fieldview connect" not in text_of(told)


@pytest.mark.parametrize("day", ["outage", "html", "forbid"])
async def test_what_leaf_does_not_do_leaves_a_row_that_says_failed(stage_on_sqlite: Stage, day: str) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    question = await stage.types("/fieldview disconnect Sato Family Orchards", stage.linus)
    getattr(stage.world.leaf.faults, day)()
    assert "Leaf" in text_of(await stage.presses(question, "disconnect-confirm", stage.linus))
    row = (await stage.audit())[-1]
    assert (row.action, row.outcome, row.target_name) == ("disconnect", "failed", "Sato Family Orchards")
    assert stage.world.leaf.find(HANA).credential is not None


@pytest.mark.parametrize("seed", range(3))
async def test_as_many_rows_as_requests_all_at_once(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same mixture in every run
    slack = stage.world.slack
    guest = slack.add_user("guest", "Guest", "guest@example.com", guest="multi")
    slack.invite(stage.growers, guest)
    texts = ["", "help", "status", "status Sato Family Orchards", "events Ada Lovelace Farms 7", "frobnicate"]
    texts += ["subscribe", "unsubscribe", "history", "connect Nobody", "connect", "status L-1900", "disconnect L-1900"]
    typed = [(chance.choice([stage.grace, stage.linus, guest]), chance.choice(texts)) for _ in range(40)]
    outcomes = await asyncio.gather(
        *(slack.command(user, stage.growers, f"/fieldview {words}") for user, words in typed)
    )
    assert all(outcome.ok for outcome in outcomes)

    async def all_written() -> bool:
        return len([entry for entry in await stage.audit() if entry.via == "command"]) >= len(typed)

    await eventually(all_written, within=30)
    written = [entry for entry in await stage.audit() if entry.via == "command"]
    assert len(written) == len(typed)
    assert len({entry.request_id for entry in written}) == len(typed)
    assert not [entry for entry in written if entry.outcome == "crashed"]
    assert {entry.outcome for entry in written if entry.actor == guest} <= {"refused"}
    assert (await stage.running.bot.journal.verify()).fault is None


async def test_new_growers_looked_up_by_many_at_once_are_learned_once(stage: Stage) -> None:
    await stage.sweeps_now()
    stage.world.leaf.connect(stage.world.leaf.add_user("Newcomer Farm", "new@example.com", "L-3000"))
    slack = stage.world.slack
    await asyncio.gather(
        *(slack.command(stage.grace, stage.growers, "/fieldview events Newcomer Farm") for _ in range(8))
    )

    async def all_written() -> bool:
        return len(await stage.deeds()) == 8

    await eventually(all_written)
    assert await stage.deeds() == [("events", "done")] * 8


async def test_what_has_to_be_stopped_leaves_a_row_too(sqlite_url: str) -> None:
    from bot.background import Background
    from handlers.call import Reply
    from handlers.payloads import typed_command
    from handlers.precedence import Precedence
    from handlers.slack import Asked, SlackEdge

    async with set_up(sqlite_url) as stage:
        background = Background()
        edge = SlackEdge(stage.running.bot, stage.running.workspace, background, Precedence())
        call = typed_command({"user_id": stage.grace, "channel_id": stage.growers, "text": "status"})
        begun = asyncio.Event()

        async def endless() -> Reply:
            begun.set()
            await asyncio.Event().wait()
            return Reply()

        background.spawn(edge._carry_out(Asked(call, "command", "status", command="status"), endless))
        await begun.wait()
        await background.finish(0.01)
        assert await stage.deeds() == [("status", "crashed")]


async def test_the_home_of_a_member_shows_growers_and_a_guest_sees_none(stage: Stage) -> None:
    await stage.sweeps_now()
    await stage.world.leaf.revoke(HANA)
    await stage.sweeps_now()
    slack = stage.world.slack
    guest = slack.add_user("guest", "Guest", "guest@example.com", guest="multi")
    for user in (stage.grace, guest):
        await slack.home(user)
    await slack.until(lambda: slack.dialogs.homes.get(stage.grace))
    assert "Sato Family Orchards" in repr(await slack.home(stage.grace, tells_app=False))
    assert "Sato" not in repr(await slack.home(guest, tells_app=False))
    assert ADA not in repr(await slack.home(guest, tells_app=False))


async def test_a_stranger_of_another_workspace_is_refused(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    stranger = slack.add_user("stranger", "Stranger", "stranger@elsewhere.example", stranger=True)
    async with httpx.AsyncClient(base_url=stage.url) as http:
        sender = Sender(stage, http)
        for fields in (
            {"user_id": stranger},
            {"team_id": "T0ELSEWHERE"},
            {"user_id": stranger, "team_id": "T0ELSEWHERE"},
        ):
            assert (await sender.send(sender.command("connect Ada Lovelace Farms", **fields))).status_code == 200

    async def all_written() -> bool:
        return len(await stage.deeds()) == 3

    await eventually(all_written)
    assert await stage.deeds() == [("connect", "refused")] * 3
    assert slack.posted(slack.dm(stage.ada)) == []


class Killed(ConnectionError):
    """What the edge would have written, it does not live to write."""


async def killed(*anything: object, **more: object) -> None:
    raise Killed


async def test_what_became_of_a_link_is_in_writing_before_the_edge_comes_to_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the program had been killed between the change and the edge's own row, each time."""
    said = await stage.types("/fieldview connect Ada Lovelace Farms")
    consent, listed = await consent_of(stage), await stage.types("/fieldview links")
    before = len(await stage.audit())
    monkeypatch.setattr(stage.running.bot.journal, "settle", killed)
    await stage.presses(said, "choose-language", selected=f"{consent.id}:pt")
    await stage.presses(listed, "show-link")
    await stage.presses(listed, "revoke-link")
    rows = [row for row in (await stage.audit())[before:] if row.via == "button"]
    assert [(row.action, row.outcome, row.target_name) for row in rows] == [
        ("choose-language", "done", "Ada Lovelace Farms"),
        ("show-link", "done", "Ada Lovelace Farms"),
        ("revoke-link", "done", "Ada Lovelace Farms"),
    ]
    assert json.loads(rows[0].detail or "{}") == {"consent": consent.id, "language": "pt"}


async def test_without_its_row_no_link_is_shown_and_no_language_chosen(stage: Stage) -> None:
    """As if the program had been killed between the change and its row, each time."""
    said = await stage.types("/fieldview connect Ada Lovelace Farms")
    consent, listed = await consent_of(stage), await stage.types("/fieldview links")
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("DELETE FROM audit_head"))
    told = [await stage.presses(listed, "show-link")]
    told.append(await stage.presses(said, "choose-language", selected=f"{consent.id}:pt"))
    assert "/connect/" not in "".join(map(text_of, told))
    assert (await consent_of(stage)).language is None
    async with stage.running.bot.database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM consent_links")) == 0


async def form_for(stage: Stage, name: str) -> str:
    """Grace asks for somebody whom nobody knows, and has the form for a new grower before her; its id."""
    slack, was = stage.world.slack, stage.world.slack.view(stage.grace)
    asked = await stage.types(f"/fieldview connect {name}")
    assert (await slack.click(stage.grace, asked.channel, asked.ts, "create-grower")).ok
    await eventually(lambda: is_over(stage, "create-grower"), PATIENCE)
    view = slack.view(stage.grace)
    assert view is not None
    assert view != was
    return str(view["id"])


async def is_over(stage: Stage, action: str) -> bool:
    return (action, "done") in await stage.deeds()


async def sends(stage: Stage, form: str, name: str, email: str) -> None:
    """The form, filled in; until she is told what came of it."""
    slack, seen = stage.world.slack, len(stage.answers(stage.grace))
    assert (await slack.submit(stage.grace, form, {"name": {"name": name}, "email": {"email": email}})).ok
    await slack.until(lambda: len(stage.answers(stage.grace)) > seen, PATIENCE)


async def test_a_grower_who_was_created_is_in_writing_also_when_nothing_comes_of_the_link(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the program had been killed between the two."""
    form = await form_for(stage, "Finca Rosa")
    monkeypatch.setattr(stage.running.bot.inviting, "invite", killed)
    monkeypatch.setattr(stage.running.bot.journal, "settle", killed)
    await sends(stage, form, "Finca Rosa", "rosa@finca.example")
    made = stage.world.leaf.find("rosa@finca.example")
    rows = [row for row in await stage.audit() if row.via == "form"]
    assert [(row.actor, row.action, row.outcome, row.target, row.target_name) for row in rows] == [
        (stage.grace, "grower-created", "done", made.id, "Finca Rosa")
    ]


async def test_without_its_row_no_created_grower_is_learned(stage: Stage) -> None:
    """Killed in the middle of it: whoever sends the form again finds the one at Leaf and makes no second one."""
    form = await form_for(stage, "Finca Rosa")
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("DELETE FROM audit_head"))
    await sends(stage, form, "Finca Rosa", "rosa@finca.example")
    assert stage.world.leaf.find("rosa@finca.example").name == "Finca Rosa"
    async with stage.running.bot.database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM growers WHERE name = 'Finca Rosa'")) == 0


async def is_created_without_a_row(stage: Stage) -> None:
    """Finca Rosa, at Leaf: the trail could not be written when Leaf's answer came."""
    form = await form_for(stage, "Finca Rosa")
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("ALTER TABLE audit_head RENAME TO audit_head_away"))
    await sends(stage, form, "Finca Rosa", "rosa@finca.example")
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("ALTER TABLE audit_head_away RENAME TO audit_head"))


@pytest.mark.parametrize("found_by", ["the form, again", "the command", "a sweep"])
async def test_whom_a_killed_attempt_created_is_in_writing_as_soon_as_somebody_finds_them(
    stage: Stage, found_by: str
) -> None:
    """Killed between Leaf's answer and the row."""
    await is_created_without_a_row(stage)
    made = stage.world.leaf.find("rosa@finca.example")
    assert await created(stage) == []
    await finds(stage, found_by)
    finder = stage.grace if found_by == "the form, again" else "job:creation"
    assert await created(stage) == [(finder, made.id, {"found": True})]


@pytest.mark.parametrize("found_by", ["a sweep", "the command"])
async def test_whom_a_killed_attempt_created_is_in_writing_also_when_they_are_found_at_once(
    stage: Stage, found_by: str
) -> None:
    """A program that is started again looks at everybody before it can know that nobody is at it any more."""
    await is_created_without_a_row(stage)
    await (stage.sweeps_now() if found_by == "a sweep" else stage.types("/fieldview status Finca Rosa"))
    stage.world.clock.advance(timedelta(minutes=3))
    await stage.sweeps_now()
    await stage.sweeps_now()
    assert await created(stage) == [("job:creation", stage.world.leaf.find("rosa@finca.example").id, {"found": True})]


async def finds(stage: Stage, found_by: str) -> None:
    """Somebody comes upon Finca Rosa, long after an attempt to create them was last heard of; then the next sweep."""
    stage.world.clock.advance(timedelta(minutes=3))
    if found_by == "the form, again":
        with stage.running.bot.journal.errand(Errand(Deed(stage.grace, "form", "create-grower", "again"))):
            await stage.running.bot.directory.create("Finca Rosa", "rosa@finca.example", None)
    elif found_by == "a sweep":
        await stage.sweeps_now()
    else:
        await stage.types("/fieldview status Finca Rosa")
    await stage.sweeps_now()


@pytest.mark.parametrize("found_by", ["the form, again", "the command", "a sweep"])
async def test_who_was_killed_before_asking_leaf_is_not_said_to_have_created_anybody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, found_by: str
) -> None:
    """And then somebody makes the grower in Leaf's own pages."""
    directory = stage.running.bot.directory
    with monkeypatch.context() as dying:
        dying.setattr(directory._leaf, "find_users", killed)
        with pytest.raises(Killed):
            await directory.create("Finca Rosa", "rosa@finca.example", None)
    stage.world.leaf.add_user(name="Finca Rosa", email="rosa@finca.example")
    await finds(stage, found_by)
    assert await created(stage) == []


async def test_a_leaf_that_is_away_when_somebody_looks_again_lets_no_row_be_forgotten(stage_on_sqlite: Stage) -> None:
    stage, leaf = stage_on_sqlite, stage_on_sqlite.world.leaf
    await is_created_without_a_row(stage)
    stage.world.clock.advance(timedelta(minutes=3))
    leaf.faults.outage()
    with pytest.raises(ProviderUnavailable):
        await stage.running.bot.directory.create("Finca Rosa", "rosa@finca.example", None)
    leaf.faults.heal()
    await stage.sweeps_now()
    assert await created(stage) == [("job:creation", leaf.find("rosa@finca.example").id, {"found": True})]


async def test_whoever_was_slow_creates_no_second_grower(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaf took its time until another attempt took this one for dead."""
    directory, leaf = stage.running.bot.directory, stage.running.bot.directory._leaf
    look, looked, go_on = leaf.find_users, asyncio.Event(), asyncio.Event()

    async def slowly(**query: str) -> tuple[LeafUser, ...]:
        found = await look(**query)
        if not looked.is_set():
            looked.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(leaf, "find_users", slowly)
    slow = asyncio.create_task(directory.create("Finca Rosa", "rosa@finca.example", None))
    await looked.wait()
    stage.world.clock.advance(timedelta(minutes=3))
    made, is_new = await directory.create("Finca Rosa", "rosa@finca.example", None)
    assert is_new
    go_on.set()
    with pytest.raises(UsageError, match="already"):
        await slow
    assert [user.id for user in await look(email="rosa@finca.example")] == [made.id]


async def test_a_grower_who_was_at_leaf_anyway_is_not_said_to_be_created(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    form = await form_for(stage, "Finca Rosa")
    stage.world.leaf.add_user(name="Finca Rosa", email="rosa@finca.example")
    await sends(stage, form, "Finca Rosa", "rosa@finca.example")
    assert await created(stage) == []


async def created(stage: Stage) -> list[tuple[str, str | None, object]]:
    rows = [row for row in await stage.audit() if row.action == "grower-created"]
    return [(row.actor, row.target, json.loads(row.detail or "{}")) for row in rows]


async def test_a_row_that_somebody_left_behind_is_written_before_the_program_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote it was stopped meanwhile, and the database takes its time until nothing else is left to do."""
    last, append, finish = asyncio.Event(), Journal._append, Journal.finish

    async def slowly(self: Journal, entries: Sequence[AuditEntry]) -> None:
        await last.wait()
        await append(self, entries)

    async def finishing(self: Journal) -> None:
        last.set()
        await finish(self)

    monkeypatch.setattr(Journal, "_append", slowly)
    monkeypatch.setattr(Journal, "finish", finishing)
    async with set_up(database_url) as stage:
        writing = asyncio.create_task(stage.running.bot.journal.write("cli", "job", "left-behind", "done", "r-1"))
        await asyncio.sleep(0)
        writing.cancel()
    database = Database(database_url)
    async with database.reading() as session:
        kept = [sealed.entry.action async for sealed in audit.everything(session)]
    await database.close()
    assert "left-behind" in kept


async def test_whoever_changes_something_has_written_the_row_before_the_edge_comes_to_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the program had been killed between the change and the edge's own row, each time."""
    await stage.sweeps_now()
    question = await stage.types("/fieldview disconnect Sato Family Orchards", stage.linus)
    before = len(await stage.audit())

    monkeypatch.setattr(stage.running.bot.journal, "settle", killed)
    await stage.types("/fieldview connect Ada Lovelace Farms")
    await stage.types("/fieldview subscribe")
    await stage.types("/fieldview unsubscribe")
    await stage.presses(question, "disconnect-confirm", stage.linus)
    rows = (await stage.audit())[before:]
    told = [(row.action, row.outcome, row.target_name) for row in rows if row.via != "job"]
    assert told == [
        ("connect", "done", "Ada Lovelace Farms"),
        ("subscribe", "done", None),
        ("unsubscribe", "done", None),
        ("disconnect", "done", "Sato Family Orchards"),
    ]
    details = [json.loads(row.detail or "{}") for row in rows]
    assert details[0]["to"] == stage.ada
    assert details[1] == {"channel": stage.growers, "before": False, "after": True}
    assert details[2] == {"channel": stage.growers, "before": True, "after": False}


async def test_a_channel_keeps_the_end_of_the_trail_and_the_trail_is_held_against_it(database_url: str) -> None:
    @asynccontextmanager
    async def vault(world: World) -> AsyncIterator[Mapping[str, str]]:
        yield {"audit_anchor_channel": world.slack.add_channel("vault")}

    async with set_up(database_url, around=vault) as stage:
        slack, journal = stage.world.slack, stage.running.bot.journal
        channel = stage.settings.audit_anchor_channel or ""
        await stage.types("/fieldview status Sato Family Orchards")
        stage.world.clock.advance(timedelta(days=1))
        await stage.running.timer.tick()
        [message] = await stage.posted(channel)
        line = re.search(r"--anchor '(.+?)'", text_of(message))
        assert line is not None
        anchor = Anchor.parse(line[1])
        assert anchor is not None
        assert (await journal.verify(noted=[anchor])).fault is None
        forged = replace(anchor, mac="0" * 64)
        assert "not the one that was anchored" in ((await journal.verify(noted=[forged])).fault or "")
        await stage.running.timer.tick()
        assert len(slack.posted(channel)) == 1, "once a day is enough"
        async with stage.running.bot.database.transaction() as session:
            for trigger in ("audit_refuses_update", "audit_refuses_delete"):
                if stage.running.bot.database.is_sqlite:
                    await session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
            if not stage.running.bot.database.is_sqlite:
                await session.execute(text("DROP TRIGGER audit_refuses_change ON audit"))
            await session.execute(
                text("UPDATE audit SET mac = :mac WHERE seq = :seq"), {"mac": "f" * 64, "seq": anchor.seq}
            )
            await session.execute(text("UPDATE announcements SET wanted = wanted + 1 WHERE kind = 'audit-anchor'"))
        stage.world.clock.advance(timedelta(minutes=10))
        await stage.running.timer.tick()
        await stage.delivered()
        [message] = slack.posted(channel)
        assert line[1] in text_of(message), "what was anchored stays, whatever the database says today"
        assert len(message.versions) == 1
