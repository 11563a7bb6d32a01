"""What Slack and Leaf would send to the bot, signed as they sign it; and the sweep, started when we want it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from dbos import DBOSClient
from pydantic import SecretStr

from benchmarks.processes import KEY, Sandbox
from benchmarks.wire import request
from bot import jobs
from bot.monitor import SWEEP
from bot.vault import Vault
from storage.database import parse, sync_url

_numbers = itertools.count()


@dataclass(frozen=True)
class Slack:
    """Sends slash commands; no two have the same signature, because the bot refuses what it has seen."""

    world: Sandbox

    def command(self, url: str, text: str, answer_at: str) -> bytes:
        """`/fieldview TEXT`, typed by the agent, as a request to the program at this URL."""
        form = {
            "token": "sandbox",
            "team_id": self.world.team,
            "team_domain": "greenacres",
            "channel_id": self.world.channel,
            "channel_name": "growers",
            "user_id": self.world.agent,
            "user_name": "grace",
            "command": "/fieldview",
            "text": text,
            "api_app_id": "A0SANDBOX",
            "is_enterprise_install": "false",
            "response_url": answer_at,
            "trigger_id": f"{next(_numbers)}.{uuid.uuid4().hex}",
        }
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | self._signed(body)
        return request("POST", f"{url}/slack/events", body, headers)

    def suggestion(self, url: str, menu: str, typed: str) -> bytes:
        """What the agent has typed so far into a menu that is filled meanwhile."""
        payload = {
            "type": "block_suggestion",
            "team": {"id": self.world.team, "domain": "greenacres"},
            "user": {"id": self.world.agent, "username": "grace", "team_id": self.world.team},
            "api_app_id": "A0SANDBOX",
            "token": "sandbox",
            "container": {"type": "view", "view_id": "V0SANDBOX"},
            "view": {"id": "V0SANDBOX", "type": "modal", "callback_id": "connect", "private_metadata": ""},
            "action_id": menu,
            "block_id": f"grower-{next(_numbers)}",
            "value": typed,
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | self._signed(body)
        return request("POST", f"{url}/slack/events", body, headers)

    def _signed(self, body: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        secret = self.world.environment["SLACK_SIGNING_SECRET"].encode()
        digest = hmac.new(secret, b":".join((b"v0", at.encode(), body)), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}"}


@dataclass(frozen=True)
class Leaf:
    """Sends alerts: a credential may have died."""

    world: Sandbox

    def alert(self, url: str, credential_id: str) -> bytes:
        """An alert as a request to the program at this URL; each has a time of its own, so none is a repetition."""
        told = {
            "type": "credentialsUnauthenticated",
            "provider": "ClimateFieldView",
            "credentialId": credential_id,
            "status": "UNAUTHENTICATED",
            "timestamp": f"2026-11-24T00:00:00.{next(_numbers):06d}Z",
        }
        body = json.dumps(told).encode()
        digest = hmac.new(self.world.environment["LEAF_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).digest()
        headers = {"Content-Type": "application/json", "X-Leaf-Signature": base64.b64encode(digest).decode()}
        return request("POST", f"{url}/leaf/alerts", body, headers)


class Sweeps:
    """Starts sweeps from outside by putting the timer's own job into the bot's queue."""

    def __init__(self, database_url: str) -> None:
        url = sync_url(parse(database_url)).render_as_string(hide_password=False)
        self._client = DBOSClient(system_database_url=url, serializer=jobs.SealedJson(Vault(SecretStr(KEY))))

    async def start(self) -> str:
        """Let a sweep begin as soon as the bot looks into its queue; returns its id."""
        sweep = f"bench-{uuid.uuid4().hex}"
        # The same options as the bot's own, so that the job cannot tell who started it.
        await self._client.enqueue_async(jobs._options(SWEEP, sweep, jobs.Lane.PATIENT), sweep)
        return sweep

    async def close(self) -> None:
        await asyncio.to_thread(self._client.destroy)
