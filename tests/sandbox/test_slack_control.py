"""The control routes a page in a browser uses: the same verbs over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack

from .slack_stage import (
    BOT_TOKEN,
    START,
    actions,
    button,
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


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    slack = new_slack(Clock(START))
    async with served(slack):
        yield slack


@pytest.fixture
def bolt(slack: Slack) -> AsyncApp:
    return new_bolt(slack)


@pytest.fixture
async def app(slack: Slack, bolt: AsyncApp) -> AsyncIterator[AsyncApp]:
    async with listening(slack, bolt):
        yield bolt


class Page:
    """What a page can ask of the sandbox, as one person."""

    def __init__(self, http: httpx.AsyncClient, user: str) -> None:
        self.http = http
        self.user = user

    async def read(self, route: str, **query: str) -> Json:
        answer = await self.http.get(f"/_sandbox/{route}", params={"user": self.user, **query})
        return {"status": answer.status_code, **answer.json()}

    async def act(self, route: str, **body: Any) -> Json:
        answer = await self.http.post(f"/_sandbox/{route}", json={"user": self.user, **body})
        return {"status": answer.status_code, **answer.json()}


@pytest.fixture
async def page(slack: Slack) -> AsyncIterator[Page]:
    async with httpx.AsyncClient(base_url=slack.url) as http:
        yield Page(http, slack.user("ada").id)


async def test_the_state_shows_a_person_their_places_and_what_is_unread(slack: Slack, page: Page) -> None:
    slack.add_channel("secret", members=["ben"], private=True)
    alerts = slack.channel("alerts").id
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    await client.chat_postMessage(channel=alerts, text="Broken")
    await client.chat_postMessage(channel=slack.user("ada").id, text="Hello")
    state = await page.read("state")
    places = {channel["name"]: channel for channel in state["channels"]}
    assert set(places) == {"alerts", "random", "fieldview"}
    assert places["fieldview"]["peer"] == state["bot"]["user_id"] == slack.bot.id
    assert (places["alerts"]["unread"], places["random"]["unread"]) == (1, 0)
    assert state["me"]["real_name"] == "Ada Agent"
    assert {user["name"] for user in state["users"]} == {"fieldview", "ada", "ben"}
    await page.read("messages", channel=alerts)
    again = await page.read("state")
    assert next(channel["unread"] for channel in again["channels"] if channel["id"] == alerts) == 0


async def test_a_page_types_a_command_clicks_fills_in_a_modal_and_sees_the_end_of_it(
    slack: Slack, page: Page, bolt: AsyncApp, app: AsyncApp
) -> None:
    @bolt.command("/fieldview")
    async def answer(ack: Any, respond: Any) -> None:
        await ack()
        await respond("Sure?", blocks=[actions(button("yes", value="17"))])

    @bolt.action("yes")
    async def yes(ack: Any, body: Json, client: Any) -> None:
        await ack()
        menu = {"type": "external_select", "action_id": "pick"}
        label = {"type": "plain_text", "text": "Grower"}
        grower = {"type": "input", "block_id": "grower", "label": label, "element": menu, "optional": True}
        view = modal(text_input("why"), grower, callback_id="form", submit=submit_label(), notify_on_close=True)
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.options("pick")
    async def suggest(ack: Any) -> None:
        await ack(options=[option("ada")])

    @bolt.view("form")
    async def save(ack: Any, view: Json, client: Any) -> None:
        await ack()
        await client.chat_postMessage(channel="alerts", text=view["state"]["values"]["why"]["value"]["value"])

    alerts = slack.channel("alerts").id
    assert (await page.act("command", channel=alerts, text="/fieldview disconnect Ben"))["ok"] is True
    await slack.until(lambda: slack.whispered("ada"))
    (asked,) = (await page.read("messages", channel=alerts))["messages"]
    assert asked["ephemeral"] is True
    assert (await page.act("click", channel=alerts, ts=asked["ts"], action_id="yes"))["ok"] is True
    await slack.until(lambda: slack.view("ada"))
    view = (await page.read("view"))["view"]
    options = await page.act("options", view_id=view["id"], action_id="pick", block_id="grower", value="a")
    assert options["options"] == [option("ada")]
    refused = await page.act("submit", view_id=view["id"], values={})
    assert (refused["ok"], set(refused["errors"])) == (False, {"why"})
    assert (await page.act("submit", view_id=view["id"], values={"why": {"value": "He left"}}))["ok"] is True
    await slack.until(lambda: slack.posted("alerts"))
    assert [message["text"] for message in (await page.read("messages", channel=alerts))["messages"]] == [
        "Sure?",
        "He left",
    ]


async def test_the_page_is_told_as_slack_would_tell_the_person(slack: Slack, page: Page) -> None:
    failed = await page.act("command", channel=slack.channel("alerts").id, text="/fieldview help")
    assert failed == {"status": 200, "ok": False, "error": "dispatch_failed"}
    assert (await page.act("command", channel="C0NONE", text="/fieldview help"))["status"] == 404
    assert (await page.act("command", text="/fieldview help"))["status"] == 400
    assert (await page.act("click", channel="alerts", ts="1.0", action_id="x"))["ok"] is False


async def test_a_person_says_something_and_uses_shortcuts_and_the_home_and_closes_a_modal(
    slack: Slack, page: Page, bolt: AsyncApp, app: AsyncApp
) -> None:
    seen: list[str] = []

    @bolt.event("app_home_opened")
    async def publish(event: Json, client: Any) -> None:
        seen.append(event["type"])
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Welcome")]})

    @bolt.shortcut("look")
    async def look(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(section("Looking")))

    said = await page.act("say", channel=slack.channel("alerts").id, text="My field is gone")
    await page.read("home")
    await slack.until(lambda: slack.dialogs.homes)
    home = (await page.read("home", open="0"))["view"]
    assert home["blocks"][0]["text"]["text"] == "Welcome"
    assert seen == ["app_home_opened"]
    assert (await page.act("shortcut", callback_id="look", channel="alerts", ts=said["ts"]))["ok"] is True
    await slack.until(lambda: slack.view("ada"))
    view = (await page.read("view"))["view"]
    assert (await page.act("close", view_id=view["id"]))["ok"] is True
    assert (await page.read("view"))["view"] is None
    event = await page.act("event", event={"type": "app_home_opened", "user": page.user, "tab": "home"})
    assert event["ok"] is True


async def test_the_page_breaks_slack_and_heals_it(slack: Slack, page: Page) -> None:
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    broken = await page.act("faults", verb="outage", on="chat", status=503)
    assert [(fault["verb"], fault["status"]) for fault in broken["active"]] == [("outage", 503)]
    limited = await page.act("faults", verb="rate_limit", method="auth.test", retry_after=9, times=None)
    assert [fault["verb"] for fault in limited["active"]] == ["outage", "rate_limit"]
    for call in (client.chat_postMessage(channel="alerts", text="x"), client.auth_test()):
        with pytest.raises(Exception, match=r"503|ratelimited"):
            await call
    assert (await page.act("faults", verb="heal"))["active"] == []
    await client.chat_postMessage(channel="alerts", text="x")
    assert (await page.act("faults", verb="explode"))["status"] == 404
    assert (await page.act("faults", verb="slow", how="very"))["status"] == 404


async def test_mounted_below_a_path_the_control_routes_still_survive_every_fault() -> None:
    slack = new_slack()
    slack.faults.outage()
    async with serving(Starlette(routes=[Mount("/slack", slack.app)])) as url, httpx.AsyncClient(base_url=url) as http:
        state = await http.get("/slack/_sandbox/state", params={"user": slack.user("ada").id})
        call = await http.post("/slack/api/auth.test", headers={"Authorization": f"Bearer {BOT_TOKEN}"})
        assert (state.status_code, call.status_code) == (200, 503)
        assert slack.api_url == f"{url}/slack/api/"


@asynccontextmanager
async def stream(page: Page) -> AsyncIterator[AsyncIterator[int]]:
    async with page.http.stream("GET", "/_sandbox/stream", params={"user": page.user}) as answer:
        lines = answer.aiter_lines()

        async def versions() -> AsyncIterator[int]:
            async for line in lines:
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))["version"]

        yield versions()


async def test_the_stream_tells_a_person_of_what_they_can_see_and_of_nothing_else(slack: Slack, page: Page) -> None:
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    async with stream(page) as versions:
        first = await anext(versions)
        await client.chat_postMessage(channel=slack.user("ben").id, text="Not for Ada")
        opened = await anext(versions)  # a conversation more in the workspace
        await client.chat_postMessage(channel=slack.user("ben").id, text="Nor this")
        await client.chat_postMessage(channel="alerts", text="For all")
        last = await anext(versions)
    assert first < opened < last == slack.changes.version
    assert last - opened > 1


async def test_a_frozen_clock_does_not_make_two_messages_one(slack: Slack, page: Page) -> None:
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    sent = [(await client.chat_postMessage(channel="alerts", text=str(number)))["ts"] for number in range(3)]
    assert sent == sorted(set(sent))
    assert float(sent[0]) == pytest.approx(START.timestamp())
    assert timedelta(seconds=float(sent[2]) - float(sent[0])) < timedelta(seconds=1)
