"""The short-lived permissions Slack hands out: trigger ids and response URLs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .errors import SlackError
from .workspace import Message

TRIGGER_LIFETIME = timedelta(seconds=3)
RESPONSE_URL_LIFETIME = timedelta(minutes=30)
RESPONSE_URL_USES = 5


@dataclass(eq=False)
class Trigger:
    """Permission to show this person one modal, for three seconds."""

    user: str
    at: datetime
    made: float
    used: bool = False


@dataclass(eq=False)
class ResponseUrl:
    """Permission to answer one interaction, five times within thirty minutes."""

    user: str
    channel: str
    at: datetime
    source: Message | None = None
    uses: int = 0


@dataclass(eq=False)
class Tickets:
    """All of them, spent ones too, so that Slack can tell spent from unknown."""

    clock: Callable[[], datetime]
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)

    def trigger(self, user: str) -> str:
        trigger_id = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(user, self.clock(), time.monotonic())
        return trigger_id

    def spend_trigger(self, trigger_id: str) -> Trigger:
        """Use it up. Raises SlackError invalid_trigger_id, exchanged_trigger_id or expired_trigger_id."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        really = timedelta(seconds=time.monotonic() - trigger.made)
        if max(really, self.clock() - trigger.at) > TRIGGER_LIFETIME:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def response_url(self, user: str, channel: str, source: Message | None = None) -> str:
        """The secret part of a new response URL."""
        secret = secrets.token_urlsafe(18)
        self.response_urls[secret] = ResponseUrl(user, channel, self.clock(), source)
        return secret

    def spend_response_url(self, secret: str) -> ResponseUrl:
        """Use it once more. Raises SlackError no_such_url, expired_url or used_url."""
        ticket = self.response_urls.get(secret)
        if ticket is None:
            raise SlackError("no_such_url")
        if self.clock() - ticket.at > RESPONSE_URL_LIFETIME:
            raise SlackError("expired_url")
        if ticket.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        ticket.uses += 1
        return ticket
