"""The client of Leaf's API: one request funnel, short methods, typed errors.

Sources: docs.withleaf.io (user management, alerts, integrations) and Leaf's Postman collection.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx
import tenacity
from pydantic import SecretStr, TypeAdapter, ValidationError

from bot.errors import ProviderGibberish, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.leaf.models import (
    Credential,
    FailedCall,
    FailedCalls,
    LeafUser,
    ProviderEvent,
    Summaries,
    Summary,
    Token,
    UserPage,
    Webhook,
)
from bot.pace import Pace

USERS = "/services/usermanagement/api/users"
ALERTS = "/services/alerts/api/alerts/webhooks"
RESOURCES = "/services/integrations/api/resources"
PROVIDER = "ClimateFieldView"
PAGE_SIZE = 100
"""Leaf's maximum."""

WEBHOOK_NAME = "fieldview-bot"
ALERT_EVENTS = ("credentialsUnauthenticated", "credentialsLimitedPermission")

_REFUSAL_LASTS = 30.0
"""Seconds for which a refused login is not tried again: a wrong password must not become a lock-out."""

_T = TypeVar("_T")
_Users = TypeAdapter(tuple[LeafUser, ...])
_Events = TypeAdapter(tuple[ProviderEvent, ...])
_Webhooks = TypeAdapter(tuple[Webhook, ...])
_User = TypeAdapter(LeafUser)
_Credential = TypeAdapter(Credential)


