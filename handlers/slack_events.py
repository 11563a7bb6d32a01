"""`POST /slack/events`: Slack's requests, once each, and only if Slack signed them."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qsl

import structlog
from pydantic import SecretStr
from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot import strict_json

log = structlog.get_logger(__name__)

FRESH = 300
"""Seconds for which Slack's signature is good. Source: docs.slack.dev, verifying requests."""


class SlackEvents:
    """Verifies, then parses, then hands over to Bolt what Bolt would get over a socket.

    Bolt's own reading of HTTP bodies loses every command in whose text the word "payload" stands.
    """

    def __init__(self, app: AsyncApp, signing_secret: SecretStr) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret.get_secret_value())
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def receive(self, request: Request) -> Response:
        """401 for what Slack did not sign just now, or sent before; 400 for what is not as Slack writes."""
        body = await request.body()
        signature = request.headers.get("x-slack-signature", "")
        if not self._is_genuine(body, request.headers.get("x-slack-request-timestamp", ""), signature):
            return JSONResponse({"error": "not signed by Slack"}, 401)
        if self._is_replayed(signature):
            return JSONResponse({"error": "already received"}, 401)
        try:
            parsed = parse(body, request.headers.get("content-type", ""))
            bolt_request = AsyncBoltRequest(body=parsed, headers=dict(request.headers), mode="socket_mode")
            answer = await self._app.async_dispatch(bolt_request)
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as stumbled:
            # Bolt takes the shapes of Slack's bodies for granted. What our own listeners raise does not come this way.
            log.warning("signed, but not as Slack writes", reason=type(stumbled).__name__)
            raise HTTPException(400) from None
        return to_starlette_response(answer)

    def _is_genuine(self, body: bytes, timestamp: str, signature: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature)
        except ValueError:
            return False

    def _is_replayed(self, signature: str) -> bool:
        """A signature covers its second and its trigger: it comes twice only if somebody repeats it."""
        now = time.monotonic()
        while self._seen and next(iter(self._seen.values())) < now - 2 * FRESH:
            self._seen.popitem(last=False)
        if signature in self._seen:
            return True
        self._seen[signature] = now
        return False


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """The object Slack sent: JSON, JSON in a form's `payload`, or a form. Raises ValueError."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return _object(body)
    pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field comes twice")
    return _object(fields["payload"]) if "payload" in fields else dict(fields)


def _object(text: str | bytes) -> dict[str, Any]:
    found = strict_json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
