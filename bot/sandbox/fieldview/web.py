"""FieldView over HTTP: the authorize page, which works without JavaScript, and the token endpoint."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox.control import control_routes
from bot.sandbox.fieldview.grants import CREDENTIALS_TWICE, RefusedToken

if TYPE_CHECKING:
    from bot.sandbox.fieldview.service import AuthorizeRequest, FieldView

LOGIN_PAGE = "/static/app-login/index.html"
DECISION = "/static/app-login/decision"
_VERBS = ("add_account", "revoke", "approve", "deny", "allow_redirect", "switch", "advance")
_FORM = "application/x-www-form-urlencoded"
_SCOPE_WORDS = {
    "fields": "Fields and boundaries",
    "farmOrganizations": "Farm organizations",
    "resourceOwners": "Farm and field owners",
    "asPlanted": "Planting records",
    "asApplied": "Application records",
    "asHarvested": "Harvest records",
    "operations": "Operations",
    "scouting": "Scouting notes",
    "imagery": "Imagery",
    "soil": "Soil samples",
    "rx": "Prescriptions",
}
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_templates = Environment(loader=PackageLoader("bot.sandbox.fieldview"), autoescape=True, undefined=StrictUndefined)


def fieldview_application(fieldview: FieldView) -> ASGIApp:
    """Everything FieldView answers."""
    page = _LoginPage(fieldview)
    tokens = _TokenEndpoint(fieldview)
    return Starlette(
        routes=[
            *control_routes(
                {name: getattr(fieldview, name) for name in _VERBS}, fieldview.state, lambda: fieldview.faults
            ),
            Route(LOGIN_PAGE, page.show, methods=["GET"]),
            Route(DECISION, page.decide, methods=["POST"]),
            Route("/api/oauth/token", tokens.answer, methods=["POST"]),
        ]
    )


class RequestIds:
    """Gives every answer an `X-Http-Request-Id`, as FieldView does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-http-request-id", str(uuid.uuid4()).encode())]
            await send(message)

        await self._app(scope, receive, with_id)


class _LoginPage:
    def __init__(self, fieldview: FieldView) -> None:
        self._fieldview = fieldview

    async def show(self, request: Request) -> Response:
        """Sign in first; with an account chosen (`as`), approve or deny."""
        params = dict(request.query_params)
        email = params.pop("as", None)
        try:
            asked = self._fieldview.check(params)
        except ValueError as error:
            return self._error(str(error))
        if email is None:
            return self._sign_in(asked)
        try:
            account = self._fieldview.account(email)
        except LookupError:
            return self._sign_in(asked, unknown=email)
        return self._page("consent.html", asked, account=account, permissions=_in_words(asked.scopes))

    async def decide(self, request: Request) -> Response:
        params = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        email, decision = params.pop("as", ""), params.pop("decision", "")
        try:
            asked, account = self._fieldview.check(params), self._fieldview.account(email)
        except (ValueError, LookupError) as error:
            return self._error(str(error))
        decided = self._fieldview.approved if decision == "approve" else self._fieldview.denied
        return RedirectResponse(decided(asked, account), 303, {"Cache-Control": "no-store"})

    def _sign_in(self, asked: AuthorizeRequest, unknown: str | None = None) -> Response:
        accounts = list(self._fieldview.accounts.values())
        return self._page("sign_in.html", asked, accounts=accounts, unknown=unknown)

    def _page(self, template: str, asked: AuthorizeRequest, **values: object) -> Response:
        html = _templates.get_template(template).render(
            application=self._fieldview.application, params=asked.params, here=LOGIN_PAGE, decision=DECISION, **values
        )
        return HTMLResponse(html, headers=_PAGE_HEADERS)

    def _error(self, reason: str) -> Response:
        return HTMLResponse(_templates.get_template("error.html").render(reason=reason), 400, _PAGE_HEADERS)


class _TokenEndpoint:
    def __init__(self, fieldview: FieldView) -> None:
        self._fieldview = fieldview

    async def answer(self, request: Request) -> Response:
        try:
            answer = self._grant(request, dict(parse_qsl((await request.body()).decode(errors="replace"))))
        except RefusedToken as refusal:
            headers = {"WWW-Authenticate": "Basic"} if refusal.status == 401 else {}
            body = {"error": refusal.error, "error_description": refusal.description}
            return JSONResponse(body, refusal.status, {"Cache-Control": "no-store", **headers})
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _grant(self, request: Request, form: dict[str, str]) -> dict[str, object]:
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM:
            raise RefusedToken("invalid_request", f"Content-Type must be {_FORM}")
        self._authenticate(request.headers.get("Authorization", ""), form)
        grant_type = form.get("grant_type")
        if grant_type == "authorization_code":
            return self._fieldview.exchange(form.get("code", ""), form.get("redirect_uri", ""))
        if grant_type == "refresh_token":
            return self._fieldview.refresh(form.get("refresh_token", ""))
        raise RefusedToken("unsupported_grant_type", "Unsupported grant type")

    def _authenticate(self, authorization: str, form: dict[str, str]) -> None:
        if authorization and ("client_secret" in form or "client_id" in form):
            raise RefusedToken(*CREDENTIALS_TWICE)
        if not self._fieldview.knows_client(*_basic(authorization)):
            raise RefusedToken("invalid_client", "Client authentication failed", 401)


def _basic(authorization: str) -> tuple[str, str]:
    """User and password of a Basic header; two empty strings for anything else."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return "", ""
    user, _, password = decoded.partition(":")
    return (user, password) if scheme.lower() == "basic" else ("", "")


def _in_words(scopes: tuple[str, ...]) -> dict[str, list[str]]:
    """What each scope means to a grower, by what the application may do with it."""
    words: dict[str, list[str]] = {"read": [], "change": []}
    for scope in scopes:
        thing, _, what = scope.partition(":")
        if thing not in ("", "openid"):
            words["change" if what == "write" else "read"].append(_SCOPE_WORDS.get(thing, thing))
    return words


def _breakable(email: str) -> Markup:
    """An e-mail address that a narrow screen breaks after the @ and not inside a word."""
    return Markup("@<wbr>").join(escape(part) for part in email.split("@"))


_templates.filters["breakable"] = _breakable
