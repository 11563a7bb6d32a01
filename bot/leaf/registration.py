"""Our webhook at Leaf: adopt the one that is there, make one if none is, never touch somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from pydantic import SecretStr

from bot.errors import ProviderError, ProviderRejected
from bot.leaf.client import ALERT_EVENTS, LeafClient

log = structlog.get_logger(__name__)

TAKEN = (
    "Leaf sends its alerts about credentials to another address already, and allows only one. I still find dead "
    "connections by looking, only later. To get alerts at once, forward them from there, or delete that webhook."
)


async def ensure_webhook(
    leaf: LeafClient, address: str, secret: SecretStr, tell_operators: Callable[[str, str], Awaitable[None]]
) -> None:
    """Make sure Leaf sends alerts to this address; what stands in the way is told to the operators."""
    try:
        ours = [webhook for webhook in await leaf.webhooks() if webhook.url == address]
        registered = {event for webhook in ours for event in webhook.events}
        missing = [event for event in ALERT_EVENTS if event not in registered]
        if missing:
            await leaf.register_webhook(address, secret, missing)
    except ProviderRejected as refused:
        log.warning("leaf does not register our webhook", code=refused.code, detail=refused.detail)
        if refused.code == "eventRegisteredTwice":
            await tell_operators("webhook-taken", TAKEN)
    except ProviderError as failure:
        log.warning("the webhook could not be registered now", detail=failure.detail)
