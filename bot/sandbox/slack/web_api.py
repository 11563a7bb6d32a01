"""The funnel every call of the Web API goes through: token, rate limit, scope, method, log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from .core import Core
from .errors import RateLimited, SlackError, bad_arguments
from .workspace import Json


@dataclass(frozen=True)
class Args:
    """The arguments of one call, from a query, a form or a JSON body."""

    values: Json

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return None if value is None or value == "" else str(value)

    def need(self, name: str) -> str:
        """Raises SlackError invalid_arguments when it is missing."""
        if (value := self.text(name)) is None:
            raise bad_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.values.get(name) or default)
        except ValueError:
            raise bad_arguments(f"must provide an integer [json-pointer:/{name}]") from None

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """A structured argument; forms carry it as JSON text. Raises SlackError with that error."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except json.JSONDecodeError:
            raise SlackError(error) from None


@dataclass(frozen=True)
class Method:
    """A method of the Web API. With several scopes any one of them will do; without one it needs none."""

    run: Callable[[Core, Args], Json]
    scopes: tuple[str, ...] = ()
    for_app_token: bool = False


async def read_arguments(request: HttpRequest) -> Args:
    """Query, form fields and JSON object in one dict."""
    values: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await request.body()
        try:
            values |= json.loads(body) if body else {}
        except (ValueError, TypeError):
            raise SlackError("invalid_json") from None
    else:
        values |= dict(await request.form())
    return Args(values)


class WebApi:
    """`/api/<method>`."""

    def __init__(self, core: Core, methods: dict[str, Method]) -> None:
        self._core = core
        self._methods = methods

    async def endpoint(self, request: HttpRequest) -> JSONResponse:
        name, channel = request.path_params["method"], None
        headers: dict[str, str] = {}
        try:
            args = await read_arguments(request)
            channel = args.text("channel") or args.text("channel_id")
            body = {"ok": True, **self._answer(name, args, request.headers.get("authorization"), channel, headers)}
            status, error = 200, None
        except RateLimited as limited:
            body, status, error = {"ok": False, "error": limited.error}, 429, limited.error
            headers["Retry-After"] = str(limited.retry_after)
        except SlackError as refused:
            body, status, error = {"ok": False, "error": refused.error, **refused.details}, 200, refused.error
        self._core.note(name, channel, error)
        return JSONResponse(body, status, headers)

    def _answer(
        self, name: str, args: Args, authorization: str | None, channel: str | None, headers: dict[str, str]
    ) -> Json:
        core = self._core
        method = self._methods.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        self._check_token((authorization or "").removeprefix("Bearer ") or args.text("token"), method)
        headers["x-oauth-scopes"] = ",".join(sorted(core.scopes))
        headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
        for limit in core.rate_limits:
            if limit.strikes(name, channel):
                limit.hits += 1
                raise RateLimited(limit.retry_after)
        if method.scopes and not method.for_app_token:
            core.need_scope(*method.scopes)
        return method.run(core, args)

    def _check_token(self, token: str | None, method: Method) -> None:
        if not token:
            raise SlackError("not_authed")
        if self._core.token_error:
            raise SlackError(self._core.token_error)
        if token not in (self._core.bot_token, self._core.app_token):
            raise SlackError("invalid_auth")
        if (token == self._core.app_token) != method.for_app_token:
            raise SlackError("not_allowed_token_type")


def paged(args: Args, everything: list[Any], most: int = 1000) -> tuple[list[Any], Json]:
    """One page by `cursor` and `limit`, and the `response_metadata` that leads to the next."""
    start = int(args.text("cursor") or 0) if (args.text("cursor") or "0").isdigit() else None
    if start is None or start > len(everything):
        raise SlackError("invalid_cursor")
    end = start + max(1, min(args.number("limit", 100), most))
    return everything[start:end], {"next_cursor": str(end) if end < len(everything) else ""}
