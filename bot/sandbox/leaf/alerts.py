"""Alert webhooks: registration, signed deliveries, Leaf's retry schedule and the calls that failed for good."""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import json
import secrets
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from bot.sandbox.clock import Clock
from bot.sandbox.leaf.problems import Problem, missing_fields, refused

LIMITED = "credentialsLimitedPermission"
UNAUTHENTICATED = "credentialsUnauthenticated"
EVENT_TYPES = frozenset(
    {
        LIMITED,
        UNAUTHENTICATED,
        *("fieldCreated", "fieldBoundaryCreated", "fieldBoundaryUpdated"),
        *("uploadedFileProcessingFinished", "uploadedFileProcessingFailed"),
        *("providerFileProcessingFinished", "providerFileProcessingFailed"),
        *("mergedFileProcessingFinished", "mergedFileProcessingFailed"),
        *("automergedFileProcessingFinished", "automergedFileProcessingFailed"),
        *("operationCreated", "operationUpdated", "operationProcessingFinished"),
        *("newSatelliteImage", "machineCreated", "machineUpdated", "machineDeleted"),
    }
)
RETRIES = (timedelta(minutes=1), timedelta(minutes=30), timedelta(minutes=60), timedelta(minutes=240))
CONFIRMATION = b'{"message": "confirmation of webhook upon registration"}'
# Alerts stay on loopback, and loading the root certificates takes 20 ms.
_PLAIN_HTTP = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_HEADERS = {"Content-Type": "application/json", "Accept": "*/*"}


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Leaf-Signature`: base64 of HMAC-SHA256 over the raw bytes of the body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


@dataclass(frozen=True)
class Webhook:
    """One registered address; Leaf gives its secret back in clear."""

    id: str
    events: tuple[str, ...]
    name: str
    secret: str
    url: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "events": list(self.events), "name": self.name, "secret": self.secret, "url": self.url}

    def described(self) -> dict[str, Any]:
        return {"id": self.id, "events": list(self.events), "name": self.name, "url": self.url}


@dataclass(eq=False)
class Delivery:
    """One alert on its way: `status` is the receiver's last answer, None when there was no connection."""

    webhook: Webhook
    body: bytes
    created_at: datetime
    attempts: int = 0
    status: int | None = None
    response: str = ""
    connection_error: str | None = None
    first_failed_at: datetime | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def described(self) -> dict[str, Any]:
        return {"payload": self.payload, "attempts": self.attempts, "status": self.status, "delivered": self.delivered}

    def as_failed_call(self, api_owner: str) -> dict[str, Any]:
        """One item of `GET /webhooks/failed-calls`."""
        call: dict[str, Any] = {
            "apiOwner": api_owner,
            "createdAt": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "url": self.webhook.url,
        }
        if self.connection_error is None:
            call |= {"status": self.status, "response": self.response}
        call["requestBody"] = self.body.decode()
        return call if self.connection_error is None else call | {"connectionError": self.connection_error}


@dataclass(order=True)
class _Due:
    at: datetime
    number: int
    delivery: Delivery = field(compare=False)


class Alerts:
    """The alert service of one API owner. `signs_confirmation` is a switch: Leaf's documents disagree."""

    def __init__(self, clock: Clock, api_owner: str) -> None:
        self._clock = clock
        self._api_owner = api_owner
        self._queue: list[_Due] = []
        self._number = 0
        self.signs_confirmation = False
        self.timeout_seconds = 10.0
        self.webhooks: dict[str, Webhook] = {}
        self.failed_calls: list[dict[str, Any]] = []

    async def register(self, wanted: dict[str, Any]) -> Webhook:
        """Check, confirm at the address, keep. Raises Problem 400, also when the address does not answer 2xx."""
        _check(wanted)
        self._refuse_second_listener(wanted["events"])
        webhook = Webhook(str(uuid.uuid4()), tuple(wanted["events"]), wanted["name"], wanted["secret"], wanted["url"])
        confirmation = Delivery(webhook, CONFIRMATION, self._clock())
        async with self._client() as client:
            await self._post(client, confirmation, signed=self.signs_confirmation)
        if not confirmation.delivered:
            raise refused("The webhook URL did not confirm the registration", "urlNotConfirmed")
        self._refuse_second_listener(webhook.events)
        return self.add(webhook)

    def add(self, webhook: Webhook) -> Webhook:
        """Keep a webhook without asking its address."""
        self.webhooks[webhook.id] = webhook
        return webhook

    def listener(self, event_type: str) -> Webhook | None:
        """The one webhook that is told about this type of event."""
        return next((webhook for webhook in self.webhooks.values() if event_type in webhook.events), None)

    def enqueue(self, payload: dict[str, Any]) -> Delivery | None:
        """Make an alert due now; None when nobody listens to its type."""
        webhook = self.listener(payload["type"])
        if webhook is None:
            return None
        delivery = Delivery(webhook, json.dumps(payload).encode(), self._clock())
        self._schedule(delivery, self._clock())
        return delivery

    @property
    def next_due(self) -> datetime | None:
        """When the next attempt is to be made; None when nothing waits."""
        return self._queue[0].at if self._queue else None

    async def deliver_due(self) -> list[Delivery]:
        """Make every attempt that is due by the clock, and tell of which deliveries."""
        attempted: list[Delivery] = []
        if not self._is_due():
            return attempted
        async with self._client() as client:
            while self._is_due():
                delivery = heapq.heappop(self._queue).delivery
                if delivery.webhook.id in self.webhooks:
                    await self._attempt(client, delivery)
                    attempted.append(delivery)
        return attempted

    def _is_due(self) -> bool:
        return self.next_due is not None and self.next_due <= self._clock()

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        await self._post(client, delivery, signed=True)
        if delivery.delivered:
            return
        delivery.first_failed_at = delivery.first_failed_at or self._clock()
        if delivery.attempts <= len(RETRIES):
            self._schedule(delivery, delivery.first_failed_at + RETRIES[delivery.attempts - 1])
        else:
            self.failed_calls.append(delivery.as_failed_call(self._api_owner))

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery, *, signed: bool) -> None:
        headers = dict(_HEADERS)
        if signed:
            headers["X-Leaf-Signature"] = signature(delivery.webhook.secret, delivery.body)
        delivery.attempts += 1
        delivery.status, delivery.response, delivery.connection_error = None, "", None
        try:
            answer = await client.post(delivery.webhook.url, content=delivery.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            delivery.connection_error = f"{type(error).__name__}: {error}"
        else:
            delivery.status, delivery.response = answer.status_code, answer.text

    def _schedule(self, delivery: Delivery, at: datetime) -> None:
        self._number += 1
        heapq.heappush(self._queue, _Due(at, self._number, delivery))

    def _refuse_second_listener(self, events: Sequence[str]) -> None:
        for event_type in events:
            if self.listener(event_type):
                raise refused(f"The event {event_type} is already registered", "eventRegisteredTwice")

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=self.timeout_seconds, trust_env=False, verify=_PLAIN_HTTP)


def new_secret() -> str:
    return secrets.token_urlsafe(12)


def _check(wanted: dict[str, Any]) -> None:
    if missing := [name for name in ("events", "name", "secret", "url") if not wanted.get(name)]:
        raise missing_fields("webhook", missing)
    events = wanted["events"]
    if not isinstance(events, list) or not all(isinstance(wanted[name], str) for name in ("name", "secret", "url")):
        raise Problem(400, "JSON parse error")
    if unknown := [event for event in events if event not in EVENT_TYPES]:
        raise refused(f"Unknown events: {', '.join(map(str, unknown))}", "unknownEvent")
    if not wanted["url"].startswith(("http://", "https://")):
        raise refused("The url must be a valid HTTP URL", "invalidUrl")
