"""Our webhook at Leaf: adopt the one that is there, make one if none is, never touch somebody else's."""

from __future__ import annotations

from enum import Enum

import structlog
from pydantic import SecretStr

from bot.errors import ProviderRejected
from bot.leaf.client import ALERT_EVENTS, WEBHOOK_NAME, LeafClient

log = structlog.get_logger(__name__)


class Standing(Enum):
    """Where Leaf sends its alerts about credentials."""

    MADE = "here, since this bot asked for it"
    ADOPTED = "here, since somebody had asked for it before"
    TAKEN = "to another address, and Leaf allows only one"
    MISSING = "nowhere"


async def standing(leaf: LeafClient, address: str) -> Standing:
    """Ask Leaf, and change nothing. Raises ProviderError."""
    webhooks = await leaf.webhooks()
    ours = [webhook for webhook in webhooks if webhook.url == address]
    missing = set(ALERT_EVENTS).difference(*(webhook.events for webhook in ours))
    if not missing:
        return Standing.MADE if all(webhook.name == WEBHOOK_NAME for webhook in ours) else Standing.ADOPTED
    elsewhere = {event for webhook in webhooks if webhook.url != address for event in webhook.events}
    return Standing.TAKEN if missing & elsewhere else Standing.MISSING


async def ensure_webhook(leaf: LeafClient, address: str, secret: SecretStr) -> Standing:
    """Make sure Leaf sends alerts to this address, as far as nobody else gets them. Raises ProviderError."""
    found = await standing(leaf, address)
    if found in (Standing.MADE, Standing.ADOPTED):
        return found
    taken = {event for webhook in await leaf.webhooks() for event in webhook.events}
    try:
        for_us = [event for event in ALERT_EVENTS if event not in taken]
        if for_us:
            await leaf.register_webhook(address, secret, for_us)
    except ProviderRejected as refused:
        log.warning("leaf does not register our webhook", code=refused.code, detail=refused.detail)
    # Asked again whatever was answered: another replica may have been first.
    return await standing(leaf, address)
