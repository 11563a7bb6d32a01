"""Leaf, FieldView and Slack together, on real sockets and one clock."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bot.sandbox.clock import Clock
from bot.sandbox.fieldview import FieldView
from bot.sandbox.leaf import Leaf
from bot.sandbox.serving import serving

if TYPE_CHECKING:
    from bot.sandbox.slack import Slack


@dataclass(frozen=True)
class World:
    """Everything outside the program. Secrets are new in every world."""

    clock: Clock
    leaf: Leaf
    fieldview: FieldView
    slack: Slack
    leaf_url: str
    fieldview_url: str
    slack_url: str

    @classmethod
    @asynccontextmanager
    async def running(
        cls, clock: Clock | None = None, *, port_base: int | None = None, delivers_alerts: bool = False
    ) -> AsyncIterator[Self]:
        """Serve the world until the block ends, on free ports or on three from `port_base` on.

        `delivers_alerts` runs Leaf's retries in the background; without it a test calls `leaf.deliver_due()`.
        Raises OSError when a port is taken.
        """
        clock = clock or Clock()
        leaf, fieldview, slack = _leaf(clock), _fieldview(clock), _slack(clock)
        leaf.fieldview = fieldview
        ports = (0, 0, 0) if port_base is None else (port_base, port_base + 1, port_base + 2)
        async with (
            serving(leaf.app, ports[0]) as leaf_url,
            serving(fieldview.app, ports[1]) as fieldview_url,
            serving(slack.app, ports[2]) as slack_url,
        ):
            slack.url = slack_url
            world = cls(clock, leaf, fieldview, slack, leaf_url, fieldview_url, slack_url)
            if not delivers_alerts:
                yield world
                return
            async with _background(leaf):
                yield world

    def environment(self) -> dict[str, str]:
        """The settings by which the program lives in this world; where it listens itself is for the caller to add."""
        webhook_secret = self.leaf.webhook_secret
        settings = {
            "SLACK_API_URL": f"{self.slack_url}/api/",
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.delivery.signing_secret,
            "LEAF_API_URL": self.leaf_url,
            "LEAF_USERNAME": self.leaf.username,
            "LEAF_PASSWORD": self.leaf.password,
            "FIELDVIEW_AUTHORIZE_URL": f"{self.fieldview_url}/static/app-login/index.html",
            "FIELDVIEW_TOKEN_URL": f"{self.fieldview_url}/api/oauth/token",
            "FIELDVIEW_CLIENT_ID": self.fieldview.client_id,
            "FIELDVIEW_CLIENT_SECRET": self.fieldview.client_secret,
            "FIELDVIEW_API_KEY": self.fieldview.api_key,
        }
        return settings | ({"LEAF_WEBHOOK_SECRET": webhook_secret} if webhook_secret else {})


def _leaf(clock: Clock) -> Leaf:
    return Leaf(
        clock=clock,
        username="owner@example.com",
        password=secrets.token_urlsafe(16),
        webhook_secret=secrets.token_urlsafe(16),
    )


def _fieldview(clock: Clock) -> FieldView:
    return FieldView(
        clock=clock,
        client_id="sandbox-client",
        client_secret=secrets.token_urlsafe(24),
        api_key=f"partner-sandbox-{secrets.token_hex(16)}",
    )


def _slack(clock: Clock) -> Slack:
    # Imported late, so that a world of its own making can do without Slack's many parts.
    from bot.sandbox.slack import Slack

    return Slack(
        clock=clock,
        signing_secret=secrets.token_hex(16),
        bot_token=f"xoxb-{secrets.token_urlsafe(24)}",
        app_token=f"xapp-{secrets.token_urlsafe(24)}",
    )


@asynccontextmanager
async def _background(leaf: Leaf) -> AsyncIterator[None]:
    task = asyncio.create_task(leaf.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
