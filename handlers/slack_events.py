"""`POST /slack/events`: Slack's requests, once each, and only if Slack signed them."""

from __future__ import annotations

import time
from collections import OrderedDict

from pydantic import SecretStr
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

FRESH = 300
"""Seconds for which Slack's signature is good. Source: docs.slack.dev, verifying requests."""


class SlackEvents:
    """Verifies before anything is parsed. Bolt verifies again; what it would crash on never reaches it."""

    def __init__(self, app: AsyncApp, signing_secret: SecretStr) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret.get_secret_value())
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def receive(self, request: Request) -> Response:
        """401 for what Slack did not sign just now, or sent before."""
        body = await request.body()
        signature = request.headers.get("x-slack-signature", "")
        if not self._is_genuine(body, request.headers.get("x-slack-request-timestamp", ""), signature):
            return JSONResponse({"error": "not signed by Slack"}, 401)
        if self._is_replayed(signature):
            return JSONResponse({"error": "already received"}, 401)
        try:
            bolt_request = to_async_bolt_request(request, body)
        except ValueError:
            raise HTTPException(400) from None
        return to_starlette_response(await self._app.async_dispatch(bolt_request))

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
