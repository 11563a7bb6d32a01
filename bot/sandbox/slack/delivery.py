"""Everything Slack sends to the app: signed HTTP, or envelopes over a socket when one is connected."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from .sockets import Sockets
from .workspace import Json

PLAIN_HTTP = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # deliveries stay on loopback; loading root certificates takes 20 ms
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
RETRIES = 3


@dataclass(frozen=True)
class Answer:
    """What came back: nothing, a JSON object or text, or the error Slack shows to the person instead."""

    error: str | None = None
    body: Any = None
    reason: str | None = None
    may_retry: bool = True


@dataclass(frozen=True)
class EventDelivery:
    """How the attempts to deliver one event went; None is success, else Slack's retry reason."""

    event_id: str
    attempts: tuple[str | None, ...]

    @property
    def ok(self) -> bool:
        return self.attempts[-1] is None


def sign(secret: str, timestamp: str, body: str) -> str:
    """The value of X-Slack-Signature."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


@dataclass(eq=False)
class Delivery:
    """`patience` is how many seconds the app has to answer; Slack gives it three."""

    signing_secret: str
    sockets: Sockets
    deliver_to: str | None = None
    patience: float = 3.0
    events: dict[str, Json] = field(default_factory=dict)

    async def command(self, fields: dict[str, str]) -> Answer:
        if self.sockets.connected:
            return await self._over_socket("slash_commands", fields, accepts=True)
        return await self._post(urlencode(fields), FORM)

    async def interaction(self, payload: Json) -> Answer:
        if self.sockets.connected:
            return await self._over_socket("interactive", payload, accepts=True)
        return await self._post(urlencode({"payload": json.dumps(payload)}), FORM)

    async def event(self, payload: Json) -> EventDelivery:
        """Deliver, and try again up to three times without the minutes Slack would wait in between."""
        self.events[payload["event_id"]] = payload
        attempts: list[str | None] = []
        while len(attempts) <= RETRIES:
            answer = await self._event_once(payload, len(attempts), attempts[-1] if attempts else None)
            attempts.append(answer.reason if answer.error else None)
            if not answer.error or not answer.may_retry:
                break
        return EventDelivery(payload["event_id"], tuple(attempts))

    async def again(self, event_id: str, reason: str = "http_timeout") -> EventDelivery:
        """Deliver an event once more, as Slack does when an acknowledgement was lost. Raises KeyError."""
        answer = await self._event_once(self.events[event_id], 1, reason)
        return EventDelivery(event_id, (answer.reason if answer.error else None,))

    async def _event_once(self, payload: Json, number: int, reason: str | None) -> Answer:
        if self.sockets.connected:
            return await self._over_socket("events_api", payload, accepts=False, retry=number, reason=reason)
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason or "http_timeout"} if number else {}
        return await self._post(json.dumps(payload), JSON, retry)

    async def _over_socket(
        self, kind: str, payload: Any, *, accepts: bool, retry: int = 0, reason: str | None = None
    ) -> Answer:
        try:
            body = await self.sockets.ask(kind, payload, self.patience, accepts=accepts, retry=retry, reason=reason)
        except TimeoutError:
            return Answer("operation_timeout", reason="timeout")
        return Answer(body=body)

    async def _post(self, body: str, content_type: str, extra: dict[str, str] | None = None) -> Answer:
        if self.deliver_to is None:
            return Answer("dispatch_failed", reason="connection_failed")
        try:
            async with asyncio.timeout(self.patience), httpx.AsyncClient(verify=PLAIN_HTTP, trust_env=False) as client:
                answer = await client.post(
                    self.deliver_to, content=body, headers=self._headers(body, content_type, extra)
                )
        except (TimeoutError, httpx.TimeoutException):
            return Answer("operation_timeout", reason="http_timeout")
        except httpx.HTTPError:
            return Answer("dispatch_failed", reason="connection_failed")
        may_retry = answer.headers.get("X-Slack-No-Retry") != "1"
        if answer.status_code != httpx.codes.OK:
            return Answer("dispatch_failed", reason="http_error", may_retry=may_retry)
        return Answer(body=_body(answer), may_retry=may_retry)

    def _headers(self, body: str, content_type: str, extra: dict[str, str] | None) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self.signing_secret, timestamp, body),
            **(extra or {}),
        }


def _body(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except json.JSONDecodeError:
        return answer.text


def event_payload(event: Json, *, token: str, team: str, app: str, bot: str, at: float) -> Json:
    """The envelope of the Events API around one event."""
    return {
        "token": token,
        "team_id": team,
        "api_app_id": app,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev0{secrets.token_hex(5).upper()}",
        "event_time": int(at),
        "is_ext_shared_channel": False,
        "authorizations": [
            {"enterprise_id": None, "team_id": team, "user_id": bot, "is_bot": True, "is_enterprise_install": False}
        ],
    }
