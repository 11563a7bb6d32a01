"""FieldView's memory: accounts, authorization codes, and the refresh tokens of what growers have granted."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.clock import Clock

CODE_LIFETIME = timedelta(minutes=5)
ACCESS_TOKEN_LIFETIME = timedelta(hours=4)
REFRESH_TOKEN_LIFETIME = timedelta(days=30)
GRACE_AFTER_USE = timedelta(hours=1)

_READ_AND_WRITE = ("fields", "asApplied", "asPlanted", "asHarvested")
KNOWN_SCOPES = frozenset(
    {
        *("openid", "platform", "farmOrganizations:read", "operations:read", "resourceOwners:read", "scouting:read"),
        *("exports:read", "imagery:write", "rx:write", "soil:write", "diagnostics:read"),
        *("plantingActivitySummary:read", "customerInsights:read", "avroAgronomicData:read"),
        *(f"{thing}:{what}" for thing in _READ_AND_WRITE for what in ("read", "write")),
    }
)


class RefusedToken(Exception):
    """The token endpoint's refusal: `error` and `description` are FieldView's own words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


INACTIVE_CODE = ("invalid_grant", "Inactive authorization code received from token request")
DEAD_REFRESH_TOKEN = ("invalid_grant", "Provided Authorization Grant is invalid")
CALLBACK_MISMATCH = ("invalid_grant", "Callback url mismatch")
BAD_SCOPE = ("invalid_scope", "Invalid Scope!")
CREDENTIALS_TWICE = ("invalid_request", "Request body and headers contain authorization information")


@dataclass(eq=False)
class Account:
    """A FieldView login. `grants_only` limits what this person's account can grant; None: whatever is asked."""

    email: str
    firstname: str
    lastname: str
    country: str = "US"
    grants_only: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return f"{self.firstname} {self.lastname}"

    def described(self) -> dict[str, Any]:
        return {"email": self.email, "firstname": self.firstname, "lastname": self.lastname, "country": self.country}


@dataclass(eq=False)
class _Grant:
    account: Account
    scopes: tuple[str, ...]
    revoked: bool = False


@dataclass(eq=False)
class _Code:
    account: Account
    redirect_uri: str
    asked: tuple[str, ...]
    expires_at: datetime
    used: bool = False


@dataclass(eq=False)
class _RefreshToken:
    grant: _Grant
    expires_at: datetime
    used: bool = field(default=False)


class Grants:
    """Codes and tokens. `grants_only` limits every grant from now on, `names_account` says whether answers tell whose
    account it was; lifetimes run by the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _RefreshToken] = {}
        self.grants_only: frozenset[str] | None = None
        self.names_account = True
        self.code_lifetime = CODE_LIFETIME

    def new_code(self, account: Account, redirect_uri: str, asked: Iterable[str]) -> str:
        """A code that one exchange can spend, soon."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(account, redirect_uri, tuple(asked), self._clock() + self.code_lifetime)
        return code

    def exchange(self, code: str, redirect_uri: str) -> dict[str, Any]:
        """Spend a code; returns the token endpoint's answer. Raises RefusedToken."""
        found = self._codes.get(code)
        if found is None or found.used or self._clock() >= found.expires_at:
            raise RefusedToken(*INACTIVE_CODE)
        if redirect_uri != found.redirect_uri:
            raise RefusedToken(*CALLBACK_MISMATCH)
        if not found.asked or not set(found.asked) <= KNOWN_SCOPES:
            raise RefusedToken(*BAD_SCOPE)
        found.used = True
        return self._issue(_Grant(found.account, self._granted(found.account, found.asked)))

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Use a refresh token, once; it stays recognisable for one more hour. Raises RefusedToken."""
        found = self._live(refresh_token)
        if found is None or found.used:
            raise RefusedToken(*DEAD_REFRESH_TOKEN)
        found.used = True
        found.expires_at = min(found.expires_at, self._clock() + GRACE_AFTER_USE)
        return self._issue(found.grant)

    def is_live(self, refresh_token: str) -> bool:
        """Neither revoked nor expired; a used token counts as live for its last hour."""
        return self._live(refresh_token) is not None

    def scopes_of(self, refresh_token: str) -> frozenset[str]:
        """What was granted with this token; nothing for a dead one."""
        found = self._live(refresh_token)
        return frozenset(found.grant.scopes) if found else frozenset()

    def revoke_token(self, refresh_token: str) -> None:
        """End the grant behind a token, whatever tokens descend from it."""
        if found := self._tokens.get(refresh_token):
            found.grant.revoked = True

    def revoke_account(self, account: Account) -> int:
        """End every grant of this account; returns how many lived."""
        ended = {id(token.grant): token.grant for token in self._tokens.values() if token.grant.account is account}
        living = [grant for grant in ended.values() if not grant.revoked]
        for grant in living:
            grant.revoked = True
        return len(living)

    def _live(self, refresh_token: str) -> _RefreshToken | None:
        found = self._tokens.get(refresh_token)
        return found if found and not found.grant.revoked and self._clock() < found.expires_at else None

    def _granted(self, account: Account, asked: tuple[str, ...]) -> tuple[str, ...]:
        limits = [limit for limit in (self.grants_only, account.grants_only) if limit is not None]
        return tuple(scope for scope in asked if all(scope in limit for limit in limits))

    def _issue(self, grant: _Grant) -> dict[str, Any]:
        refresh_token = secrets.token_urlsafe(32)
        self._tokens[refresh_token] = _RefreshToken(grant, self._clock() + REFRESH_TOKEN_LIFETIME)
        return {
            "access_token": secrets.token_urlsafe(32),
            "refresh_token": refresh_token,
            "scope": " ".join(grant.scopes),
            "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            "token_type": "bearer",
            **({"user": grant.account.described()} if self.names_account else {}),
        }
