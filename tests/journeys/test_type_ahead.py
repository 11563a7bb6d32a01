"""A grower is found while somebody types, in the form that a shortcut, a button or a bare command opens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.messages import needs
from bot.sandbox.slack import SlackError
from handlers import payloads
from storage import access_rules
from storage.records import MEMBERS, Role
from tests.journeys.test_casework import breaks
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import ADA, Stage, buttons_of, eventually, link_in, text_of

HANA = "hana@sato.example"


async def opened(stage: Stage, user: str | None = None) -> dict[str, Any]:
    """The modal that has opened for Grace."""
    user = user or stage.grace
    await stage.world.slack.until(lambda: stage.world.slack.view(user))
    view = stage.world.slack.view(user)
    assert view is not None
    return view


async def uses(stage: Stage, shortcut: str, *message: str, user: str | None = None) -> dict[str, Any]:
    """Grace uses a shortcut; the modal it opens."""
    assert (await stage.world.slack.shortcut(user or stage.grace, shortcut, *message)).ok
    return await opened(stage, user)


async def found(stage: Stage, view: dict[str, Any], typed: str) -> list[str]:
    """The names that Slack shows below what Grace has typed."""
    options = await stage.world.slack.options(stage.grace, "find-grower", typed, view_id=view["id"])
    return [option["text"]["text"] for option in options]


async def sends(stage: Stage, view: dict[str, Any], **values: Any) -> None:
    filled = {block: {"find-grower" if block == "grower" else block: value} for block, value in values.items()}
    outcome = await stage.world.slack.submit(stage.grace, view["id"], filled)
    assert outcome.ok, outcome
    assert stage.world.slack.view(stage.grace) is None


async def test_from_the_shortcut_to_a_link_without_typing_a_command(stage: Stage) -> None:
    await stage.sweeps_now()
    view = await uses(stage, "connect-a-grower")
    assert await found(stage, view, "love") == ["Ada Lovelace Farms"]
    await sends(stage, view, grower=stage.world.leaf.find(ADA).id)
    assert link_in((await stage.dm(stage.ada))[-1])
    [answer] = await stage.dm(stage.grace)
    assert f"<@{stage.ada}> got it from me" in text_of(answer)
    assert await stage.deeds() == [("connect", "done"), ("connect", "done")]
    assert [entry.via for entry in await stage.audit()] == ["shortcut", "form"]
    assert (await stage.audit())[-1].target_name == "Ada Lovelace Farms"


async def test_a_bare_connect_asks_whom_and_answers_where_it_was_typed(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    assert (await slack.command(stage.grace, stage.growers, "/fieldview connect")).ok
    view = await opened(stage)
    assert await found(stage, view, "hana@") == ["Sato Family Orchards"]
    await sends(stage, view, grower=stage.world.leaf.find(HANA).id)
    await slack.until(lambda: slack.whispered(stage.grace))
    answer = slack.whispered(stage.grace)[-1]
    assert (answer.channel, buttons_of(answer)[0]) == (stage.growers, "connect-anyway")


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", ["100% Corn_Field", "Ada Lovelace Farms", "Green Acres", "Hacienda Ñandú", "Sato Family Orchards"]),
        ("NANDU", ["Hacienda Ñandú"]),
        ("l-1900", ["Sato Family Orchards"]),
        ("@example", ["Ada Lovelace Farms", "Green Acres", "Hacienda Ñandú"]),
        ("%", ["100% Corn_Field"]),
        ("_", ["100% Corn_Field"]),
        ("\\", []),
        ("a_a", []),
        ("acr", ["Green Acres"]),
        ("' OR 1=1 --", []),
        ("<@U123>", []),
        ("x" * 2000, []),
    ],
)
async def test_what_is_typed_is_found_by_name_email_and_external_id(stage: Stage, typed: str, names: list[str]) -> None:
    for name, email in (
        ("Hacienda Ñandú", "n@example.com"),
        ("Green Acres", "g@example.org"),
        ("100% Corn_Field", "c@corn.test"),
    ):
        stage.world.leaf.add_user(name, email)
    await stage.sweeps_now()
    view = await uses(stage, "connect-a-grower")
    assert await found(stage, view, typed) == names


async def test_an_id_is_found_by_its_beginning_and_names_that_begin_so_come_first(stage: Stage) -> None:
    for name, email in (("Old Sat Farm", "a@x.example"), ("Casato", "b@x.example"), ("Zoe", "sat@x.example")):
        stage.world.leaf.add_user(name, email)
    await stage.sweeps_now()
    view = await uses(stage, "connect-a-grower")
    assert await found(stage, view, "sat") == ["Sato Family Orchards", "Old Sat Farm", "Zoe", "Casato"]
    assert await found(stage, view, stage.world.leaf.find(HANA).id[:13]) == ["Sato Family Orchards"]


async def test_of_many_a_hundred_are_offered_and_twins_are_told_apart(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    for _ in range(2):
        stage.world.leaf.add_user("Twin Farm", "twin@x.example")
    for number in range(102):
        stage.world.leaf.add_user(f"Mill {number:03} " + "long " * 90, f"mill{number}@x.example")
    await stage.sweeps_now()
    view = await uses(stage, "connect-a-grower")
    assert len(await found(stage, view, "mill")) == 100
    twins = await stage.world.slack.options(stage.grace, "find-grower", "twin", view_id=view["id"])
    assert len({option["description"]["text"] for option in twins}) == 2


async def test_no_letter_asks_leaf_and_none_leaves_a_row(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    view = await uses(stage, "connect-a-grower")
    stage.world.leaf.faults.outage()
    assert await found(stage, view, "ada") == ["Ada Lovelace Farms"]

    async def the_form_has_its_row() -> bool:
        return await stage.deeds() == [("connect", "done")]

    await eventually(the_form_has_its_row)


async def test_a_new_grower_is_created_from_the_form_and_both_forms_close(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    view = await uses(stage, "connect-a-grower")
    assert (await slack.click(stage.grace, view_id=view["id"], action_id="create-grower")).ok
    await slack.until(lambda: (slack.view(stage.grace) or {}).get("callback_id") == "create-grower")
    await sends(stage, await opened(stage), name="Newcomer Farm", email="new@x.example")
    [answer] = await stage.dm(stage.grace)
    assert "Newcomer Farm" in text_of(answer)
    assert stage.world.leaf.find("new@x.example").name == "Newcomer Farm"


async def test_the_status_of_one_or_of_all(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await sends(stage, await uses(stage, "show-status"))
    assert "2 growers: 1 healthy" in text_of((await stage.dm(stage.grace))[-1])
    view = await uses(stage, "show-status")
    assert await found(stage, view, "sato")
    await sends(stage, view, grower=stage.world.leaf.find(HANA).id)
    answers = stage.world.slack
    await answers.until(lambda: "Sato Family" in text_of(answers.posted(answers.dm(stage.grace))[-1]), timeout=20)


async def test_from_a_growers_message_to_their_status_in_one_click(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    await stage.sweeps_now()
    slack.invite(stage.growers, stage.ada)
    asks = await slack.say(stage.ada, stage.growers, "My maps are empty since Monday")
    assert (await slack.shortcut(stage.grace, "status-of-author", stage.growers, asks.ts)).ok
    await slack.until(lambda: "Ada Lovelace Farms" in repr(slack.whispered(stage.grace)[-1:]), timeout=20)
    assert (await stage.audit())[-1].target == stage.world.leaf.find(ADA).id
    other = await slack.say(stage.linus, stage.growers, "Sato called: nothing comes in")
    view = await uses(stage, "status-of-author", stage.growers, other.ts)
    assert view["callback_id"] == "grower-status"
    assert "I know no grower who wrote this." in repr(view)


async def test_from_a_message_of_the_bots_own_to_the_status_of_whom_it_is_about(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    card = await breaks(stage)
    await stage.presses(card, "acknowledge")
    await stage.delivered()
    [below] = slack.thread(card)
    for number, message in enumerate((card, below)):
        assert (await slack.shortcut(stage.grace, "status-of-author", stage.alerts, message.ts)).ok
        seen = number + 2
        await slack.until(lambda seen=seen: len(slack.whispered(stage.grace)) == seen, timeout=20)  # type: ignore[misc]
        assert "hana@sato.example" in text_of(slack.whispered(stage.grace)[-1])
        assert slack.view(stage.grace) is None
    await stage.running.bot.announcer.tell_operators(needs.alerts_taken())
    notice = (await stage.posted(stage.alerts, 2))[-1]
    view = await uses(stage, "status-of-author", stage.alerts, notice.ts)
    assert "This message is not about one grower." in repr(view)


@pytest.mark.parametrize(
    "blocks", [None, "x", [None, {"elements": 7}], [{"accessory": {"value": 3}}, {"elements": [{}]}]]
)
def test_a_message_of_any_shape_can_be_asked_about(blocks: object) -> None:
    body: dict[str, Any] = {
        "user": {"id": "U0123"},
        "callback_id": "x",
        "message": {"bot_id": "B1", "ts": "1.2", "blocks": blocks},
    }
    assert payloads.shortcut(body).offers == ()
    button = {"action_id": "claim", "value": "g-1"}
    menu = {"type": "overflow", "action_id": "more", "options": [{"value": "check-now:g-2"}]}
    body["message"] = {"bot_id": "B1", "ts": "1.2", "blocks": [{"elements": [button, menu]}]}
    assert payloads.shortcut(body).offers == (("claim", "g-1"), ("check-now", "g-2"))


async def test_who_may_not_look_sees_no_names(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    view = await uses(stage, "show-status")
    async with stage.running.bot.database.transaction() as session:
        await access_rules.put(session, MEMBERS, Role.GROWER, stage.linus, stage.world.clock())
    with pytest.raises(SlackError, match="dispatch_failed"):
        await found(stage, view, "ada")
    assert (await stage.world.slack.shortcut(stage.grace, "connect-a-grower")).ok

    async def refused() -> bool:
        return (await stage.deeds())[-1:] == [("connect", "refused")]

    await eventually(refused)


async def test_a_refusal_is_written_down_once_for_a_while_however_often_it_comes(stage: Stage) -> None:
    """Of somebody who types letter by letter, or opens the bot's page again and again."""
    await stage.sweeps_now()
    view = await uses(stage, "show-status")
    async with stage.running.bot.database.transaction() as session:
        await access_rules.put(session, MEMBERS, Role.GROWER, stage.linus, stage.world.clock())

    async def typed_and_looked() -> list[tuple[str, str, str, str]]:
        for letters in ("a", "ad", "ada"):
            with pytest.raises(SlackError, match="dispatch_failed"):
                await found(stage, view, letters)
        for _ in range(3):
            await stage.world.slack.home(stage.grace)
        await stage.running.bot.journal.finish()
        refused = [row for row in await stage.audit() if row.outcome == "refused"]
        return [(row.actor, row.via, row.action, row.outcome) for row in refused]

    rows = [(stage.grace, "menu", "find-grower", "refused"), (stage.grace, "home", "home", "refused")]

    async def are_written() -> bool:
        return sorted(await typed_and_looked()) == sorted(rows)

    await eventually(are_written)
    stage.world.clock.advance(timedelta(minutes=11))
    rows *= 2
    await eventually(are_written)
    told = text_of(await stage.types("/fieldview history", stage.linus))
    assert f"<@{stage.grace}> opened my page, but that was refused" in told
    assert f"<@{stage.grace}> looked for a grower in a menu, but that was refused" in told


