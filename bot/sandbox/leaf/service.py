"""The Leaf of the sandbox: what it knows, its switches, and the verbs by which a test or the demo changes its world."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from bot.sandbox.clock import Clock
from bot.sandbox.faults import Faults
from bot.sandbox.fieldview import FieldView, RefusedToken
from bot.sandbox.leaf import alerts
from bot.sandbox.leaf.alerts import Alerts, Delivery, Webhook
from bot.sandbox.leaf.api import leaf_application
from bot.sandbox.leaf.directory import Directory, Matching
from bot.sandbox.leaf.logins import Logins
from bot.sandbox.leaf.records import (
    MISSING_PERMISSION,
    NEEDED_SCOPES,
    OK,
    PENDING,
    PROVIDER,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
    Credential,
    CredentialEvent,
    LeafUser,
    SyncSummary,
    leaf_time,
)
from bot.sandbox.recording import RecordedCall, RequestLog

Embeds = Literal["full", "without_status", "empty", "null"]
OnSecondPost = Literal["refuse", "replace"]
Validates = Literal["at_once", "later"]
Lists = Literal["everybody", "refuses", "nobody", "one_page"]
"""How `GET /resources` answers without a `leafUserId`, which is not documented; `one_page` is the same one for ever."""

Who = LeafUser | str

EVENT_LIFETIME = timedelta(days=30)
_ALERT_FOR = {UNAUTHENTICATED: alerts.UNAUTHENTICATED, MISSING_PERMISSION: alerts.LIMITED}
_SWITCHES: dict[str, Any] = {
    "embeds": Embeds,
    "on_second_post": OnSecondPost,
    "validates": Validates,
    "lists_resources": Lists,
    "matching": Matching,
    "pending_status": str,
    "password": str,
}


@dataclass
class Throttle:
    """So many requests per window of seconds, then 429 with or without `Retry-After`."""

    requests: int
    seconds: float = 60.0
    retry_after: bool = False
    seen: deque[datetime] = field(default_factory=deque)

    def admits(self, now: datetime) -> bool:
        window = now - timedelta(seconds=self.seconds)
        while self.seen and self.seen[0] <= window:
            self.seen.popleft()
        if len(self.seen) >= self.requests:
            return False
        self.seen.append(now)
        return True


@dataclass(frozen=True)
class _Answer:
    """What FieldView said when Leaf used a credential, and the status that follows from it."""

    status: str
    code: int
    body: dict[str, Any]


_REVOKED = _Answer(
    UNAUTHENTICATED, 400, {"error": "invalid_grant", "error_description": "Provided Authorization Grant is invalid"}
)
_FORBIDDEN = _Answer(MISSING_PERMISSION, 403, {"message": "Forbidden"})
_BAD_CLIENT = _Answer(UNAUTHENTICATED, 401, {"message": "Unauthorized"})
_DOWN = _Answer(TEMPORARILY_UNAVAILABLE, 503, {"message": "Service Unavailable"})


class Leaf:
    """Leaf over HTTP (`app`), in process (the verbs below), and over `/_sandbox/<verb>` with the same names.

    A verb's `user` is a LeafUser, or an id, externalId, e-mail or name; nobody found raises LookupError.
    Switches: `embeds`, `on_second_post`, `validates`, `pending_status`, `matching`, `alerts.signs_confirmation`.
    """

    def __init__(self, *, clock: Clock, username: str, password: str, webhook_secret: str | None = None) -> None:
        """`webhook_secret` is the default secret of webhooks registered by `send_alerts_to`."""
        self.clock = clock
        self.fieldview: FieldView | None = None
        self.embeds: Embeds = "full"
        self.on_second_post: OnSecondPost = "refuse"
        self.validates: Validates = "at_once"
        self.lists_resources: Lists = "everybody"
        self.pending_status = PENDING
        self.throttle: Throttle | None = None
        self.sessions = Logins(clock, username, password)
        self.users = Directory()
        self.alerts = Alerts(clock, username)
        self.webhook_secret = webhook_secret
        self.faults = Faults(leaf_application(self))
        self.log = RequestLog(self.faults)
        self.app = self.log

    @property
    def username(self) -> str:
        return self.sessions.username

    @property
    def password(self) -> str:
        return self.sessions.password

    @password.setter
    def password(self, value: str) -> None:
        self.sessions.password = value

    @property
    def matching(self) -> Matching:
        """How the filters of `GET /users` match: exact, ignoring_case or substring."""
        return self.users.matching

    @matching.setter
    def matching(self, value: Matching) -> None:
        self.users.matching = value

    @property
    def logins(self) -> int:
        """How often somebody logged in successfully."""
        return self.sessions.count

    @property
    def requests(self) -> deque[RecordedCall]:
        """The last requests: method, path without query, status."""
        return self.log.calls

    # -- users

    def find(self, user: Who) -> LeafUser:
        """The user meant. Raises LookupError."""
        return user if isinstance(user, LeafUser) else self.users.find(user)

    def add_user(
        self, name: str, email: str = "", external_id: str | None = None, phone: str = "", address: str = ""
    ) -> LeafUser:
        """Create a grower without a credential."""
        return self.users.add(name=name, email=email, phone=phone, address=address, external_id=external_id)

    def populate(self, growers: int) -> int:
        """Create that many growers with healthy credentials; returns how many there are now."""
        for number in range(len(self.users) + 1, len(self.users) + growers + 1):
            self.connect(self.add_user(f"Grower {number}", f"grower{number}@example.com", f"crm-{number}"))
        return len(self.users)

    # -- credentials

    def connect(
        self,
        user: Who,
        *,
        status: str = OK,
        scopes: Iterable[str] = NEEDED_SCOPES,
        client_secret: str | None = None,
        api_key: str | None = None,
        refresh_token: str | None = None,
        access_token: str | None = None,
    ) -> Credential:
        """Give a grower a credential without any OAuth behind it, replacing what was there."""
        provider = self.fieldview
        credential = Credential(
            id=str(uuid.uuid4()),
            status=status,
            created_at=self.clock(),
            scopes=tuple(scopes),
            client_id=provider.client_id if provider else "sandbox-client",
            client_secret=client_secret or (provider.client_secret if provider else secrets.token_urlsafe(16)),
            api_key=api_key or (provider.api_key if provider else "partner-sandbox-" + secrets.token_hex(8)),
            refresh_token=refresh_token or secrets.token_urlsafe(24),
            access_token=access_token or secrets.token_urlsafe(24),
        )
        self.find(user).credential = credential
        return credential

    def accept_credential(
        self, user: LeafUser, *, client_id: str, client_secret: str, api_key: str, refresh_token: str
    ) -> Credential:
        """Take a credential that was posted, and validate it at FieldView at once or `later`."""
        credential = Credential(
            id=str(uuid.uuid4()),
            status=self.pending_status,
            created_at=self.clock(),
            scopes=(),
            client_id=client_id,
            client_secret=client_secret,
            api_key=api_key,
            refresh_token=refresh_token,
            access_token=secrets.token_urlsafe(24),
            posted=True,
        )
        user.credential = credential
        if self.validates == "at_once":
            self._record(credential, self._ask_fieldview(credential))
        return credential

    def disconnect(self, user: Who) -> None:
        """Delete the credential; its events and the sync summary go with it."""
        found = self.find(user)
        found.credential = found.summary = None

    async def settle(self) -> list[LeafUser]:
        """Validate every posted credential that still waits, alerting about the bad ones; returns whose they were."""
        waiting = [user for user in self.users if user.credential and user.credential.status == self.pending_status]
        for user in waiting:
            await self.notice(user)
        return waiting

    async def notice(self, user: Who) -> str:
        """Leaf uses the credential and believes what FieldView answers: the new status; alerts when it got worse."""
        credential = self._credential(user)
        before = credential.status
        self._record(credential, self._ask_fieldview(credential))
        if credential.status != before:
            await self._alert_about(credential)
        return credential.status

    async def revoke(self, user: Who) -> None:
        """The grower revoked the grant at FieldView and Leaf has noticed: UNAUTHENTICATED, an event, an alert."""
        credential = self._credential(user)
        if self.fieldview and credential.posted:
            self.fieldview.revoke_token(credential.refresh_token)
        self._record(credential, _REVOKED)
        await self._alert_about(credential)

    async def limit(self, user: Who) -> None:
        """A permission is missing and Leaf has noticed: MISSING_PERMISSION, an event, an alert."""
        credential = self._credential(user)
        credential.scopes = credential.scopes[:-1]
        self._record(credential, _FORBIDDEN)
        await self._alert_about(credential)

    def fail(self, user: Who) -> None:
        """FieldView is down for this grower: TEMPORARILY_UNAVAILABLE and an event. Leaf sends no alert for that."""
        self._record(self._credential(user), _DOWN)

    def restore(self, user: Who) -> None:
        """Healthy again, until Leaf looks at FieldView the next time. Leaf sends no alert for that."""
        credential = self._credential(user)
        credential.scopes = credential.scopes if set(NEEDED_SCOPES) <= set(credential.scopes) else NEEDED_SCOPES
        self._record(credential, self._healthy(credential))

    def set_status(self, user: Who, status: str) -> None:
        """Make the credential's status any word at all, silently."""
        self._credential(user).status = status

    async def sync(self, user: Who, farms: int = 1, fields: int = 1) -> str:
        """Fetch data: renews the tokens at FieldView, as any use does, and updates the summary; returns the status."""
        found = self.find(user)
        credential = self._credential(found)
        if self.fieldview and credential.posted:
            try:
                renewed = self.fieldview.refresh(credential.refresh_token)
            except RefusedToken:
                self._record(credential, _REVOKED)
                await self._alert_about(credential)
                return credential.status
            credential.refresh_token, credential.access_token = renewed["refresh_token"], renewed["access_token"]
        found.summary = SyncSummary(farms, fields, self.clock())
        self._record(credential, self._healthy(credential))
        return credential.status

    async def sync_everybody(self, farms: int = 1, fields: int = 1) -> int:
        """Data moves for everybody whose credential is well; returns how many they are."""
        moving = [user for user in self.users if user.credential and user.credential.status == OK]
        for user in moving:
            await self.sync(user, farms, fields)
        return len(moving)

    def stand_still(self, user: Who, days: float, farms: int = 1, fields: int = 1) -> None:
        """The newest data came in that many days ago; nothing else about the credential changes."""
        self.find(user).summary = SyncSummary(farms, fields, self.clock() - timedelta(days=days))

    def log_event(self, user: Who, status_code: int, body: str, headers: str = "") -> CredentialEvent:
        """Add one raw provider answer to the credential's events."""
        event = CredentialEvent(str(uuid.uuid4()), status_code, body, headers, self.clock())
        self._credential(user).events.append(event)
        return event

    def events_of(self, user: Who) -> list[CredentialEvent]:
        """What Leaf still has: nothing older than 30 days."""
        credential = self._credential(user)
        oldest = self.clock() - EVENT_LIFETIME
        credential.events = [event for event in credential.events if event.created_at > oldest]
        return credential.events

    def embedded(self, user: LeafUser) -> dict[str, Any] | None:
        """What a user's own body carries about FieldView, by the switch `embeds`."""
        if self.embeds == "null":
            return None
        if self.embeds == "empty" or user.credential is None:
            return {}
        body = user.credential.as_json()
        if self.embeds == "without_status":
            del body["status"]
        return body

    # -- alerts

    def send_alerts_to(
        self, url: str, *, events: Sequence[str] = (alerts.UNAUTHENTICATED, alerts.LIMITED), secret: str | None = None
    ) -> Webhook:
        """Register a webhook as an operator would have, without the confirmation call."""
        chosen = secret or self.webhook_secret or alerts.new_secret()
        return self.alerts.add(Webhook(str(uuid.uuid4()), tuple(events), "Alerts", chosen, url))

    async def alert(self, user: Who, type: str = alerts.UNAUTHENTICATED, **changes: Any) -> Delivery | None:
        """Send an alert whatever the truth is; `changes` replace members of its payload. None if nobody listens."""
        if type not in alerts.EVENT_TYPES:
            raise ValueError(f"Leaf knows no event {type!r}")
        credential = self._credential(user)
        payload = self._alert_payload(credential, type) | changes
        delivery = self.alerts.enqueue(payload)
        await self.alerts.deliver_due()
        return delivery

    async def deliver_due(self) -> list[Delivery]:
        """Make every alert attempt that is due by the clock."""
        return await self.alerts.deliver_due()

    async def run(self, poll_seconds: float = 0.25) -> None:
        """Deliver alerts as they fall due, until cancelled. It looks every so often, because the clock may jump."""
        while True:
            await self.alerts.deliver_due()
            await asyncio.sleep(poll_seconds)

    # -- a bad day

    def stale_logins(self) -> None:
        """Every token issued so far gets 401 from now on."""
        self.sessions.forget_all()

    def limit_rate(self, requests: int | None, seconds: float = 60.0, retry_after: bool = False) -> None:
        """Answer 429 beyond that many requests per window; None lifts the limit."""
        self.throttle = None if requests is None else Throttle(requests, seconds, retry_after)

    def switch(self, **values: str) -> None:
        """Set switches by name. Raises ValueError for an unknown switch or value."""
        for name, value in values.items():
            if name not in _SWITCHES or (_SWITCHES[name] is not str and value not in get_args(_SWITCHES[name])):
                raise ValueError(f"no switch {name} = {value!r}")
            setattr(self, name, value)

    def advance(self, seconds: float) -> str:
        """Jump the clock of the whole sandbox."""
        return leaf_time(self.clock.advance(timedelta(seconds=seconds)))

    def state(self) -> dict[str, Any]:
        """What a control panel shows: the first 200 users, webhooks and switches, no secrets."""
        return {
            "now": leaf_time(self.clock()),
            "total_users": len(self.users),
            "users": [user.described() for user in self.users.select({})[:200]],
            "webhooks": [webhook.described() for webhook in self.alerts.webhooks.values()],
            "failed_calls": len(self.alerts.failed_calls),
            "logins": self.logins,
            "requests": len(self.requests),
            "switches": {name: getattr(self, name) for name in _SWITCHES if name != "password"},
        }

    def _credential(self, user: Who) -> Credential:
        found = self.find(user)
        if found.credential is None:
            raise LookupError(f"{found.name} has no FieldView credential")
        return found.credential

    def _ask_fieldview(self, credential: Credential) -> _Answer:
        """Look at the grant without using it up; a seeded credential has no grant behind it and stays as it is."""
        provider = self.fieldview
        if not credential.posted or provider is None:
            credential.scopes = credential.scopes or NEEDED_SCOPES
            healthy = self._healthy(credential)
            return healthy if credential.posted else _Answer(credential.status, healthy.code, healthy.body)
        if not provider.knows_client(credential.client_id, credential.client_secret):
            return _BAD_CLIENT
        if not provider.is_live(credential.refresh_token):
            return _REVOKED
        credential.scopes = tuple(sorted(provider.scopes_of(credential.refresh_token)))
        if credential.api_key != provider.api_key or not set(NEEDED_SCOPES) <= set(credential.scopes):
            return _FORBIDDEN
        return self._healthy(credential)

    def _healthy(self, credential: Credential) -> _Answer:
        body = {
            "access_token": credential.access_token,
            "refresh_token": credential.refresh_token,
            "scope": " ".join(credential.scopes),
            "expires_in": 14400,
        }
        return _Answer(OK, 200, body)

    def _record(self, credential: Credential, answer: _Answer) -> None:
        """Believe the answer and log it as raw text with the request's token in it, as a careless proxy would."""
        credential.status = answer.status
        headers = {
            "Content-Type": "application/json",
            "X-Http-Request-Id": str(uuid.uuid4()),
            "Set-Cookie": f"session={secrets.token_urlsafe(16)}; Secure",
            "Authorization": f"Bearer {credential.access_token}",
        }
        event = CredentialEvent(
            str(uuid.uuid4()), answer.code, json.dumps(answer.body), json.dumps(headers), self.clock()
        )
        credential.events.append(event)

    async def _alert_about(self, credential: Credential) -> None:
        if event_type := _ALERT_FOR.get(credential.status):
            self.alerts.enqueue(self._alert_payload(credential, event_type))
            await self.alerts.deliver_due()

    def _alert_payload(self, credential: Credential, event_type: str) -> dict[str, Any]:
        told = UNAUTHENTICATED if event_type == alerts.UNAUTHENTICATED else MISSING_PERMISSION
        return {
            "credential": credential.client_id,
            "provider": PROVIDER,
            "credentialId": credential.id,
            "message": f"The {PROVIDER} credential changed its status",
            "status": told,
            "type": event_type,
            "timestamp": leaf_time(self.clock()),
        }
