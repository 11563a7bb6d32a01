"""The App Home: one's own growers, with filters, pages and buttons that work where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from bot.desk import PAGE
from bot.standing import Standing
from storage.tables import GrowerRow
from tests.journeys.test_casework import breaks
from tests.stage import ADA, Stage, eventually, link_in, set_up, text_of

OWNED = "Sato Family Orchards"


async def home(stage: Stage, so: Callable[[str], bool] = bool, user: str | None = None) -> dict[str, Any]:
    """Grace's Home, as soon as it shows that."""
    slack, user = stage.world.slack, user or stage.grace
    await slack.until(lambda: user in slack.dialogs.homes and so(repr(slack.dialogs.homes[user].blocks)), timeout=20)
    view = await slack.home(user, tells_app=False)
    assert view is not None
    return view


async def opens(stage: Stage, so: Callable[[str], bool] = bool, user: str | None = None) -> dict[str, Any]:
    await stage.world.slack.home(user or stage.grace)
    return await home(stage, so, user)


async def clicks(stage: Stage, view: dict[str, Any], action: str, **more: Any) -> None:
    outcome = await stage.world.slack.click(stage.grace, view_id=view["id"], action_id=action, **more)
    assert outcome.ok, outcome


def shown(view: dict[str, Any]) -> str:
    return repr(view["blocks"])


def offered(view: dict[str, Any], action: str, label: str) -> str:
    """The value of the choice with this label."""
    elements = [element for block in view["blocks"] for element in block.get("elements", [])]
    [menu] = [element for element in elements if element.get("action_id") == action]
    return next(str(each["value"]) for each in menu["options"] if each["text"]["text"].startswith(label))


def buttons(view: dict[str, Any]) -> list[str]:
    return [each["action_id"] for block in view["blocks"] for each in block.get("elements", []) if "action_id" in each]


async def noted(stage: Stage, *actions: str) -> None:
    """These are the rows of what was pressed and sent in, as soon as there are so many."""

    async def rows() -> list[str]:
        return [entry.action for entry in await stage.audit() if entry.via in ("button", "form")]

    async def are_there() -> bool:
        return len(await rows()) >= len(actions)

    await eventually(are_there)
    assert await rows() == list(actions)


async def owns_all(stage: Stage) -> None:
    async with stage.running.bot.database.transaction() as session:
        await session.execute(update(GrowerRow).values(owner=stage.grace))


async def test_it_counts_what_status_mine_counts(stage: Stage) -> None:
    await breaks(stage)
    await stage.types(f"/fieldview owner {OWNED} @grace")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    view = await opens(stage)
    told = text_of(await stage.types("/fieldview status --mine"))
    counted = next(block["text"]["text"] for block in view["blocks"] if "You look after" in repr(block))
    assert "You look after 2 growers" in counted
    for line in counted.split("\n"):
        assert line.strip("*") in told.replace("*", "")
    assert "Needs somebody (1)" in shown(view)
    assert "Waiting for an answer (1)" in shown(view)
    everybody = await opens(stage, user=stage.linus)
    assert "You look after" not in shown(everybody), "who owns nobody sees everybody"


async def test_an_alert_is_acknowledged_snoozed_and_woken_without_leaving_it(stage: Stage) -> None:
    slack = stage.world.slack
    await breaks(stage)
    await stage.types(f"/fieldview owner {OWNED} @grace")
    view = await opens(stage, lambda text: OWNED in text)
    await clicks(stage, view, "acknowledge")
    view = await home(stage, lambda text: "Acknowledged" in text)
    assert "acknowledge" not in buttons(view)
    assert slack.view(stage.grace) is None, "what the page shows needs no words"
    [snooze] = [
        option["value"]
        for block in view["blocks"]
        for element in block.get("elements", [])
        for option in element.get("options", [])
        if option["value"].startswith("snooze:")
    ]
    await clicks(stage, view, "more", selected=snooze)
    await slack.until(lambda: slack.view(stage.grace))
    form = slack.view(stage.grace)
    assert form is not None
    # Nothing is changed by asking: so its row comes after the form, and not in the transaction of a deed.
    await noted(stage, "acknowledge", "snooze")
    filled = {"span": {"span": "1d"}, "reason": {"reason": "On holiday"}}
    assert (await slack.submit(stage.grace, form["id"], filled)).ok
    view = await home(stage, lambda text: "On holiday" in text and "Snoozed (1)" in text)
    await clicks(stage, view, "home-pile", selected=offered(view, "home-pile", "Snoozed"))
    await slack.until(lambda: "snoozed,0" in slack.dialogs.homes[stage.grace].definition["private_metadata"])
    view = await home(stage)
    await clicks(stage, view, "end-snooze")
    view = await home(stage, lambda text: "Snoozed (0)" in text)
    assert "Nothing is snoozed" in shown(view), "the filter stays"
    assert slack.posted(slack.dm(stage.grace)) == [], "nothing was said anywhere else"
    await noted(stage, "acknowledge", "snooze", "snooze", "home", "end-snooze")


