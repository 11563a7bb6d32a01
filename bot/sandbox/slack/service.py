"""The composition: one Slack, as an ASGI application and as an object with the same verbs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from ..faults import Faults
from ..serving import serving
from .administration import Administration
from .control import Control
from .methods import METHODS
from .observation import Observation
from .people import People
from .responses import Responses
from .web_api import WebApi


class Slack(People, Administration, Observation):
    """A stateful stand-in for one Slack workspace with one app installed.

    `app` is the ASGI application; `url` is where it is served, set by `running` or learned from the first request.
    """

    @cached_property
    def faults(self) -> Faults:
        """The verbs of a bad day, in front of everything but the control routes."""
        return Faults(self._routes())

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application; it may be mounted below a path of another one."""
        root = scope.get("root_path", "")
        if not self.url and scope.get("server"):
            host, port = scope["server"]
            self.url = f"http://{host}:{port}{root}"
        if root and scope["path"].startswith(root):
            scope = {**scope, "path": scope["path"][len(root) :], "root_path": ""}
        await self.faults(scope, receive, send)

    def _routes(self) -> Starlette:
        routes = [
            Route("/api/{method}", WebApi(self, METHODS).endpoint, methods=["GET", "POST"]),
            Route("/response/{secret}", Responses(self).endpoint, methods=["POST"]),
            Route("/upload/{file_id}", self._upload, methods=["POST"]),
            Route("/files-pri/{key}/download/{name}", self._download),
            Route("/sign-in", _sign_in),
            WebSocketRoute("/socket", self.sockets.endpoint),
            *Control(self).routes(),
        ]
        return Starlette(routes=routes)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on loopback until the block ends; yields the URL. The Web API is below `/api/`."""
        async with serving(self.app, port) as url:
            self.url = url
            yield url

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL is to be set to."""
        return f"{self.url}/api/"

    def heal(self) -> None:
        """End every fault and every rate limit."""
        self.faults.heal()
        self.rate_limits.clear()

    async def _upload(self, request: Request) -> Response:
        file = self.files.get(request.path_params["file_id"])
        if file is None:
            return PlainTextResponse("not found", 404)
        file.content = await request.body()
        return PlainTextResponse(f"OK - {len(file.content)}")

    async def _download(self, request: Request) -> Response:
        """Without a token that may read files, Slack leads to its page for people to sign in."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.bot_token or self.token_error or "files:read" not in self.scopes:
            return RedirectResponse(f"{self.url}/sign-in", 302)
        file = self.files.get(request.path_params["key"].rpartition("-")[2])
        if file is None or file.content is None:
            return PlainTextResponse("not found", 404)
        return Response(file.content, media_type="application/octet-stream")


async def _sign_in(request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>Sign in</title><p>Sign in to your workspace.")
