"""A workspace and a tiny real Bolt app on real sockets, for the tests of the Slack sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack

START = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
BOT_TOKEN, APP_TOKEN, SIGNING_SECRET = "xoxb-sandbox", "xapp-sandbox", "shhh"

Json = dict[str, Any]


def new_slack(clock: Clock | None = None, **more: Any) -> Slack:
    """A workspace with two agents and two channels."""
    slack = Slack(
        clock=clock or Clock(START), signing_secret=SIGNING_SECRET, bot_token=BOT_TOKEN, app_token=APP_TOKEN, **more
    )
    slack.add_user("ada", "Ada Agent", "ada@greenacres.example", admin=True)
    slack.add_user("ben", "Ben Farmer", "ben@greenacres.example")
    slack.add_channel("alerts", members=["ada", "ben"])
    slack.add_channel("random", members=["ada"], with_bot=False)
    return slack


@asynccontextmanager
async def served(slack: Slack) -> AsyncIterator[AsyncWebClient]:
    """Serve the workspace; yields the SDK's own client of it."""
    async with slack.running():
        yield AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)


def new_bolt(slack: Slack) -> AsyncApp:
    """A real Bolt app that talks to the sandbox instead of Slack."""
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=SIGNING_SECRET)


@asynccontextmanager
async def listening(slack: Slack, bolt: AsyncApp) -> AsyncIterator[None]:
    """Serve the Bolt app and tell Slack where it is."""
    handler = AsyncSlackRequestHandler(bolt)
    app = Starlette(routes=[Route("/slack/events", handler.handle, methods=["POST"])])
    async with serving(app) as url:
        slack.deliver_to = f"{url}/slack/events"
        yield


async def error_of(call: Any) -> str:
    """The error Slack answers with. Raises AssertionError when it answers with ok."""
    try:
        await call
    except SlackApiError as refused:
        return str(refused.response["error"])
    raise AssertionError("Slack accepted it")


def button(action_id: str, label: str = "Press", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}, **more}


def actions(*elements: Json, block_id: str = "actions") -> Json:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": {"type": "plain_text", "text": "A modal"}, "blocks": list(blocks), **more}


def submit_label(text: str = "Save") -> Json:
    return {"type": "plain_text", "text": text}


def text_input(block_id: str, **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "value", **more.pop("element", {})}
    label = {"type": "plain_text", "text": block_id}
    return {"type": "input", "block_id": block_id, "label": label, "element": element, **more}


def option(value: str, text: str | None = None) -> Json:
    return {"text": {"type": "plain_text", "text": text or value}, "value": value}
