"""The stage of the demo: one page with a workspace on it, and the operator's levers behind it, over HTTP on loopback.

The page draws the workspace from the Slack sandbox's control interface, mounted at `/slack` on the same origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        # A message's pictures come from the bot, which is on another port of this machine.
        "img-src 'self' data: http://127.0.0.1:* http://localhost:*",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Argument: TypeAlias = str | int

VERBS: Mapping[str, Mapping[str, type[Argument]]] = {
    "revoke": {"grower": str},
    "restrict": {"grower": str},
    "restore": {"grower": str},
    "break": {"service": str, "how": str},
    "heal": {"service": str},
    "jump": {"seconds": int},
    "sweep": {},
}
"""What an operator may do to the world, with the arguments of each verb.

`grower` is a GrowerTruth's id, `service` one of leaf, fieldview and slack (heal: or all), `how` a fault's name.
"""


class NotPossible(Exception):
    """The world refuses a verb; the text is a sentence for the operator."""


@dataclass(frozen=True)
class CommandHint:
    """One slash command as the composer suggests it: `name` connect, `usage` <grower>, `help` a short sentence."""

    name: str
    usage: str
    help: str


@dataclass(frozen=True)
class GrowerTruth:
    """What three parties hold to be true of one grower.

    `fieldview` is granted, restricted, revoked or never; `leaf_status` is Leaf's own word, None without a credential;
    `bot_status` is what the bot believes (healthy, broken, limited, pending, unknown), None when it has no connection;
    `since` is the ISO 8601 time at which the bot began to believe it.
    """

    id: str
    name: str
    email: str
    slack_user: str | None
    fieldview: str
    leaf_status: str | None
    bot_status: str | None
    since: str | None


@dataclass(frozen=True)
class Truth:
    """The state of the world: ISO 8601 time, growers, and the active faults of leaf, fieldview and slack by name."""

    clock: str
    growers: tuple[GrowerTruth, ...]
    faults: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class AuditLine:
    """One row of the audit trail as an operator reads it; `at` is ISO 8601."""

    seq: int
    at: str
    who: str
    what: str
    target: str
    outcome: str


class Backstage(Protocol):
    """What the page needs from the composed demo."""

    async def cast(self) -> list[str]:
        """Slack ids of the people whose screens the page shows, in order; the first one is who asks growers."""

    async def commands(self) -> list[CommandHint]:
        """Every slash command, in the order of the help text."""

    async def truth(self) -> Truth:
        """The world as it is now."""

    async def audit(self, after: int) -> list[AuditLine]:
        """Rows of the audit trail with a number above `after`, oldest first, at most a few hundred."""

    async def do(self, verb: str, arguments: Mapping[str, Argument]) -> str:
        """Do one of VERBS and say in a sentence what happened. Raises NotPossible."""


class SameOriginOnly:
    """ASGI middleware that keeps other web pages away from everything on this origin.

    The Host must be a loopback name (against DNS rebinding); a request that changes something and comes from a browser
    must come from a page of this origin. Programs send neither `Sec-Fetch-Site` nor `Origin` and pass.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if _hostname(headers.get("host", "")) not in LOOPBACK_NAMES:
            return await _refuse(421, "This demo answers on loopback names only.")(scope, receive, send)
        if scope.get("method") not in {"GET", "HEAD"} and _comes_from_elsewhere(headers):
            return await _refuse(403, "Only the demo's own page may do this.")(scope, receive, send)
        return await self._app(scope, receive, send)


class WithHeaders:
    """ASGI middleware that puts the security headers, and `no-cache`, on every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class AtRoot:
    """ASGI adapter that lets a mounted application see its own paths, as if it were not mounted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        await self._app({**scope, "path": inner, "raw_path": inner.encode(), "root_path": ""}, receive, send)


class _Endpoints:
    """The operator's endpoints: JSON in, JSON out, no decisions."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    async def cast(self, request: Request) -> Response:
        return JSONResponse(await self._backstage.cast())

    async def commands(self, request: Request) -> Response:
        return JSONResponse([asdict(command) for command in await self._backstage.commands()])

    async def truth(self, request: Request) -> Response:
        return JSONResponse(asdict(await self._backstage.truth()))

    async def audit(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return _complaint(400, "`after` is the number of an audit row.")
        return JSONResponse([asdict(line) for line in await self._backstage.audit(int(after))])

    async def do(self, request: Request) -> Response:
        try:
            verb, arguments = _order(await request.json())
            return JSONResponse({"ok": True, "said": await self._backstage.do(verb, arguments)})
        except ValueError as error:
            return _complaint(400, str(error))
        except NotPossible as error:
            return _complaint(409, str(error))


def stage(backstage: Backstage, slack: ASGIApp | None = None) -> Starlette:
    """The demo's page and its endpoints; `slack` is the sandbox's application, mounted at `/slack` when given."""
    endpoints = _Endpoints(backstage)
    routes: list[BaseRoute] = [
        Route("/", _page),
        Route("/demo/cast", endpoints.cast),
        Route("/demo/commands", endpoints.commands),
        Route("/demo/truth", endpoints.truth),
        Route("/demo/audit", endpoints.audit),
        Route("/demo/do", endpoints.do, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    if slack is not None:
        routes.append(Mount("/slack", AtRoot(slack)))
    return Starlette(routes=routes, middleware=[Middleware(WithHeaders), Middleware(SameOriginOnly)])


async def _page(request: Request) -> Response:
    return HTMLResponse((HERE / "templates" / "stage.html").read_text(encoding="utf-8"))


def _order(body: object) -> tuple[str, Mapping[str, Argument]]:
    """The verb and arguments of a `POST /demo/do`. Raises ValueError when it is not one of VERBS, exactly."""
    if not isinstance(body, dict) or not isinstance(verb := body.get("verb"), str) or verb not in VERBS:
        raise ValueError(f"The verbs are: {', '.join(VERBS)}.")
    arguments = {name: value for name, value in body.items() if name != "verb"}
    kinds = {name: type(value) for name, value in arguments.items()}
    if kinds != VERBS[verb]:
        raise ValueError(f"{verb} takes exactly: {', '.join(VERBS[verb]) or 'nothing'}.")
    return verb, arguments


def _complaint(status: int, sentence: str) -> Response:
    return JSONResponse({"ok": False, "error": sentence}, status)


def _refuse(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status)


def _hostname(host: str) -> str | None:
    """The name in a Host header, without port; None when it does not parse."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _comes_from_elsewhere(headers: Headers) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return True
    return origin is not None and origin != f"http://{headers.get('host')}"
