"""Leaf's HTTP API, as far as the bot uses it: paths, codes and bodies as Leaf documents them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.sandbox.control import control_routes
from bot.sandbox.leaf.directory import FILTERS
from bot.sandbox.leaf.problems import Problem, missing_fields, refused
from bot.sandbox.leaf.records import PROVIDER, LeafUser, SyncSummary, leaf_time

if TYPE_CHECKING:
    from bot.sandbox.leaf.service import Leaf

USERS = "/services/usermanagement/api/users"
CREDENTIAL = USERS + "/{id}/climate-field-view-credentials"
WEBHOOKS = "/services/alerts/api/alerts/webhooks"
RESOURCES = "/services/integrations/api/resources"
LARGEST_PAGE = 100

_CREDENTIAL_FIELDS = ("clientId", "clientSecret", "apiKey", "refreshToken")
_USER_FIELDS = {"name": "name", "email": "email", "phone": "phone", "address": "address", "externalId": "external_id"}
_VERBS = (
    *("add_user", "populate", "connect", "disconnect", "settle", "notice", "revoke", "limit", "fail", "restore"),
    *("set_status", "sync", "log_event", "send_alerts_to", "alert", "deliver_due", "stale_logins", "limit_rate"),
    *("sync_everybody", "stand_still", "switch", "advance"),
)


def leaf_application(leaf: Leaf) -> ASGIApp:
    """Everything Leaf answers, behind its gate."""
    api = _Api(leaf)
    routes = [
        *control_routes({name: getattr(leaf, name) for name in _VERBS}, leaf.state, lambda: leaf.faults),
        Route("/api/authenticate", api.authenticate, methods=["POST"]),
        Route(USERS, api.list_users, methods=["GET"]),
        Route(USERS, api.create_user, methods=["POST"]),
        Route(USERS, api.replace_user, methods=["PUT"]),
        Route(USERS + "/{id}", api.get_user, methods=["GET"]),
        Route(USERS + "/{id}", api.change_user, methods=["PATCH"]),
        Route(USERS + "/{id}", api.delete_user, methods=["DELETE"]),
        Route(CREDENTIAL, api.get_credential, methods=["GET"]),
        Route(CREDENTIAL, api.create_credential, methods=["POST"]),
        Route(CREDENTIAL, api.delete_credential, methods=["DELETE"]),
        Route(CREDENTIAL + "/events", api.list_events, methods=["GET"]),
        Route(RESOURCES, api.list_resources, methods=["GET"]),
        Route(WEBHOOKS, api.list_webhooks, methods=["GET"]),
        Route(WEBHOOKS, api.create_webhook, methods=["POST"]),
        Route(WEBHOOKS + "/failed-calls", api.list_failed_calls, methods=["GET"]),
        Route(WEBHOOKS + "/{id}", api.get_webhook, methods=["GET"]),
        Route(WEBHOOKS + "/{id}", api.delete_webhook, methods=["DELETE"]),
    ]
    handlers: dict[Any, Any] = {Problem: _answer_problem, HTTPException: _answer_unrouted}
    return _Gate(leaf, Starlette(routes=routes, exception_handlers=handlers))


class _Gate:
    """Turns away whoever asks too often, or without a token that still works."""

    def __init__(self, leaf: Leaf, app: ASGIApp) -> None:
        self._leaf = leaf
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is None:
            return await self._app(scope, receive, send)
        await Request(scope, receive).body()
        return await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        throttle = self._leaf.throttle
        if throttle and not throttle.admits(self._leaf.clock()):
            return _too_many(int(throttle.seconds) if throttle.retry_after else None)
        if scope["path"] == "/api/authenticate":
            return None
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if self._leaf.sessions.accepts(authorization):
            return None
        return Problem(401, "Full authentication is required to access this resource").response(scope["path"])


class _Api:
    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    async def authenticate(self, request: Request) -> Response:
        given = await _json_object(request)
        remember = str(given.get("rememberMe", "false")).lower() == "true"
        token = self._leaf.sessions.log_in(given.get("username"), given.get("password"), remember=remember)
        if token is None:
            raise Problem(401, "Credentials are invalid, or the token is missing, expired, or malformed")
        return JSONResponse({"id_token": token}, headers={"Authorization": f"Bearer {token}"})

    async def list_users(self, request: Request) -> Response:
        asked = {name: request.query_params[name] for name in FILTERS if request.query_params.get(name)}
        chosen = self._leaf.users.select(asked, request.query_params.get("sort", ""))
        number, size = _paging(request)
        page = [self._user_json(user) for user in chosen[number * size : (number + 1) * size]]
        return JSONResponse(page, headers=_page_headers("api/users", asked, number, size, len(chosen)))

    async def get_user(self, request: Request) -> Response:
        return JSONResponse(self._user_json(self._user(request)))

    async def create_user(self, request: Request) -> Response:
        given = await _json_object(request)
        if given.get("id"):
            raise refused("A new user cannot already have an ID", "idexists")
        values = _user_values(given)
        if missing := [name for name in ("name", "email") if not values.get(name)]:
            raise missing_fields("user", missing)
        user = self._leaf.users.add(**values)
        return JSONResponse(self._user_json(user), 201, {"Location": f"/api/users/{user.id}"})

    async def change_user(self, request: Request) -> Response:
        user = self._user(request)
        values = _user_values(await _json_object(request))
        if blank := [name for name in ("name", "email") if name in values and not values[name]]:
            raise missing_fields("user", blank)
        self._leaf.users.change(user, values)
        return JSONResponse(self._user_json(user))

    async def replace_user(self, request: Request) -> Response:
        """The trap Leaf documents: a body without the credentials leaves the user without credentials."""
        given = await _json_object(request)
        user = self._leaf.users.get(str(given.get("id", "")))
        if user is None:
            raise _not_found()
        self._leaf.users.change(user, dict.fromkeys(("phone", "address"), "") | _user_values(given))
        if not given.get("climateFieldViewCredentials"):
            user.credential = None
        return JSONResponse(self._user_json(user))

    async def delete_user(self, request: Request) -> Response:
        self._leaf.users.remove(self._user(request))
        return Response(status_code=204)

    async def get_credential(self, request: Request) -> Response:
        credential = self._user(request).credential
        if credential is None:
            raise _not_found()
        return JSONResponse(credential.as_json())

    async def create_credential(self, request: Request) -> Response:
        user = self._user(request)
        given = await _json_object(request)
        bad = [name for name in _CREDENTIAL_FIELDS if not isinstance(given.get(name), str) or not given[name].strip()]
        if bad:
            raise missing_fields("climateFieldViewCredentials", bad)
        if user.credential is not None and self._leaf.on_second_post == "refuse":
            raise refused("The Leaf User already has Climate FieldView credentials", "credentialsAlreadyExist")
        credential = self._leaf.accept_credential(
            user,
            client_id=given["clientId"],
            client_secret=given["clientSecret"],
            api_key=given["apiKey"],
            refresh_token=given["refreshToken"],
        )
        return JSONResponse(credential.as_json(), 201)

    async def delete_credential(self, request: Request) -> Response:
        user = self._user(request)
        if user.credential is None:
            raise _not_found()
        self._leaf.disconnect(user)
        return Response(status_code=204)

    async def list_events(self, request: Request) -> Response:
        user = self._user(request)
        if user.credential is None:
            raise _not_found()
        return JSONResponse([event.as_json() for event in self._leaf.events_of(user)])

    async def list_resources(self, request: Request) -> Response:
        if request.query_params.get("provider", PROVIDER) != PROVIDER:
            return JSONResponse({"message": "SUCCESS", "summaries": []})
        number, size = _paging(request)
        if asked := request.query_params.get("leafUserId"):
            users = [user for user in (self._leaf.users.get(asked),) if user]
        elif self._leaf.lists_resources == "refuses":
            raise refused("Required request parameter 'leafUserId' is not present", "missingParameter")
        else:
            users = [] if self._leaf.lists_resources == "nobody" else list(self._leaf.users)
            number = 0 if self._leaf.lists_resources == "one_page" else number
        summaries = [_summary_json(user.id, user.summary) for user in users if user.summary]
        return JSONResponse({"message": "SUCCESS", "summaries": summaries[number * size : (number + 1) * size]})

    async def create_webhook(self, request: Request) -> Response:
        webhook = await self._leaf.alerts.register(await _json_object(request))
        return JSONResponse(webhook.as_json(), 201, {"Location": f"/api/alerts/webhooks/{webhook.id}"})

    async def list_webhooks(self, request: Request) -> Response:
        return JSONResponse([webhook.as_json() for webhook in self._leaf.alerts.webhooks.values()])

    async def get_webhook(self, request: Request) -> Response:
        webhook = self._leaf.alerts.webhooks.get(request.path_params["id"])
        if webhook is None:
            raise _not_found()
        return JSONResponse(webhook.as_json())

    async def delete_webhook(self, request: Request) -> Response:
        if self._leaf.alerts.webhooks.pop(request.path_params["id"], None) is None:
            raise _not_found()
        return Response(status_code=204)

    async def list_failed_calls(self, request: Request) -> Response:
        return JSONResponse({"items": self._leaf.alerts.failed_calls})

    def _user(self, request: Request) -> LeafUser:
        user = self._leaf.users.get(request.path_params["id"])
        if user is None:
            raise _not_found()
        return user

    def _user_json(self, user: LeafUser) -> dict[str, Any]:
        return user.as_json(self._leaf.embedded(user))


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.body())
    except ValueError:
        raise Problem(400, "JSON parse error") from None
    if not isinstance(given, dict):
        raise Problem(400, "JSON parse error")
    return given


def _user_values(given: dict[str, Any]) -> dict[str, Any]:
    values = {ours: given[theirs] for theirs, ours in _USER_FIELDS.items() if given.get(theirs) is not None}
    if not all(isinstance(value, str) for value in values.values()):
        raise Problem(400, "JSON parse error")
    return {name: value.strip() for name, value in values.items()}


def _paging(request: Request) -> tuple[int, int]:
    """Page and size; what makes no sense falls back to the default and too large a page is cut, as Spring does."""
    number, size = (_number(request.query_params.get(name)) for name in ("page", "size"))
    return number or 0, min(size or 20, LARGEST_PAGE)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _page_headers(path: str, filters: dict[str, str], number: int, size: int, total: int) -> dict[str, str]:
    """`X-Total-Count` and `Link`, whose URLs are relative and lack the service, as Leaf's are."""
    last = max((total - 1) // size, 0)
    pages = {"next": number + 1, "prev": number - 1, "last": last, "first": 0}
    links = [
        f'<{path}?{urlencode({**filters, "page": page, "size": size})}>;rel="{rel}"'
        for rel, page in pages.items()
        if 0 <= page <= last
    ]
    return {"X-Total-Count": str(total), "Link": ",".join(links)}


def _summary_json(user_id: str, summary: SyncSummary) -> dict[str, Any]:
    return {
        "provider": PROVIDER,
        "leafUserId": user_id,
        "farms": summary.farms,
        "fields": summary.fields,
        "syncReferenceTime": leaf_time(summary.at),
    }


def _too_many(retry_after: int | None) -> Response:
    body = {
        "error": "Request limit exceeded",
        "message": "You have exceeded the request limit. Please try again later.",
        "status_code": 429,
    }
    return JSONResponse(body, 429, None if retry_after is None else {"Retry-After": str(retry_after)})


def _not_found() -> Problem:
    return Problem(404)


async def _answer_problem(request: Request, problem: Problem) -> Response:
    return problem.response(request.url.path)


async def _answer_unrouted(request: Request, error: HTTPException) -> Response:
    return Problem(error.status_code).response(request.url.path)
