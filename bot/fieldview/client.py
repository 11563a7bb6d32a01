"""FieldView's OAuth: the address a grower is sent to, and the exchange of the code that comes back.

Sources: dev.fieldview.com/api-details and TheClimateCorporation's api-example.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx
import tenacity
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.errors import ProviderError, ProviderGibberish, ProviderRefusedUs, ProviderRejected, ProviderUnavailable


@dataclass(frozen=True)
class Grant:
    """What a grower's consent brought: the refresh token for Leaf, the scopes granted, whose account it was."""

    refresh_token: SecretStr
    scopes: tuple[str, ...]
    account_email: str | None


class _User(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    email: str | None = None


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    refresh_token: Annotated[SecretStr, Field(min_length=1)]
    scope: str | list[str] | None = None
    user: _User | None = None


class FieldViewClient:
    """The FieldView application of this company."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: SecretStr,
        authorize_url: str,
        token_url: str,
        scopes: str,
        redirect_uri: str,
        attempts: int = 3,
    ) -> None:
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(20.0, connect=5.0),
            auth=(client_id, client_secret.get_secret_value()),
            # A code works once: one sent into a connection that was just closed at the other end would be lost.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._client_id = client_id
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._redirect_uri = redirect_uri
        self._attempts = attempts
        self.scopes = tuple(scopes.split())

    async def close(self) -> None:
        await self._http.aclose()

    def consent_address(self, state: str) -> str:
        """Where to send the grower; `state` is a one-time secret that comes back with the answer."""
        parts = urlsplit(self._authorize_url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        query.setdefault("page", "oidcauthn")
        query |= {
            "scope": " ".join(self.scopes),
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "state": state,
        }
        return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))

    async def exchange(self, code: SecretStr) -> Grant:
        """Turn the code into a refresh token; a code works once.

        Raises ProviderRejected when the code is spent or wrong (ask the grower to consent again),
        ProviderUnavailable with `maybe_done` when nobody knows whether it was spent.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code.get_secret_value(),
            "redirect_uri": self._redirect_uri,
        }
        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=4),
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, ProviderUnavailable) and not error.maybe_done
            ),
            reraise=True,
        ):
            with attempt:
                return _grant(await self._posted(form))
        raise AssertionError("the last attempt either returned or raised")

    async def _posted(self, form: dict[str, str]) -> httpx.Response:
        try:
            response = await self._http.post(self._token_url, data=form, headers={"Accept": "application/json"})
        except httpx.TransportError as failure:
            unsent = isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise ProviderUnavailable("FieldView", detail=type(failure).__name__, maybe_done=not unsent) from failure
        if response.is_success:
            return response
        raise _failure(response)


def _failure(response: httpx.Response) -> ProviderError:
    detail = f"HTTP {response.status_code}, request {response.headers.get('X-Http-Request-Id', 'unnamed')[:64]}"
    if response.status_code in (401, 403):
        return ProviderRefusedUs("FieldView", detail=detail)
    if response.status_code == 429 or response.status_code >= 500:
        # FieldView answered without a token: a spent code shows itself as invalid_grant on the next try.
        return ProviderUnavailable("FieldView", detail=detail)
    error, description = _oauth_error(response)
    return ProviderRejected("FieldView", detail=f"{detail}: {description}", status=response.status_code, code=error)


def _oauth_error(response: httpx.Response) -> tuple[str, str]:
    try:
        body = response.json()
    except ValueError:
        return "", "no JSON"
    if not isinstance(body, dict):
        return "", "no object"
    return str(body.get("error", ""))[:80], str(body.get("error_description", ""))[:200]


def _grant(response: httpx.Response) -> Grant:
    try:
        answer = _TokenAnswer.model_validate_json(response.content)
    except ValidationError as invalid:
        raise ProviderGibberish("FieldView", detail=f"{invalid.error_count()} fields did not parse") from None
    scope = answer.scope.split() if isinstance(answer.scope, str) else answer.scope or []
    return Grant(answer.refresh_token, tuple(scope), answer.user.email if answer.user else None)