class LeafClient:
    """Leaf, as one API owner sees it.

    Every method raises ProviderUnavailable, ProviderRefusedUs or ProviderGibberish; methods that change
    something also raise ProviderRejected when Leaf understood and said no.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: SecretStr,
        pace: Pace,
        *,
        attempts: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(20.0, connect=5.0),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
            headers={"Accept": "application/json"},
        )
        self._username = username
        self._password = password
        self._pace = pace
        self._attempts = attempts
        self._sleep = sleep
        self._token: SecretStr | None = None
        self._login = asyncio.Lock()
        self._refused_until = 0.0
        self._logged_in_at: float | None = None
        self.last_success: float | None = None
        """Monotonic time in seconds of the last answer that made sense; None before the first one."""

    @property
    def login_age(self) -> float | None:
        """Seconds since this process logged in; None when it has not."""
        return time.monotonic() - self._logged_in_at if self._logged_in_at is not None else None

    async def close(self) -> None:
        await self._http.aclose()

    async def users(self, page: int) -> UserPage:
        """One page of up to 100 users, with their credentials as far as Leaf embeds them."""
        response = await self._request("GET", USERS, params={"page": page, "size": PAGE_SIZE, "sort": "id,asc"})
        users = _parsed(_Users, response)
        return UserPage(users, _total(response, page, len(users)))

    async def find_users(self, **by: str) -> tuple[LeafUser, ...]:
        """Users by `name`, `email` or `externalId`; how exactly Leaf compares is not documented."""
        return _parsed(_Users, await self._request("GET", USERS, params={**by, "size": PAGE_SIZE}))

    async def user(self, user_id: str) -> LeafUser | None:
        response = await self._request("GET", f"{USERS}/{_segment(user_id)}", accept=(404,))
        return None if response.status_code == 404 else _parsed(_User, response)

    async def create_user(self, name: str, email: str | None, external_id: str | None) -> LeafUser:
        body = {"name": name, "email": email, "externalId": external_id}
        given = {key: value for key, value in body.items() if value}
        return _parsed(_User, await self._request("POST", USERS, json=given))

    async def credential(self, user_id: str) -> Credential | None:
        """The user's FieldView credential, None when there is none."""
        response = await self._request("GET", _credential_path(user_id), accept=(404,))
        return None if response.status_code == 404 else _parsed(_Credential, response)

    async def give_credential(self, user_id: str, body: Mapping[str, SecretStr]) -> Credential:
        """Hand a FieldView refresh token over. `body` needs clientId, clientSecret, apiKey and refreshToken."""
        plain = {key: value.get_secret_value() for key, value in body.items()}
        return _parsed(_Credential, await self._request("POST", _credential_path(user_id), json=plain))

    async def delete_credential(self, user_id: str) -> bool:
        """Remove the user's FieldView credential; False when there was none."""
        response = await self._request("DELETE", _credential_path(user_id), accept=(404,))
        return response.status_code != 404

    async def events(self, user_id: str) -> tuple[ProviderEvent, ...]:
        """FieldView's answers to Leaf in the last 30 days; Leaf erases them with the credential."""
        response = await self._request("GET", f"{_credential_path(user_id)}/events", accept=(404,))
        return () if response.status_code == 404 else _parsed(_Events, response)

    async def data_summary(self, user_id: str) -> Summary | None:
        """What Leaf holds of this user's FieldView data, None when nothing yet."""
        params = {"provider": PROVIDER, "leafUserId": user_id}
        response = await self._request("GET", RESOURCES, params=params, accept=(404,))
        if response.status_code == 404:
            return None
        return next(iter(_summaries(response)), None)

    async def data_summaries(self, page: int) -> tuple[Summary, ...]:
        """One page of what Leaf holds of everybody. That Leaf answers this without a user is not documented.

        Also raises ProviderRejected, when it does not.
        """
        params: dict[str, str | int] = {"provider": PROVIDER, "page": page, "size": PAGE_SIZE}
        return _summaries(await self._request("GET", RESOURCES, params=params))

    async def webhooks(self) -> tuple[Webhook, ...]:
        return _parsed(_Webhooks, await self._request("GET", ALERTS))

    async def register_webhook(self, url: str, secret: SecretStr, events: Sequence[str] = ALERT_EVENTS) -> None:
        """Ask Leaf for alerts. Raises ProviderRejected, code `eventRegisteredTwice`, if somebody else gets them."""
        body = {"events": list(events), "name": WEBHOOK_NAME, "secret": secret.get_secret_value(), "url": url}
        await self._request("POST", ALERTS, json=body)

    async def failed_alerts(self) -> tuple[FailedCall, ...]:
        """Alerts that Leaf could not deliver."""
        response = await self._request("GET", f"{ALERTS}/failed-calls")
        if response.content.lstrip().startswith(b"["):
            return _parsed(TypeAdapter(tuple[FailedCall, ...]), response)
        return _parsed(TypeAdapter(FailedCalls), response).items

    async def log_in(self) -> None:
        """Make sure there is a token. Raises ProviderRefusedUs when Leaf does not accept the login."""
        await self._current_token(stale=None)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Mapping[str, Any] | None = None,
        accept: tuple[int, ...] = (),
    ) -> httpx.Response:
        """Send with a valid token, in pace, again where that is safe; returns only 2xx and what is in `accept`."""
        token = await self._current_token(stale=None)
        response = await self._sent(method, path, params=params, json=json, token=token)
        if response.status_code == 401:
            token = await self._current_token(stale=token)
            response = await self._sent(method, path, params=params, json=json, token=token)
        if "html" in response.headers.get("Content-Type", ""):
            # A gateway's page, whatever its code: above all no 404 that tells of a missing credential.
            raise ProviderGibberish("Leaf", detail=f"HTTP {response.status_code} with a page instead of JSON")
        if response.is_success or response.status_code in accept:
            self.last_success = time.monotonic()
            return response
        raise _failure(response)

    async def _sent(
        self, method: str, path: str, *, token: SecretStr | None, repeatable: bool = False, **body: Any
    ) -> httpx.Response:
        """Send, again if need be: always what was surely not done, the rest only if doing it twice does no harm."""
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        harmless = repeatable or method in ("GET", "DELETE")
        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_pause,
            sleep=self._sleep,
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, ProviderUnavailable) and (harmless or not error.maybe_done)
            ),
            reraise=True,
        ):
            with attempt:
                return await self._attempt(method, path, headers=headers, **body)
        raise AssertionError("the last attempt either returned or raised")

    async def _attempt(self, method: str, path: str, **request: Any) -> httpx.Response:
        await self._pace.turn()
        try:
            response = await self._http.request(method, path, **request)
        except httpx.TransportError as failure:
            # Only a connection that was never made is sure to have changed nothing.
            unsent = isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise ProviderUnavailable("Leaf", detail=type(failure).__name__, maybe_done=not unsent) from failure
        except httpx.RequestError as failure:
            raise ProviderGibberish("Leaf", detail=type(failure).__name__) from failure
        if response.status_code == 429 or response.status_code >= 500:
            raise ProviderUnavailable(
                "Leaf",
                detail=f"HTTP {response.status_code}",
                retry_after=retry_after(response),
                maybe_done=response.status_code != 429,
            )
        return response

    async def _current_token(self, stale: SecretStr | None) -> SecretStr:
        """The token to use; whoever finds it stale first renews it for everybody."""
        if self._token is not None and self._token is not stale:
            return self._token
        async with self._login:
            if self._token is None or self._token is stale:
                self._token = await self._logged_in()
            return self._token

    async def _logged_in(self) -> SecretStr:
        if time.monotonic() < self._refused_until:
            raise ProviderRefusedUs("Leaf", detail="login refused a moment ago", at_login=True)
        body = {"username": self._username, "password": self._password.get_secret_value(), "rememberMe": "true"}
        response = await self._sent("POST", "/api/authenticate", json=body, token=None, repeatable=True)
        if response.status_code in (400, 401, 403):
            self._token = None
            self._refused_until = time.monotonic() + _REFUSAL_LASTS
            raise ProviderRefusedUs("Leaf", detail=f"login: HTTP {response.status_code}", at_login=True)
        if not response.is_success:
            raise _failure(response)
        token = _parsed(TypeAdapter(Token), response).id_token
        self._logged_in_at = time.monotonic()
        return token