async def test_a_refusal_whose_row_could_not_be_written_gets_one_the_next_time(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    async with stage.running.bot.database.transaction() as session:
        await access_rules.put(session, MEMBERS, Role.GROWER, stage.linus, stage.world.clock())
        await session.execute(text("ALTER TABLE audit_head RENAME TO audit_head_away"))
    with capture_logs() as logs:
        await stage.world.slack.home(stage.grace)

        async def has_crashed() -> bool:
            return any("crashed" in entry["event"] for entry in logs)

        await eventually(has_crashed)
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("ALTER TABLE audit_head_away RENAME TO audit_head"))
    await stage.world.slack.home(stage.grace)

    async def is_written() -> bool:
        return ("home", "refused") in await stage.deeds()

    await eventually(is_written)


async def test_a_shortcut_of_another_version_says_so(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    assert (await stage.world.slack.shortcut(stage.grace, "gone")).ok
    assert "another version" in text_of((await stage.dm(stage.grace))[-1])
    async with httpx.AsyncClient(base_url=stage.url) as http:
        for malformed in ("shortcut", "block_suggestion"):
            body = httpx.QueryParams({"payload": f'{{"type": "{malformed}", "callback_id": "x", "action_id": "x"}}'})
            assert (await Sender(stage, http).send(str(body), FORM)).status_code == 400
