"""The program is killed at the worst moments and started again: every grower who consented is connected, once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from storage import audit, consents
from storage.records import Consent
from tests.program import Outside, Program, outside
from tests.stage import ADA, eventually, link_in, text_of

GIVE = "POST /services/usermanagement/api/users/.*credentials"
EXCHANGE = "POST /api/oauth/token"


@pytest.fixture
async def story(database_url: str, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(database_url, tmp_path) as ready:
        yield ready


async def asked(story: Outside) -> str:
    slack, place = story.world.slack, story.world.slack.dm(story.ada)
    seen = len(slack.posted(place))
    await story.types("/fieldview connect Ada Lovelace Farms")
    await slack.until(lambda: len(slack.posted(place)) > seen)
    return link_in(slack.posted(place)[-1])


async def comes_back(story: Outside, link: str) -> None:
    """Ada consents and FieldView's redirect is taken; the page behind it is not waited for."""
    async with httpx.AsyncClient(trust_env=False) as ada:
        left = await ada.post(link)
        back = await ada.get(story.world.fieldview.approve(left.headers["location"], ADA))
    assert back.status_code == 303


async def consent(story: Outside) -> Consent:
    async with story.database.reading() as session:
        found = await consents.latest_of_grower(session, story.world.leaf.find(ADA).id)
    assert found is not None
    return found


async def until_state(story: Outside, state: str) -> None:
    async def so() -> bool:
        return (await consent(story)).state == state

    await eventually(so, within=60)


async def completed(story: Outside) -> int:
    async with story.database.reading() as session:
        actions = [sealed.entry.action async for sealed in audit.everything(session)]
    return actions.count("consent-completed")


async def connected_once(story: Outside) -> None:
    """One credential at Leaf, one row in the trail, the channel told once (or twice: Slack has no idempotency key)."""
    await until_state(story, "connected")
    slack = story.world.slack
    await slack.until(lambda: len(slack.posted(story.alerts)) >= 1, timeout=60)
    assert story.world.leaf.find(ADA).credential is not None
    assert await completed(story) == 1
    assert 1 <= len(slack.posted(story.alerts)) <= 2
    async with story.database.reading() as session:
        sealed, _, _ = await consents.sealed_refresh_token(session, (await consent(story)).id)
        code, _ = await consents.sealed_code(session, (await consent(story)).id)
    assert (sealed, code) == (None, None)


async def begun(story: Outside, provider: str, request: str) -> None:
    """Wait until the request is at the provider."""
    faults = story.world.leaf.faults if provider == "leaf" else story.world.fieldview.faults
    await eventually(lambda: _true(any(fault.hits for fault in faults.active)), within=60)


async def _true(value: bool) -> bool:
    return value


async def test_killed_after_fieldviews_redirect_and_before_leafs_answer(story: Outside) -> None:
    fault = story.world.leaf.faults.slow(60, GIVE, times=1)
    await comes_back(story, await asked(story))
    await begun(story, "leaf", GIVE)
    await story.program.is_killed()
    assert fault.hits == 1
    assert story.world.leaf.find(ADA).credential is None
    story.world.leaf.faults.heal()
    await story.program.starts()
    await connected_once(story)


async def test_killed_after_leaf_took_the_token_and_before_its_answer_arrived(story: Outside) -> None:
    # The answer is lost, the next look at Leaf hangs: the program dies not knowing that Leaf has it.
    story.world.leaf.faults.lose_answer(GIVE)
    await comes_back(story, await asked(story))
    await eventually(lambda: _true(story.world.leaf.find(ADA).credential is not None), within=60)
    await story.program.is_killed()
    given = story.world.leaf.find(ADA).credential
    assert given is not None
    await story.program.starts()
    await connected_once(story)
    assert story.world.leaf.find(ADA).credential is given, "the same one: it was not given twice"


async def test_killed_in_the_middle_of_the_code_exchange(story: Outside) -> None:
    """Fieldview may or may not have spent the code: she is connected, or told to click again and can."""
    story.world.fieldview.faults.slow(60, EXCHANGE, times=1)
    link = await asked(story)
    await comes_back(story, link)
    await begun(story, "fieldview", EXCHANGE)
    await story.program.is_killed()
    await story.program.starts()
    await connected_once(story)


async def test_killed_when_fieldview_had_spent_the_code(story: Outside) -> None:
    link = await asked(story)
    spent = story.world.fieldview.faults
    # FieldView takes the code and dawdles with the answer, which finds nobody.
    spent.lose_answer(EXCHANGE)
    async with killed_at_first_exchange(story):
        await comes_back(story, link)
    await story.program.starts()
    await until_state(story, "open")
    assert (await consent(story)).trouble in ("code-refused", "answer-lost")
    slack = story.world.slack
    await slack.until(lambda: len(slack.posted(slack.dm(story.grace))) == 1, timeout=60)
    assert "Ada Lovelace Farms" in text_of(slack.posted(slack.dm(story.grace))[0])
    await comes_back(story, link)
    await connected_once(story)


@asynccontextmanager
async def killed_at_first_exchange(story: Outside) -> AsyncIterator[None]:
    """Kill the program as soon as a code was exchanged."""

    async def kill() -> None:
        await eventually(lambda: _true(bool(story.world.fieldview.log.matching(EXCHANGE))), within=60)
        await story.program.is_killed()

    killing = asyncio.create_task(kill())
    yield
    await killing


async def test_killed_again_and_again(story: Outside) -> None:
    story.world.leaf.faults.slow(60, GIVE, times=3)
    await comes_back(story, await asked(story))
    for life in range(1, 4):
        fault = story.world.leaf.faults.active[0]
        await eventually(lambda fault=fault, life=life: _true(fault.hits >= life), within=60)  # type: ignore[misc]
        await story.program.is_killed()
        await story.program.starts()
    await connected_once(story)


