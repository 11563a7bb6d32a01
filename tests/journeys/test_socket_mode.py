"""Socket Mode: the same bot without a public address for Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bot.sandbox.world import World
from tests.stage import buttons_of, link_in, set_up, text_of


@asynccontextmanager
async def app_token(world: World) -> AsyncIterator[Mapping[str, Any]]:
    """The setting that turns Socket Mode on."""
    yield {"slack_app_token": world.slack.app_token}


async def test_commands_buttons_and_modals_work_over_a_socket_and_http_is_closed(database_url: str) -> None:
    async with set_up(database_url, around=app_token) as stage:
        slack = stage.world.slack
        slack.deliver_to = None
        await slack.until(lambda: slack.sockets.connected)
        async with httpx.AsyncClient() as http:
            assert (await http.post(f"{stage.url}/slack/events", content=b"{}")).status_code == 404
        told = await stage.types("/fieldview connect Ada Lovelace Farms")
        assert f"<@{stage.ada}>" in text_of(told)
        page = await stage.consents(link_in((await stage.dm(stage.ada))[0]))
        assert "connected" in page.text
        asked = await stage.types("/fieldview connect Newcomer Farm")
        assert "create-grower" in buttons_of(asked)
        await slack.click(stage.grace, asked.channel, asked.ts, "create-grower")
        await slack.until(lambda: slack.view(stage.grace))
        view = slack.view(stage.grace)
        assert view is not None
        wrong = await slack.submit(stage.grace, view["id"], {"email": {"email": "no address"}})
        assert set(wrong.errors or {}) == {"email"}
        assert (await slack.submit(stage.grace, view["id"], {"email": {"email": "new@farm.example"}})).ok
        await slack.until(lambda: "/connect/" in repr([m.blocks for m in slack.whispered(stage.grace)]))
        await slack.home(stage.grace)
        await slack.until(lambda: slack.dialogs.homes.get(stage.grace))
        assert stage.world.leaf.find("new@farm.example").name == "Newcomer Farm"
