"""Modals and the App Home of the stand-in, with a real Bolt app behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import Slack, SlackError

from .slack_stage import (
    actions,
    button,
    error_of,
    listening,
    modal,
    new_bolt,
    new_slack,
    option,
    section,
    served,
    submit_label,
    text_input,
)

Json = dict[str, Any]
HOME = {"type": "home", "blocks": [actions(button("refresh"))]}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    slack = new_slack()
    async with served(slack):
        yield slack


@pytest.fixture
def bolt(slack: Slack) -> AsyncApp:
    return new_bolt(slack)


@pytest.fixture
async def app(slack: Slack, bolt: AsyncApp) -> AsyncIterator[AsyncApp]:
    async with listening(slack, bolt):
        yield bolt


async def show(slack: Slack, bolt: AsyncApp, view: Json, user: str = "ada") -> Json:
    """Open this modal for a person, as after a command."""
    await bolt.client.views_open(trigger_id=slack.tickets.trigger(slack.user(user).id), view=view)
    shown = slack.view(user)
    assert shown is not None
    return shown


def the_form(**more: Any) -> Json:
    grower = {"type": "external_select", "action_id": "pick", "min_query_length": 0}
    owner = {"type": "users_select", "action_id": "who"}
    where = {"type": "conversations_select", "action_id": "where"}
    boxes = {"type": "checkboxes", "action_id": "boxes", "options": [option("a"), option("b")]}
    day = {"type": "datepicker", "action_id": "day", "initial_date": "2026-05-04"}
    label = {"type": "plain_text", "text": "Label"}
    inputs = {"grower": grower, "owner": owner, "place": where, "extras": boxes, "start": day}
    blocks = [
        {"type": "input", "block_id": block_id, "label": label, "element": element, "optional": block_id == "extras"}
        for block_id, element in inputs.items()
    ]
    return modal(text_input("name"), *blocks, callback_id="form", submit=submit_label(), **more)


async def test_a_submission_carries_every_value_as_slack_writes_it(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    got: list[Json] = []

    @bolt.options("pick")
    async def suggest(ack: Any, payload: Json) -> None:
        await ack(options=[option(name) for name in ("ada", "adam", "eve") if payload["value"] in name])

    @bolt.view("form")
    async def save(ack: Any, view: Json) -> None:
        await ack()
        got.append(view)

    view = await show(slack, bolt, the_form(private_metadata="17"))
    ben, alerts = slack.user("ben").id, slack.channel("alerts").id
    suggested = await slack.options("ada", "pick", "ad", view_id=view["id"])
    assert [each["value"] for each in suggested] == ["ada", "adam"]
    outcome = await slack.submit(
        "ada",
        view["id"],
        {
            "name": {"value": "North"},
            "grower": {"pick": "adam"},
            "owner": {"who": ben},
            "place": {"where": alerts},
            "extras": {"boxes": ["b"]},
        },
    )
    assert outcome.ok
    assert got[0]["state"]["values"] == {
        "name": {"value": {"type": "plain_text_input", "value": "North"}},
        "grower": {"pick": {"type": "external_select", "selected_option": option("adam")}},
        "owner": {"who": {"type": "users_select", "selected_user": ben}},
        "place": {"where": {"type": "conversations_select", "selected_conversation": alerts}},
        "extras": {"boxes": {"type": "checkboxes", "selected_options": [option("b")]}},
        "start": {"day": {"type": "datepicker", "selected_date": "2026-05-04"}},
    }
    assert got[0]["private_metadata"] == "17"
    assert slack.view("ada") is None


async def test_slack_asks_for_required_inputs_before_the_app_hears_of_it(slack: Slack, bolt: AsyncApp) -> None:
    view = await show(slack, bolt, modal(text_input("name"), text_input("note", optional=True), submit=submit_label()))
    outcome = await slack.submit("ada", view["id"], {"note": {"value": "x"}})
    assert outcome.errors is not None
    assert set(outcome.errors) == {"name"}
    assert slack.view("ada") is not None


async def test_an_input_keeps_to_its_lengths(slack: Slack, bolt: AsyncApp) -> None:
    view = await show(slack, bolt, modal(text_input("code", element={"min_length": 4}), submit=submit_label()))
    outcome = await slack.submit("ada", view["id"], {"code": {"value": "123"}})
    assert outcome.errors == {"code": "Must be at least 4 characters."}


async def test_the_app_can_point_at_an_input_and_the_modal_stays(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    @bolt.view("form")
    async def refuse(ack: Any, view: Json) -> None:
        block = "name" if view["state"]["values"]["name"]["value"]["value"] == "taken" else "no_such_block"
        await ack(response_action="errors", errors={block: "Somebody has that name"})

    form = modal(text_input("name"), callback_id="form", submit=submit_label())
    view = await show(slack, bolt, form)
    taken = await slack.submit("ada", view["id"], {"name": {"value": "taken"}})
    assert taken.errors == {"name": "Somebody has that name"}
    wrong = await slack.submit("ada", view["id"], {"name": {"value": "other"}})
    assert wrong.error == "dispatch_failed"
    kept = slack.view("ada")
    assert kept is not None
    assert kept["state"]["values"]["name"]["value"]["value"] == "other"


@pytest.mark.parametrize(("action", "depth"), [("update", 1), ("push", 2), ("clear", 0)])
async def test_an_acknowledgement_may_update_push_or_clear(
    slack: Slack, bolt: AsyncApp, app: AsyncApp, action: str, depth: int
) -> None:
    @bolt.view("form")
    async def go_on(ack: Any) -> None:
        more = {} if action == "clear" else {"view": modal(section("Next"))}
        await ack(response_action=action, **more)

    view = await show(slack, bolt, modal(section("First"), callback_id="form", submit=submit_label()))
    assert (await slack.submit("ada", view["id"])).ok
    stack = slack.dialogs.stacks[slack.user("ada").id]
    assert len(stack) == depth
    if action == "push":
        assert slack.view("ada")["previous_view_id"] == view["id"]  # type: ignore[index]


async def test_three_modals_may_lie_on_each_other_and_no_fourth(slack: Slack, bolt: AsyncApp) -> None:
    ada = slack.user("ada").id
    await show(slack, bolt, modal(section("1")))
    for _ in range(2):
        await bolt.client.views_push(trigger_id=slack.tickets.trigger(ada), view=modal(section("more")))
    fourth = bolt.client.views_push(trigger_id=slack.tickets.trigger(ada), view=modal(section("too many")))
    assert await error_of(fourth) == "push_limit_reached"


async def test_an_update_with_an_old_hash_conflicts_and_values_survive_a_good_one(slack: Slack, bolt: AsyncApp) -> None:
    form = modal(text_input("name"), submit=submit_label(), external_id="mine")
    view = await show(slack, bolt, form)
    await slack.submit("ada", view["id"], {"name": {"value": "North"}})  # nobody listens: it stays open, filled in
    changed = modal(text_input("name"), section("New"), submit=submit_label(), external_id="mine")
    await bolt.client.views_update(view_id=view["id"], hash=view["hash"], view=changed)
    late = bolt.client.views_update(external_id="mine", hash=view["hash"], view=changed)
    assert await error_of(late) == "hash_conflict"
    assert await error_of(bolt.client.views_update(view_id="V0NONE", view=changed)) == "not_found"
    assert slack.view("ada")["state"]["values"]["name"]["value"]["value"] == "North"  # type: ignore[index]


async def test_closing_a_modal_is_told_only_to_an_app_that_asked(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    closed: list[Json] = []

    @bolt.view_closed("form")
    async def note(ack: Any, body: Json) -> None:
        await ack()
        closed.append(body)

    quiet = await show(slack, bolt, modal(section("x"), callback_id="form"))
    await slack.close("ada", quiet["id"])
    loud = await show(slack, bolt, modal(section("x"), callback_id="form", notify_on_close=True))
    await slack.close("ada", loud["id"])
    assert [body["view"]["id"] for body in closed] == [loud["id"]]
    assert closed[0]["is_cleared"] is False
    assert slack.view("ada") is None


async def test_a_choice_in_a_modal_reaches_the_app_with_the_view_and_stays_chosen(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    seen: list[Json] = []

    @bolt.action("days")
    async def note(ack: Any, body: Json) -> None:
        await ack()
        seen.append(body)

    menu = {"type": "static_select", "action_id": "days", "options": [option("7"), option("30")]}
    view = await show(slack, bolt, modal(section("How long?", block_id="when", accessory=menu)))
    await slack.click("ada", view_id=view["id"], action_id="days", selected="30")
    await slack.until(lambda: seen)
    assert seen[0]["container"] == {"type": "view", "view_id": view["id"]}
    assert seen[0]["view"]["state"]["values"]["when"]["days"]["selected_option"] == option("30")
    assert "response_url" not in seen[0]


async def test_what_is_wrong_with_a_view_is_said_by_json_pointer(slack: Slack, bolt: AsyncApp) -> None:
    wrong = modal(text_input("name"), title={"type": "plain_text", "text": "A title that is far too long"})
    with pytest.raises(SlackApiError) as refused:
        await show(slack, bolt, wrong)
    assert refused.value.response["error"] == "invalid_arguments"
    assert refused.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
    ]


async def test_the_home_is_published_when_somebody_looks_and_its_buttons_work(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    pressed: list[Json] = []

    @bolt.event("app_home_opened")
    async def publish(event: Json, client: Any) -> None:
        await client.views_publish(user_id=event["user"], view=HOME)

    @bolt.action("refresh")
    async def refresh(ack: Any, body: Json) -> None:
        await ack()
        pressed.append(body)

    await slack.home("ada")
    ada = slack.user("ada").id
    await slack.until(lambda: ada in slack.dialogs.homes)
    home = await slack.home("ada", tells_app=False)
    assert home is not None
    await slack.click("ada", view_id=home["id"], action_id="refresh")
    await slack.until(lambda: pressed)
    assert pressed[0]["view"]["type"] == "home"
    assert await slack.home("ben", tells_app=False) is None


async def test_publishing_the_same_home_again_disturbs_nobody(slack: Slack, bolt: AsyncApp) -> None:
    ada = slack.user("ada").id
    first = await bolt.client.views_publish(user_id=ada, view=HOME)
    seen = slack.changes.version_for(ada)
    second = await bolt.client.views_publish(user_id=ada, view=HOME, hash=first["view"]["hash"])
    assert slack.changes.version_for(ada) == seen
    assert second["view"]["id"] == first["view"]["id"]
    late = bolt.client.views_publish(user_id=ada, view=HOME, hash=first["view"]["hash"])
    assert await error_of(late) == "hash_conflict"
    await bolt.client.views_publish(user_id=ada, view={"type": "home", "blocks": [section("New")]})
    assert slack.changes.version_for(ada) > seen


async def test_a_suggestion_that_fails_is_an_error_to_the_person(slack: Slack, bolt: AsyncApp) -> None:
    view = await show(slack, bolt, the_form())
    with pytest.raises(SlackError, match="dispatch_failed"):
        await slack.options("ada", "pick", "a", view_id=view["id"])


async def test_suggestions_beyond_slacks_limits_are_no_suggestions(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    @bolt.options("pick")
    async def suggest(ack: Any, payload: Json) -> None:
        count, length = (101, 5) if payload["value"] == "many" else (1, 76)
        await ack(options=[option(str(number), "x" * length) for number in range(count)])

    view = await show(slack, bolt, the_form())
    for typed in ("many", "long"):
        with pytest.raises(SlackError, match="invalid_options"):
            await slack.options("ada", "pick", typed, view_id=view["id"])


async def test_a_conversation_chosen_in_a_modal_gives_the_app_a_response_url(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    urls: list[Json] = []

    @bolt.view("form")
    async def save(ack: Any, body: Json) -> None:
        await ack()
        urls.extend(body["response_urls"])

    where = {"type": "conversations_select", "action_id": "where", "response_url_enabled": True}
    block = {"type": "input", "block_id": "place", "label": {"type": "plain_text", "text": "Where"}, "element": where}
    view = await show(slack, bolt, modal(block, callback_id="form", submit=submit_label()))
    alerts = slack.channel("alerts").id
    await slack.submit("ada", view["id"], {"place": {"where": alerts}})
    assert [url["channel_id"] for url in urls] == [alerts]


async def test_a_file_chosen_in_a_form_comes_as_what_the_app_can_fetch(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    sent: list[Json] = []

    @bolt.view("form")
    async def take(ack: Any, view: Json) -> None:
        sent.append(view["state"]["values"]["list"]["file"])
        await ack()

    element = {"type": "file_input", "action_id": "file", "filetypes": ["csv"], "max_files": 1}
    label = {"type": "plain_text", "text": "File"}
    asks = {"type": "input", "block_id": "list", "label": label, "element": element}
    view = await show(slack, bolt, modal(asks, callback_id="form", submit=submit_label()))
    picture = slack.add_file("ada", "cow.png", b"png")
    with pytest.raises(LookupError):
        await slack.submit("ada", view["id"], {"list": {"file": [picture]}})
    assert (await slack.submit("ada", view["id"])).errors is not None, "a form without it is not sent"
    growers = slack.add_file("ada", "growers.csv", b"name\n")
    assert (await slack.submit("ada", view["id"], {"list": {"file": [growers]}})).ok
    [held] = sent
    [file] = held["files"]
    assert (held["type"], file["id"], file["name"]) == ("file_input", growers, "growers.csv")
    assert file["url_private_download"].startswith(slack.url)