async def test_a_link_is_sent_and_the_answer_stands_in_front_of_it(stage: Stage) -> None:
    slack = stage.world.slack
    await breaks(stage)
    await stage.types(f"/fieldview owner {OWNED} @grace")
    view = await opens(stage, lambda text: OWNED in text)
    await clicks(stage, view, "send-link")
    await slack.until(lambda: slack.view(stage.grace))
    answer = slack.view(stage.grace)
    assert answer is not None
    assert OWNED in shown(answer)
    assert "/connect/" in shown(answer)
    view = await home(stage, lambda text: "Waiting for an answer (1)" in text)
    assert "made a reconnect link" in shown(view), "the pile of those in need says that a link is out"
    assert "Send reconnect link" not in shown(view), "a second one would end it"
    assert "Send a new link" in shown(view)
    assert slack.posted(slack.dm(stage.grace)) == []


async def test_a_status_opens_in_front_and_its_buttons_change_it_in_place(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await breaks(stage)
    view = await opens(stage, lambda text: OWNED in text)
    await clicks(stage, view, "show-status")
    await slack.until(lambda: slack.view(stage.grace))
    status = slack.view(stage.grace)
    assert status is not None
    assert "check-now" in buttons(status)
    await clicks(stage, status, "show-events")
    await slack.until(lambda: "30 days" in repr(slack.view(stage.grace)))
    assert (slack.view(stage.grace) or {})["id"] == status["id"]


async def test_when_slack_opens_no_window_the_answer_comes_as_a_message(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await breaks(stage)
    view = await opens(stage, lambda text: OWNED in text)
    slack.faults.outage("views.open")
    await clicks(stage, view, "show-status")
    assert OWNED in text_of((await stage.dm(stage.grace))[-1])


async def test_many_growers_are_paged_and_each_page_keeps_to_slacks_limits(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    for number in range(2 * PAGE):
        stage.world.leaf.add_user(f"Farm {number:02}", f"farm{number}@x.example")
        stage.world.leaf.connect(f"farm{number}@x.example")
    await stage.sweeps_now()
    for number in range(2 * PAGE):
        await stage.world.leaf.revoke(f"farm{number}@x.example")
    await stage.sweeps_now()
    await owns_all(stage)
    names = [f"Farm {number:02}" for number in range(2 * PAGE)]
    view = await opens(stage, lambda text: "Page 1 of 2" in text)
    first = [name for name in names if name in shown(view)]
    await clicks(stage, view, "home-on")
    view = await home(stage, lambda text: "Page 2 of 2" in text)
    second = [name for name in names if name in shown(view)]
    assert sorted(first + second) == names
    assert (len(first), len(view["blocks"]) <= 100) == (PAGE, True)
    view = await opens(stage, lambda text: "Page 2 of 2" in text)
    assert "home-on" not in buttons(view), "it looks as it did when it was left"


async def test_on_the_first_day_it_helps_to_begin(sqlite_url: str) -> None:
    async with set_up(sqlite_url, populate=False, alert_channel=None) as stage:
        slack = stage.world.slack
        stage.world.leaf.add_user(name="Ada Lovelace Farms", email=ADA)
        stage.world.fieldview.add_account(ADA, "Ada", "Lovelace")
        await stage.sweeps_now()
        view = await opens(stage, lambda text: "Welcome" in text)
        await clicks(stage, view, "home-subscribe", selected=stage.alerts)
        view = await home(stage, lambda text: "Alerts have a channel" in text)
        assert f"<@{stage.grace}>" in text_of((await stage.posted(stage.alerts))[0]), "the channel is greeted"
        await clicks(stage, view, "connect-someone")
        await slack.until(lambda: (slack.view(stage.grace) or {}).get("callback_id") == "connect-grower")
        form = slack.view(stage.grace)
        assert form is not None
        await slack.options(stage.grace, "find-grower", "ada", view_id=form["id"])
        chosen = {"grower": {"find-grower": stage.world.leaf.find(ADA).id}}
        assert (await slack.submit(stage.grace, form["id"], chosen)).ok
        await home(stage, lambda text: "Waiting for an answer (1)" in text)
        await stage.consents(link_in((await stage.dm(stage.ada))[-1]))
        await stage.until_status(ADA, "healthy")
        view = await opens(stage, lambda text: "Welcome" not in text)
        assert "1 healthy" in shown(view)


@pytest.mark.parametrize(
    "written", ["", "mine", "x,y,z", "mine,needing,-1", "all,needing,9999", "all,needing,99999999"]
)
async def test_a_look_that_cannot_be_read_is_the_first_one(stage_on_sqlite: Stage, written: str) -> None:
    from bot.reports import Look

    desk = await stage_on_sqlite.running.bot.desks.of(stage_on_sqlite.grace, Look.read(written))
    assert desk.look.page == 0


async def test_who_may_look_no_longer_reads_nothing_there_but_whom_to_ask(stage: Stage) -> None:
    slack, access = stage.world.slack, stage.running.bot.access
    await breaks(stage)
    assert OWNED in shown(await opens(stage))
    slack.user(stage.grace).guest = "single"
    access._standing = Standing(access._standing._slack, remembered=0.0)
    view = await opens(stage, lambda page: OWNED not in page)
    assert "Ask a full member of this workspace" in shown(view)
    assert buttons(view) == []
    slack.user(stage.grace).guest = None
    assert OWNED in shown(await opens(stage, lambda page: OWNED in page))
