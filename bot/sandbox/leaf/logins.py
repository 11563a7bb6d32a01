"""The API owner's logins: tokens that look like JWTs and go stale by the sandbox's clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta

from bot.sandbox.clock import Clock

SHORT_LOGIN = timedelta(hours=24)
LONG_LOGIN = timedelta(days=30)


class Logins:
    """One API owner. `count` is how often somebody logged in successfully."""

    def __init__(self, clock: Clock, username: str, password: str) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._expiry: dict[str, datetime] = {}
        self.username = username
        self.password = password
        self.count = 0

    def log_in(self, username: object, password: object, *, remember: bool) -> str | None:
        """A new token for 24 hours, or 30 days when remembered; None for wrong credentials."""
        if (username, password) != (self.username, self.password):
            return None
        self.count += 1
        expires_at = self._clock() + (LONG_LOGIN if remember else SHORT_LOGIN)
        token = self._jwt(
            {"sub": self.username, "auth": "ROLE_USER", "exp": int(expires_at.timestamp()), "jti": self.count}
        )
        self._expiry[token] = expires_at
        return token

    def accepts(self, authorization: str) -> bool:
        """Whether this `Authorization` header carries a token that still works."""
        scheme, _, token = authorization.partition(" ")
        expires_at = self._expiry.get(token)
        return scheme.lower() == "bearer" and expires_at is not None and self._clock() < expires_at

    def forget_all(self) -> None:
        """Every token issued so far stops working, as after a restart with a new signing key."""
        self._expiry.clear()

    def _jwt(self, claims: dict[str, object]) -> str:
        signed = b".".join(_segment(json.dumps(part).encode()) for part in ({"alg": "HS512", "typ": "JWT"}, claims))
        return (signed + b"." + _segment(hmac.digest(self._key, signed, hashlib.sha512))).decode()


def _segment(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