async def test_told_to_stop_it_finishes_what_runs(story: Outside) -> None:
    story.world.leaf.faults.slow(1.5, GIVE, times=1)
    await comes_back(story, await asked(story))
    await begun(story, "leaf", GIVE)
    story.program.is_told_to_stop()
    assert await story.program.exit_code() == 0, story.program.output
    assert (await consent(story)).state == "connected", story.program.output
    assert "stopping" in story.program.output
    await story.program.starts()
    await connected_once(story)


async def test_a_second_process_on_the_same_sqlite_file_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        code, out, err = await story.program.runs("serve", PORT="0")
        assert code == 1
        assert out == ""
        assert "Another process of this bot already uses this SQLite file" in err
        assert len(err.strip().splitlines()) == 1
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{story.program.url}/healthz")).status_code == 200


async def test_a_taken_port_is_a_sentence(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        other = Program({**story.program.environment, "DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}, tmp_path)
        code, _, err = await other.runs("serve")
    assert code == 1
    assert "PORT" in err
    assert "Address already in use" in err
    assert "Traceback" not in err


async def test_ctrl_c_while_it_waits_for_slack_ends_it(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        await story.program.is_killed()
        story.world.slack.faults.outage()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(story.program.starts(), 0.01)
        await eventually(lambda: _true("slack does not answer" in story.program.output), within=60)
        story.program.is_told_to_stop()
        assert await story.program.exit_code() == 0


async def test_killed_while_leaf_removes_a_connection_it_is_removed_once(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path, DISCONNECT_UNDO="1") as story:
        slack, leaf = story.world.slack, story.world.leaf
        leaf.connect(ADA)
        linus = slack.add_user("linus", admin=True)
        slack.invite(story.growers, linus)
        removing = leaf.faults.slow(60, "^DELETE", times=1)
        await slack.command(linus, story.growers, "/fieldview disconnect Ada Lovelace Farms")
        await slack.until(lambda: slack.whispered(linus), timeout=60)
        question = slack.whispered(linus)[-1]
        await slack.click(linus, question.channel, question.ts, "disconnect-confirm")
        await eventually(lambda: _true(removing.hits > 0), within=60)
        await story.program.is_killed()
        leaf.faults.heal()
        await story.program.starts()
        await eventually(lambda: _ended(story), within=60)
        assert leaf.find(ADA).credential is None
        assert [call.status for call in leaf.log.matching("^DELETE .*credentials")].count(204) == 1


async def _ended(story: Outside) -> bool:
    async with story.database.reading() as session:
        actions = [sealed.entry.action async for sealed in audit.everything(session)]
    assert actions.count("disconnect-ended") <= 1
    return "disconnect-ended" in actions


async def test_killed_between_a_change_and_its_answer_the_trail_tells_of_it(story: Outside) -> None:
    """The link is made, and Slack does not take the direct message yet: the row came with the link."""
    story.world.slack.faults.slow(60, "chat.postMessage", times=1)
    await story.world.slack.command(story.grace, story.growers, "/fieldview connect Ada Lovelace Farms")
    await eventually(lambda: _true(any(fault.hits for fault in story.world.slack.faults.active)), within=60)
    await story.program.is_killed()
    made = await consent(story)
    async with story.database.reading() as session:
        rows = [sealed.entry async for sealed in audit.everything(session)]
    [row] = [row for row in rows if row.via == "command"]
    assert (row.action, row.outcome, row.actor) == ("connect", "done", story.grace)
    assert made.id in (row.detail or "")


async def test_killed_in_the_middle_of_a_list_every_grower_has_one_link_and_the_list_comes(story: Outside) -> None:
    slack, leaf = story.world.slack, story.world.leaf
    names = [f"Farm {number}" for number in range(6)]
    people = [slack.add_user(f"farmer{number}", name, f"farmer{number}@x.example") for number, name in enumerate(names)]
    for number, name in enumerate(names):
        leaf.add_user(name, f"farmer{number}@x.example")
        await story.types(f"/fieldview status {name}")
    await slack.until(lambda: all(name in repr(slack.whispered(story.grace)) for name in names), timeout=60)
    assert (await slack.command(story.grace, story.growers, "/fieldview bulk")).ok
    await slack.until(lambda: slack.view(story.grace), timeout=60)
    form = slack.view(story.grace)
    assert form is not None
    assert (await slack.submit(story.grace, form["id"], {"lines": {"lines": "\n".join(names)}})).ok
    mine = slack.dm(story.grace)
    await slack.until(lambda: "bulk-start" in repr(slack.posted(mine)), timeout=60)
    [message] = slack.posted(mine)
    assert (await slack.click(story.grace, mine, message.ts, "bulk-start")).ok
    await slack.until(lambda: slack.posted(slack.dm(people[2])), timeout=60)
    await story.program.is_killed()
    assert not slack.posted(slack.dm(people[5])), "it was killed in the middle"
    await story.program.starts()
    await slack.until(lambda: any(each.files for each in slack.posted(mine)), timeout=60)
    told = [len(slack.posted(slack.dm(person))) for person in people]
    assert set(told) <= {1, 2}
    assert sum(told) <= len(people) + 1, "once, and the one under way twice at most"
    async with story.database.reading() as session:
        made = [await consents.open_of_grower(session, leaf.find(name).id) for name in names]
    assert [len(each) for each in made] == [1] * len(names)
    assert len([each for each in slack.posted(mine) if not each.files]) == 1, "one message from the plan to the end"
