"""What Slack tells the app: events with their retries, over HTTP and over Socket Mode."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack

from .slack_stage import (
    APP_TOKEN,
    SIGNING_SECRET,
    actions,
    button,
    listening,
    modal,
    new_bolt,
    new_slack,
    served,
    submit_label,
    text_input,
)

Json = dict[str, Any]


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    slack = new_slack()
    async with served(slack):
        yield slack


class Listener:
    """An app that keeps what it is sent and answers with one status after the other."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.statuses = list(statuses)
        self.headers = headers
        self.requests: list[tuple[dict[str, str], str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append((dict(request.headers), (await request.body()).decode()))
        await Response(status_code=self.statuses.pop(0), headers=self.headers)(scope, receive, send)

    @asynccontextmanager
    async def hears(self, slack: Slack) -> AsyncIterator[None]:
        async with serving(self) as url:
            slack.deliver_to = url
            yield


async def test_an_event_is_tried_again_three_times_with_the_same_id_and_a_fresh_signature(slack: Slack) -> None:
    listener = Listener(500, 500, 500, 200)
    async with listener.hears(slack):
        delivery = await slack.event({"type": "tokens_revoked"})
    assert delivery.attempts == ("http_error", "http_error", "http_error", None)
    retries = [headers.get("x-slack-retry-num") for headers, _ in listener.requests]
    assert retries == [None, "1", "2", "3"]
    assert listener.requests[1][0]["x-slack-retry-reason"] == "http_error"
    assert len({json.loads(body)["event_id"] for _, body in listener.requests}) == 1
    verifier = SignatureVerifier(SIGNING_SECRET)
    assert all(verifier.is_valid_request(body, headers) for headers, body in listener.requests)


async def test_after_the_last_retry_the_event_is_lost(slack: Slack) -> None:
    listener = Listener(500, 500, 500, 500)
    async with listener.hears(slack):
        delivery = await slack.event({"type": "tokens_revoked"})
    assert not delivery.ok
    assert len(listener.requests) == 4


async def test_an_app_can_ask_for_no_retry(slack: Slack) -> None:
    listener = Listener(500, headers={"X-Slack-No-Retry": "1"})
    async with listener.hears(slack):
        assert (await slack.event({"type": "tokens_revoked"})).attempts == ("http_error",)


async def test_a_lost_acknowledgement_means_the_same_event_again(slack: Slack) -> None:
    listener = Listener(200, 200)
    async with listener.hears(slack):
        first = await slack.event({"type": "tokens_revoked"})
        await slack.delivery.again(first.event_id)
    assert [json.loads(body)["event_id"] for _, body in listener.requests] == [first.event_id] * 2
    assert listener.requests[1][0]["x-slack-retry-num"] == "1"


async def test_the_app_hears_only_what_it_subscribed_to(slack: Slack) -> None:
    slack.subscriptions = {
        "message.im",
        "app_mention",
        "member_joined_channel",
        "member_left_channel",
        "channel_archive",
    }
    listener = Listener(*[200] * 5)
    async with listener.hears(slack):
        await slack.say("ben", slack.dm("ben"), "Hello")
        await slack.say("ada", "alerts", "Nobody listens")
        await slack.say("ada", "alerts", "Hey @fieldview & friends")
        slack.invite("alerts", slack.add_user("gus"))
        slack.archive("alerts", by="ada")
        slack.kick("alerts")  # of which a bot hears nothing
        await slack.settled()
    events = [json.loads(body)["event"] for _, body in listener.requests]
    assert [event["type"] for event in events] == ["message", "app_mention", "member_joined_channel", "channel_archive"]
    assert events[1]["text"] == f"Hey <@{slack.bot.id}> &amp; friends"


@asynccontextmanager
async def connected(slack: Slack, bolt: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(bolt, APP_TOKEN)
    try:
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await slack.until(lambda: slack.sockets.connected)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


async def test_over_socket_mode_commands_clicks_modals_and_events_arrive_and_are_answered(slack: Slack) -> None:
    bolt, seen = new_bolt(slack), []

    @bolt.command("/fieldview")
    async def answer(ack: Any, command: Json, client: Any) -> None:
        await ack(text=f"You said {command['text']}")
        view = modal(text_input("name"), callback_id="form", submit=submit_label())
        await client.views_open(trigger_id=command["trigger_id"], view=view)

    @bolt.action("pause")
    async def pause(ack: Any, respond: Any) -> None:
        await ack()
        await respond("Paused", replace_original=True)

    @bolt.view("form")
    async def refuse(ack: Any) -> None:
        await ack(response_action="errors", errors={"name": "Taken"})

    @bolt.event("app_home_opened")
    async def opened(event: Json) -> None:
        seen.append(event["user"])

    async with connected(slack, bolt):
        assert (await slack.command("ada", "alerts", "/fieldview status")).ok
        assert [message.text for message in slack.whispered("ada")] == ["You said status"]
        view = await slack.until(lambda: slack.view("ada"))
        assert view is not None
        assert (await slack.submit("ada", view["id"], {"name": {"value": "x"}})).errors == {"name": "Taken"}
        posted = await bolt.client.chat_postMessage(channel="alerts", text="Broken", blocks=[actions(button("pause"))])
        assert (await slack.click("ada", "alerts", posted["ts"], "pause")).ok
        await slack.until(lambda: slack.posted("alerts")[0].text == "Paused")
        await slack.home("ada")
    assert seen == [slack.user("ada").id]


async def test_an_event_unacknowledged_over_the_socket_comes_again_and_a_command_times_out(slack: Slack) -> None:
    bolt, seen = new_bolt(slack), []
    slack.delivery.patience = 0.2

    @bolt.event("tokens_revoked")
    async def note(request: Any) -> None:
        seen.append(request.headers.get("x-slack-retry-num", ["0"])[0])

    async with connected(slack, bolt):
        assert (await slack.command("ada", "alerts", "/fieldview help")).error == "operation_timeout"
        assert (await slack.event({"type": "tokens_revoked"})).attempts == (None,)
        assert (await slack.event({"type": "unheard_of"})).attempts == ("timeout",) * 4
    assert len(seen) == 1


async def test_a_socket_ticket_works_once_and_ten_connections_are_enough(slack: Slack) -> None:
    web = new_bolt(slack).client

    async def address() -> str:
        return str((await web.apps_connections_open(app_token=APP_TOKEN))["url"])

    async with AsyncExitStack() as stack:
        urls = [await address() for _ in range(11)]
        sockets = [await stack.enter_async_context(connect(url)) for url in urls]
        greetings = [json.loads(await socket.recv()) for socket in sockets]
        assert [greeting["type"] for greeting in greetings] == ["hello"] * 10 + ["disconnect"]
        assert greetings[-1]["reason"] == "too_many_websockets"
        with pytest.raises(InvalidStatus):
            await stack.enter_async_context(connect(urls[0]))


async def test_a_refreshed_connection_comes_back(slack: Slack) -> None:
    bolt = new_bolt(slack)
    async with connected(slack, bolt) as handler:
        client = handler.client
        (first,) = slack.sockets.connected
        await slack.sockets.refresh()
        await slack.until(lambda: slack.sockets.connected and slack.sockets.connected[0] is not first, timeout=10)
        assert client is handler.client
    opened = [request for request in slack.requests if request.method == "apps.connections.open"]
    assert len(opened) == 2


async def test_the_bolt_app_sees_a_command_over_http_when_no_socket_is_open(slack: Slack) -> None:
    bolt, seen = new_bolt(slack), []

    @bolt.command("/fieldview")
    async def answer(ack: Any, command: Json) -> None:
        await ack()
        seen.append(command["text"])

    async with listening(slack, bolt):
        await slack.command("ada", "alerts", "/fieldview one")
        async with connected(slack, bolt):
            await slack.command("ada", "alerts", "/fieldview two")
        await slack.until(lambda: not slack.sockets.connected)
        await slack.command("ada", "alerts", "/fieldview three")
    assert seen == ["one", "two", "three"]
