"""The three stand-ins start together, know each other, and can be a process of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx

from bot.sandbox.world import World

PROJECT = Path(__file__).parents[2]


async def test_a_grower_is_connected_across_the_whole_world() -> None:
    async with World.running() as world, httpx.AsyncClient(trust_env=False) as client:
        settings = world.environment()
        callback = "https://bot.example.com/callback"
        world.fieldview.allow_redirect(callback)
        world.fieldview.add_account("ada@example.com", "Ada", "Fields")
        ada = world.leaf.add_user("Ada", "ada@example.com")
        page = {
            "page": "oidcauthn",
            "response_type": "code",
            "scope": "fields:read",
            "client_id": settings["FIELDVIEW_CLIENT_ID"],
            "redirect_uri": callback,
        }
        url = str(httpx.URL(settings["FIELDVIEW_AUTHORIZE_URL"], params=page))
        assert (await client.get(url)).status_code == 200
        code = httpx.URL(world.fieldview.approve(url, "ada@example.com")).params["code"]
        granted = world.fieldview.exchange(code, callback)
        owner = {"username": settings["LEAF_USERNAME"], "password": settings["LEAF_PASSWORD"]}
        login = await client.post(f"{settings['LEAF_API_URL']}/api/authenticate", json=owner)
        posted = await client.post(
            f"{settings['LEAF_API_URL']}/services/usermanagement/api/users/{ada.id}/climate-field-view-credentials",
            headers={"Authorization": f"Bearer {login.json()['id_token']}"},
            json={
                "clientId": settings["FIELDVIEW_CLIENT_ID"],
                "clientSecret": settings["FIELDVIEW_CLIENT_SECRET"],
                "apiKey": settings["FIELDVIEW_API_KEY"],
                "refreshToken": granted["refresh_token"],
            },
        )
        assert posted.json()["status"] == "MISSING_PERMISSION"
        slack = await client.post(
            f"{settings['SLACK_API_URL']}auth.test",
            headers={"Authorization": f"Bearer {settings['SLACK_BOT_TOKEN']}"},
        )
        assert slack.json()["ok"] is True


async def test_retries_run_in_the_background_when_asked() -> None:
    heard = asyncio.Event()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        heard.set()
        writer.close()

    async with (
        await asyncio.start_server(receive, "127.0.0.1", 0) as server,
        World.running(delivers_alerts=True) as world,
    ):
        port = server.sockets[0].getsockname()[1]
        world.leaf.send_alerts_to(f"http://127.0.0.1:{port}/alerts")
        world.leaf.alerts.enqueue({"type": "credentialsUnauthenticated"})
        await asyncio.wait_for(heard.wait(), 10)


async def test_the_world_runs_as_a_process_and_stops_when_told() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.sandbox", "--growers", "3"), cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    described = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    async with httpx.AsyncClient(trust_env=False) as client:
        state = (await client.get(f"{described['leaf_url']}/_sandbox/state")).json()
    assert [user["status"] for user in state["users"]] == ["OK", "OK", "OK"]
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
