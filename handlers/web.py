"""The only list of URLs, and the edge where errors become pages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from bot.alerts import Alerts
from bot.bot import Bot
from handlers.browser import is_own_click
from handlers.callback import DONE, ELSEWHERE, Callback
from handlers.consent import ConsentPages
from handlers.leaf_alerts import LeafAlerts
from handlers.limits import Limits, Network, Rates
from handlers.operations import Operations
from handlers.pages import Pages
from handlers.slack_events import SlackEvents

log = structlog.get_logger(__name__)

HSTS = "max-age=63072000; includeSubDomains"

LARGEST_BODY = 1_000_000
"""Bytes of a request's body; Slack's and Leaf's are far smaller."""

BODY_WITHIN = 15.0
"""Seconds in which a body has to be here: who sends a byte now and then holds a place for nothing."""

SECRET_BEARING = ("/connect", "/oauth")
"""Below these, addresses hold secrets of a grower's: links, states, codes."""

GUARDS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
"""What every answer there says, unless it says something else about the same."""


@dataclass(frozen=True)
class Site:
    """Everything that answers HTTP, and where it is reached.

    `slack_events` is None when Slack's traffic comes over Socket Mode, `alerts` when Leaf sends none.
    """

    bot: Bot
    pages: Pages
    public_url: str
    scopes: tuple[str, ...]
    slack_events: SlackEvents | None
    alerts: Alerts | None
    trusted_proxies: tuple[Network, ...] = ()
    rates: Rates = field(default_factory=Rates)


def web_app(site: Site) -> Edge:
    """The ASGI application with every URL of the program."""
    consent = ConsentPages(site.bot, site.pages, site.public_url, site.scopes)
    callback = Callback(site.bot, site.pages, site.public_url)
    limits = Limits(site.pages, site.trusted_proxies, site.rates)
    operations = Operations(site.bot.readiness)
    routes = [
        Route("/connect/{token}", limits.looks(consent.show), methods=["GET"]),
        Route("/connect/{token}", limits.presses(consent.go_on), methods=["POST"]),
        Route("/connect/{token}/decline", limits.presses(consent.decline), methods=["POST"]),
        Route("/connect/{token}/renew", limits.presses(consent.ask_again), methods=["POST"]),
        Route("/oauth/fieldview/callback", limits.looks(callback.receive), methods=["GET"]),
        Route(DONE, limits.looks(callback.show), methods=["GET"]),
        Route(ELSEWHERE, limits.looks(callback.show_foreign), methods=["GET"]),
        Route("/healthz", operations.alive, methods=["GET"]),
        Route("/readyz", operations.ready, methods=["GET"]),
        Route("/metrics", operations.metrics, methods=["GET"]),
    ]
    if site.slack_events is not None:
        # The first that is looked at: nothing else comes as often, or has to be answered as soon.
        routes.insert(0, Route("/slack/events", site.slack_events.receive, methods=["POST"]))
    if site.alerts is not None:
        routes.append(Route("/leaf/alerts", LeafAlerts(site.alerts).receive, methods=["POST"]))
    handlers = {HTTPException: _refused(site.pages), Exception: crashed(site.pages)}
    application = Starlette(routes=routes, exception_handlers=handlers)
    # A redirect to the path without its last slash would be made of the Host header, which anybody may set.
    application.router.redirect_slashes = False
    return Edge(application, site.public_url)


def _refused(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, refusal: Exception) -> Response:
        if not isinstance(refusal, HTTPException):
            return _said(400)
        asks_for_page = "text/html" in request.headers.get("accept", "") or request.url.path.startswith("/connect/")
        if refusal.status_code == 404 and asks_for_page:
            return pages.for_request(request).unknown()
        return _said(refusal.status_code, refusal.headers)

    return answer


def _said(status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": _WORDS.get(status, "refused")}, status, dict(headers or {}))


def crashed(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The answer to a crash of ours: a page with the reference under which the log has it."""

    async def answer(request: Request, crash: Exception) -> Response:
        return pages.for_request(request).error(request.scope["request_id"])

    return answer


_WORDS = {
    400: "malformed",
    404: "not found",
    405: "method not allowed",
    408: "too slow",
    413: "too large",
    415: "encoded",
}


class Edge:
    """Outermost: a request id for the logs, limits on bodies, nothing that another site's page sends, over TLS the
    promise to stay with it, no address kept or passed on that holds a secret, and no traceback but in the log."""

    def __init__(self, app: Starlette, public_url: str) -> None:
        self._app = app
        self._public_url = public_url
        self._promise = ((b"strict-transport-security", HSTS.encode()),) if public_url.startswith("https://") else ()

    @property
    def routes(self) -> list[Route]:
        """Every URL there is."""
        return [route for route in self._app.routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        reference = uuid.uuid4().hex[:12]
        scope["request_id"] = reference
        send = self._with_headers(scope, send)
        with structlog.contextvars.bound_contextvars(request_id=reference):
            try:
                if scope["method"] not in ("GET", "HEAD"):
                    if not is_own_click(Request(scope), self._public_url):
                        refusal = JSONResponse({"error": "this was not sent from our own page"}, 403)
                        return await refusal(scope, receive, send)
                    receive = await _whole(scope, receive)
                await self._app(scope, receive, send)
            except HTTPException as refused:
                await _said(refused.status_code, refused.headers)(scope, receive, send)
            except ClientDisconnect:
                log.info("a client went away in mid-sentence", route=_route(scope))
            except Exception:
                # Starlette has answered it already, with `crashed`.
                log.exception("a request crashed", route=_route(scope))

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        ours = (*self._promise, *(GUARDS if _holds_secrets(scope["path"]) else ()))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                message = {**message, "headers": [*given, *(each for each in ours if each[0] not in names)]}
            await send(message)

        return sending


def _holds_secrets(path: str) -> bool:
    """Whether the path is one of those, or was meant to be: with slashes or capitals that no route takes."""
    return f"/{path.lstrip('/').lower()}".startswith(SECRET_BEARING)


async def _whole(scope: Scope, receive: Receive) -> Receive:
    """The body, all of it, before anybody acts on the request. Raises HTTPException, so that nothing is carried out:
    415 when it is compressed, 413 when it is too large, 408 when it does not come. Raises ClientDisconnect."""
    headers = Request(scope).headers
    packed = any(coding.lower() != "identity" for coding in headers.getlist("content-encoding"))
    if packed:
        raise HTTPException(415)
    promised = headers.get("content-length", "")
    size, body = int(promised) if promised.isdecimal() and len(promised) < 20 else 0, bytearray()
    deadline, more = asyncio.get_running_loop().time() + BODY_WITHIN, True
    while True:
        if max(size, len(body)) > LARGEST_BODY:
            raise HTTPException(413)
        if not more:
            break
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again


def _route(scope: Scope) -> str:
    """The route's pattern, never the path itself: paths of consent links are secrets."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "unmatched"
