"""Leaf's alerts: hints that a credential may have died. Leaf is asked before anything is believed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum

import structlog
from pydantic import SecretStr

from bot.announcer import Announcer
from bot.errors import ProviderError
from bot.jobs import KEPT, Queue
from bot.leaf import webhook
from bot.leaf.client import LeafClient
from bot.leaf.registration import Standing, ensure_webhook
from bot.messages import needs
from bot.monitor import ALERT
from storage.database import Database

log = structlog.get_logger(__name__)

TEND = "tend-alerts"
"""The job that sees to our webhook and asks Leaf for the alerts it could not deliver; its subject is the tick."""

_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""What a credential's id may look like: Leaf's are UUIDs, and nothing longer would fit where ids are kept."""


class Reception(Enum):
    """What became of a post to the webhook's address."""

    NOTED = 200
    UNREADABLE = 400
    UNSIGNED = 401


class Alerts:
    """Takes alerts in: the signature over the raw bytes first, then a durable job that asks Leaf."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        secret: SecretStr,
        leaf: LeafClient,
        address: str,
        clock: Callable[[], datetime],
        announcer: Announcer,
    ) -> None:
        self._database = database
        self._queue = queue
        self._secret = secret
        self._leaf = leaf
        self._address = address
        self._clock = clock
        self._announcer = announcer
        self._replayed: set[str] = set()
        """What this process has replayed already: the engine would not start it again, but need not be asked."""

    async def receive(self, body: bytes, signature: str) -> Reception:
        """NOTED when the alert is safely stored, or is one that needs no work; the same body starts one job only."""
        if webhook.is_confirmation(body):
            # Leaf sends this one unsigned when the webhook is registered; there is nothing in it to act on.
            return Reception.NOTED
        if not webhook.is_genuine(self._secret, body, signature):
            log.warning("an alert without Leaf's signature")
            return Reception.UNSIGNED
        return await self._noted(body)

    async def register(self) -> None:
        """Make sure that Leaf sends its alerts here; that somebody else gets them is told once, until it is over."""
        try:
            standing = await ensure_webhook(self._leaf, self._address, self._secret)
        except ProviderError as failure:
            log.warning("the webhook could not be registered now", detail=failure.detail)
            return
        if standing is Standing.TAKEN:
            await self._announcer.tell_operators(needs.alerts_taken())
        elif standing is not Standing.MISSING:
            await self._announcer.all_clear(needs.TAKEN)

    async def tend_job(self, _: str) -> float | None:
        """Job: see that Leaf still sends alerts here, and take in those it could not deliver; each starts one job."""
        await self.register()
        try:
            failed = await self._leaf.failed_alerts()
        except ProviderError as failure:
            log.warning("leaf does not tell which alerts it could not deliver", detail=failure.detail)
            return None
        oldest = self._clock() - KEPT
        for call in failed:
            body = call.request_body.encode()
            ours = call.url == self._address and (call.created_at is None or call.created_at > oldest)
            if not ours or _key(body) in self._replayed or webhook.is_confirmation(body):
                continue
            if await self._noted(body) is Reception.UNREADABLE:
                log.warning("an alert that leaf could not deliver cannot be read")
            self._replayed.add(_key(body))
        return None

    async def _noted(self, body: bytes) -> Reception:
        alert = webhook.parse(body)
        if alert is None or (alert.credential_id and not _ID.fullmatch(alert.credential_id)):
            return Reception.UNREADABLE
        if webhook.concerns_fieldview(alert) and alert.credential_id:
            async with self._database.transaction() as session:
                await self._queue.enqueue(session, ALERT, alert.credential_id, _key(body))
        return Reception.NOTED


def _key(body: bytes) -> str:
    """The same body is the same alert, however often and on whichever way it comes."""
    return f"{ALERT}-{hashlib.sha256(body).hexdigest()[:32]}"
