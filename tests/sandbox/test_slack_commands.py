"""Commands, buttons and answers: a real Bolt app in a stand-in workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from slack_bolt.async_app import AsyncApp
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack

from .slack_stage import (
    START,
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
)


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[Slack]:
    slack = new_slack(clock)
    async with served(slack):
        yield slack


@pytest.fixture
def bolt(slack: Slack) -> AsyncApp:
    return new_bolt(slack)


@pytest.fixture
async def app(slack: Slack, bolt: AsyncApp) -> AsyncIterator[AsyncApp]:
    async with listening(slack, bolt):
        yield bolt


@pytest.fixture
def heard(bolt: AsyncApp) -> list[dict[str, Any]]:
    """Every command the app acknowledged, as it got it."""
    commands: list[dict[str, Any]] = []

    @bolt.command("/fieldview")
    async def listen(ack: Any, command: dict[str, Any]) -> None:
        await ack()
        commands.append(command)

    return commands


async def test_a_command_reaches_the_app_signed_and_with_every_field_slack_sends(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    assert (await slack.command("ada", "#alerts", "/fieldview status O'Brien & Söhne")).ok
    (command,) = heard
    assert command["command"] == "/fieldview"
    assert command["text"] == "status O'Brien &amp; Söhne"
    assert command["user_id"] == slack.user("ada").id
    assert command["channel_name"] == "alerts"
    assert command["response_url"].startswith(slack.url)


async def test_mentions_of_known_names_become_ids_and_everything_else_stays(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    await slack.command("ada", "alerts", "/fieldview connect @ben. <b> #alerts @nobody ada@farm.example")
    ben, alerts = slack.user("ben").id, slack.channel("alerts").id
    expected = f"connect <@{ben}|ben>. &lt;b&gt; <#{alerts}|alerts> @nobody ada@farm.example"
    assert heard[0]["text"] == expected


async def test_with_links_escaped_an_address_arrives_marked_up(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    slack.escapes_links = True
    await slack.command("ada", "alerts", "/fieldview connect ada@farm.example https://x.example/a?b=1")
    assert heard[0]["text"] == "connect <mailto:ada@farm.example|ada@farm.example> <https://x.example/a?b=1>"


@pytest.mark.parametrize(
    ("channel", "text", "thread_ts", "error"),
    [
        ("alerts", "/unheard of", None, "unknown_command"),
        ("alerts", "/fieldview help", "1.2", "not_supported_in_threads"),
        ("old", "/fieldview help", None, "is_archived"),
        ("elsewhere", "/fieldview help", None, "not_in_channel"),
    ],
)
async def test_slack_itself_refuses_a_command_where_none_can_be_used(
    slack: Slack, heard: list[dict[str, Any]], channel: str, text: str, thread_ts: str | None, error: str
) -> None:
    slack.add_channel("old", members=["ada"], archived=True)
    slack.add_channel("elsewhere", members=["ben"])
    outcome = await slack.command("ada", channel, text, thread_ts=thread_ts)
    assert (outcome.ok, outcome.error) == (False, error)
    assert heard == []


async def test_an_app_that_does_not_answer_in_time_is_an_operation_timeout(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    slack.delivery.patience = 0.1

    @bolt.command("/fieldview")
    async def think(ack: Any) -> None:
        await asyncio.Event().wait()

    assert (await slack.command("ada", "alerts", "/fieldview help")).error == "operation_timeout"


async def test_an_app_that_is_down_or_broken_is_a_failed_dispatch(slack: Slack) -> None:
    assert (await slack.command("ada", "alerts", "/fieldview help")).error == "dispatch_failed"
    slack.deliver_to = "http://127.0.0.1:9/slack/events"
    assert (await slack.command("ada", "alerts", "/fieldview help")).error == "dispatch_failed"


async def test_an_unsigned_delivery_is_refused_by_the_app_and_shown_as_failed(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    slack.delivery.signing_secret = "another"
    assert (await slack.command("ada", "alerts", "/fieldview help")).error == "dispatch_failed"
    assert heard == []


async def test_an_answer_in_the_acknowledgement_is_seen_by_the_person_alone(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    @bolt.command("/fieldview")
    async def answer(ack: Any) -> None:
        await ack(text="Here you are", blocks=[section("*Here* you are")])

    await slack.command("ada", "alerts", "/fieldview help")
    (shown,) = slack.whispered("ada")
    assert (shown.text, shown.blocks[0]["type"]) == ("Here you are", "section")
    assert slack.whispered("ben") == []
    assert slack.messages("ben", "alerts") == []
    assert slack.messages("ada", "alerts")[0]["ephemeral"] is True


async def test_plain_text_in_the_acknowledgement_is_shown_too(slack: Slack) -> None:
    async def listener(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()
        await PlainTextResponse("Working on it")(scope, receive, send)

    async with serving(listener) as url:
        slack.deliver_to = url
        assert (await slack.command("ada", "alerts", "/fieldview help")).ok
    assert [message.text for message in slack.whispered("ada")] == ["Working on it"]


async def test_a_response_url_answers_five_times_and_no_sixth(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    await slack.command("ada", "alerts", "/fieldview help")
    async with httpx.AsyncClient() as http:
        url = heard[0]["response_url"]
        answers = [await http.post(url, json={"text": f"part {number}"}) for number in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[-1].json()["error"] == "used_url"
    assert len(slack.whispered("ada")) == 5


async def test_a_response_url_dies_after_thirty_minutes(
    slack: Slack, app: AsyncApp, clock: Clock, heard: list[dict[str, Any]]
) -> None:
    await slack.command("ada", "alerts", "/fieldview help")
    async with httpx.AsyncClient() as http:
        clock.advance(timedelta(minutes=29))
        assert (await http.post(heard[0]["response_url"], json={"text": "in time"})).status_code == 200
        clock.advance(timedelta(minutes=2))
        late = await http.post(heard[0]["response_url"], json={"text": "late"})
    assert (late.status_code, late.json()["error"]) == (404, "expired_url")


async def test_an_answer_in_channel_is_seen_by_all_even_where_the_app_is_no_member(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    @bolt.command("/fieldview")
    async def answer(ack: Any, respond: Any) -> None:
        await ack()
        await respond("For everyone", response_type="in_channel")

    await slack.command("ada", "random", "/fieldview help")
    await slack.until(lambda: slack.posted("random"))
    assert slack.posted("random")[0].text == "For everyone"


async def test_invalid_blocks_through_a_response_url_are_refused_and_logged(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    await slack.command("ada", "alerts", "/fieldview help")
    async with httpx.AsyncClient() as http:
        refused = await http.post(heard[0]["response_url"], json={"blocks": [section("x" * 3001)]})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_blocks")
    assert slack.requests[-1].error == "invalid_blocks"


async def test_pressing_a_button_tells_the_app_which_message_and_lets_it_replace_it(
    slack: Slack, bolt: AsyncApp, app: AsyncApp
) -> None:
    seen: list[dict[str, Any]] = []

    @bolt.action("pause")
    async def pause(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond("Paused", replace_original=True)

    posted = await bolt.client.chat_postMessage(
        channel=slack.channel("alerts").id, text="Broken", blocks=[actions(button("pause", value="17"))]
    )
    assert (await slack.click("ada", "alerts", posted["ts"], "pause")).ok
    (message,) = slack.posted("alerts")
    await slack.until(lambda: message.edits)
    assert (message.text, message.blocks) == ("Paused", [])
    assert seen[0]["actions"][0]["value"] == "17"
    assert seen[0]["message"]["ts"] == seen[0]["container"]["message_ts"] == posted["ts"]
    assert seen[0]["user"]["id"] == slack.user("ada").id


async def test_a_button_on_an_ephemeral_message_can_take_it_away(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    seen: list[dict[str, Any]] = []

    @bolt.action("dismiss")
    async def dismiss(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond(delete_original=True)

    ada, alerts = slack.user("ada").id, slack.channel("alerts").id
    await bolt.client.chat_postEphemeral(channel=alerts, user=ada, text="psst", blocks=[actions(button("dismiss"))])
    (whisper,) = slack.whispered("ada")
    with pytest.raises(LookupError):
        await slack.click("ben", "alerts", whisper.ts, "dismiss")
    await slack.click("ada", "alerts", whisper.ts, "dismiss")
    await slack.until(lambda: not slack.whispered("ada"))
    assert seen[0]["container"]["is_ephemeral"] is True
    assert "message" not in seen[0]


async def test_choices_in_a_message_arrive_as_slack_sends_them(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    seen: list[dict[str, Any]] = []

    @bolt.action({"type": "block_actions", "block_id": "actions"})
    async def note(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body)

    menu = {"type": "static_select", "action_id": "days", "options": [option("7"), option("30")]}
    person = {"type": "users_select", "action_id": "who"}
    more = {"type": "overflow", "action_id": "more", "options": [option("mute", "Mute"), option("drop", "Drop")]}
    posted = await bolt.client.chat_postMessage(
        channel=slack.channel("alerts").id, text="Choose", blocks=[actions(menu, person, more)]
    )
    ben = slack.user("ben").id
    await slack.click("ada", "alerts", posted["ts"], "days", selected="30")
    await slack.click("ada", "alerts", posted["ts"], "who", selected=ben)
    await slack.click("ada", "alerts", posted["ts"], "more", selected="drop")
    await slack.until(lambda: len(seen) == 3)
    assert seen[0]["actions"][0]["selected_option"] == option("30")
    assert seen[1]["actions"][0]["selected_user"] == ben
    assert seen[2]["actions"][0]["selected_option"] == option("drop", "Drop")
    assert seen[2]["state"]["values"]["actions"] == {
        "days": {"type": "static_select", "selected_option": option("30")},
        "who": {"type": "users_select", "selected_user": ben},
    }
    with pytest.raises(LookupError, match="not offered"):
        await slack.click("ada", "alerts", posted["ts"], "days", selected="365")


async def test_a_trigger_opens_one_modal_and_only_for_three_seconds(
    slack: Slack, app: AsyncApp, clock: Clock, heard: list[dict[str, Any]], bolt: AsyncApp
) -> None:
    await slack.command("ada", "alerts", "/fieldview connect")
    await slack.command("ada", "alerts", "/fieldview connect")
    view = modal(section("Hello"))
    await bolt.client.views_open(trigger_id=heard[0]["trigger_id"], view=view)
    top = slack.view("ada")
    assert top is not None
    assert top["title"]["text"] == "A modal"
    again = bolt.client.views_open(trigger_id=heard[0]["trigger_id"], view=view)
    assert await error_of(again) == "exchanged_trigger_id"
    clock.advance(timedelta(seconds=3.1))
    late = bolt.client.views_open(trigger_id=heard[1]["trigger_id"], view=view)
    assert await error_of(late) == "expired_trigger_id"
    assert await error_of(bolt.client.views_open(trigger_id="made.up", view=view)) == "invalid_trigger_id"


async def test_someone_from_another_company_cannot_run_our_command(
    slack: Slack, app: AsyncApp, heard: list[dict[str, Any]]
) -> None:
    guest = slack.add_user("visitor", stranger=True)
    slack.invite("alerts", guest)
    assert (await slack.command(guest, "alerts", "/fieldview status")).error == "unknown_command"
    assert heard == []


async def test_shortcuts_reach_the_app_with_their_message(slack: Slack, bolt: AsyncApp, app: AsyncApp) -> None:
    seen: list[dict[str, Any]] = []

    @bolt.shortcut("look")
    async def look(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body)

    message = await slack.say("ben", "alerts", "My field is gone")
    assert (await slack.shortcut("ada", "look")).ok
    assert (await slack.shortcut("ada", "look", "alerts", message.ts)).ok
    await slack.until(lambda: len(seen) == 2)
    assert [body["type"] for body in seen] == ["shortcut", "message_action"]
    assert seen[1]["message"]["text"] == "My field is gone"
