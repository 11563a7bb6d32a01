"""Leaf's alerts: hints that a credential may have died. Leaf is asked before anything is believed."""

from __future__ import annotations

import hashlib
import re
from enum import Enum

import structlog
from pydantic import SecretStr

from bot.jobs import Queue
from bot.leaf import webhook
from bot.monitor import ALERT
from storage.database import Database

log = structlog.get_logger(__name__)

_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""What a credential's id may look like: Leaf's are UUIDs, and nothing longer would fit where ids are kept."""


class Reception(Enum):
    """What became of a post to the webhook's address."""

    NOTED = 200
    UNREADABLE = 400
    UNSIGNED = 401


class Alerts:
    """Takes alerts in: the signature over the raw bytes first, then a durable job that asks Leaf."""

    def __init__(self, database: Database, queue: Queue, secret: SecretStr) -> None:
        self._database = database
        self._queue = queue
        self._secret = secret

    async def receive(self, body: bytes, signature: str) -> Reception:
        """NOTED when the alert is safely stored, or is one that needs no work; the same body starts one job only."""
        if webhook.is_confirmation(body):
            # Leaf sends this one unsigned when the webhook is registered; there is nothing in it to act on.
            return Reception.NOTED
        if not webhook.is_genuine(self._secret, body, signature):
            log.warning("an alert without Leaf's signature")
            return Reception.UNSIGNED
        alert = webhook.parse(body)
        if alert is None or (alert.credential_id and not _ID.fullmatch(alert.credential_id)):
            return Reception.UNREADABLE
        if webhook.concerns_fieldview(alert) and alert.credential_id:
            key = f"{ALERT}-{hashlib.sha256(body).hexdigest()[:32]}"
            async with self._database.transaction() as session:
                await self._queue.enqueue(session, ALERT, alert.credential_id, key)
        return Reception.NOTED