def retry_after(response: httpx.Response) -> float | None:
    """Seconds the provider asks to wait, None when it does not say or says it unreadably."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


_backoff = tenacity.wait_random_exponential(multiplier=0.2, max=4)


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return min(asked, 30.0) if asked is not None else _backoff(state)


def _failure(response: httpx.Response) -> ProviderRefusedUs | ProviderRejected | ProviderGibberish:
    if response.status_code in (401, 403):
        return ProviderRefusedUs("Leaf", detail=f"HTTP {response.status_code}")
    if not 400 <= response.status_code < 500:
        return ProviderGibberish("Leaf", detail=f"HTTP {response.status_code}")
    return ProviderRejected(
        "Leaf", detail=f"HTTP {response.status_code}", status=response.status_code, code=_problem_code(response)
    )


def _problem_code(response: httpx.Response) -> str:
    """Leaf's word for the problem: `errorKey`, `title` or `error` of its problem JSON, as far as it is one."""
    try:
        problem = response.json()
    except ValueError:
        return ""
    if not isinstance(problem, dict):
        return ""
    words = (problem.get(key) for key in ("errorKey", "error", "title"))
    return next((word[:80] for word in words if isinstance(word, str) and word), "")


def _parsed(shape: TypeAdapter[_T], response: httpx.Response) -> _T:
    try:
        return shape.validate_json(response.content)
    except ValidationError as invalid:
        raise ProviderGibberish("Leaf", detail=f"{invalid.error_count()} fields did not parse") from None


def _summaries(response: httpx.Response) -> tuple[Summary, ...]:
    """Leaf's summaries of FieldView data, whatever else the answer holds."""
    summaries = _parsed(TypeAdapter(Summaries), response).summaries
    return tuple(summary for summary in summaries if (summary.provider or PROVIDER).casefold() == PROVIDER.casefold())


def _total(response: httpx.Response, page: int, shown: int) -> int:
    """Leaf's number of all users; when it does not tell, a full page means that there may be another."""
    try:
        return int(response.headers["X-Total-Count"])
    except (KeyError, ValueError):
        return page * PAGE_SIZE + shown + (shown >= PAGE_SIZE)


def _segment(text: str) -> str:
    """Text that stays one segment of a path, whatever is in it."""
    return urllib.parse.quote(text, safe="") if text.strip(".") else f"%22{text}%22"


def _credential_path(user_id: str) -> str:
    return f"{USERS}/{_segment(user_id)}/climate-field-view-credentials"
