"""What a service of the outside world can do wrong, as switches in front of its ASGI application."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GATEWAY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong, for every request whose `METHOD /path` matches, `times` times or until removed."""

    matches: re.Pattern[str]
    response: Response | None = None
    delay: float = 0.0
    lose_answer: bool = False
    times: int | None = None
    hits: int = field(default=0, init=False)

    @property
    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times


class Faults:
    """ASGI middleware with the verbs of a bad day. Paths under `/_sandbox` are never harmed.

    Every verb takes `on`, a regular expression searched in `"METHOD /path"`, and `times` (None: until `heal`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.active: list[Fault] = []

    def outage(
        self, on: str = "", *, status: int = 503, times: int | None = None, retry_after: int | None = None
    ) -> Fault:
        """Answer with a server error and a JSON body."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._add(on, times, response=JSONResponse({"message": "Service Unavailable"}, status, headers))

    def html(self, on: str = "", *, status: int = 502, times: int | None = None) -> Fault:
        """Answer with a gateway's HTML page (use status=200 for the nastiest variant)."""
        return self._add(on, times, response=HTMLResponse(GATEWAY_PAGE, status))

    def forbid(self, on: str = "", *, status: int = 403, times: int | None = None) -> Fault:
        """Refuse whoever asks."""
        return self._add(on, times, response=JSONResponse({"message": "Forbidden"}, status))

    def slow(self, seconds: float, on: str = "", *, times: int | None = None) -> Fault:
        """Wait before working on the request."""
        return self._add(on, times, delay=seconds)

    def lose_answer(self, on: str = "", *, times: int | None = 1) -> Fault:
        """Do the work, then drop the connection instead of answering."""
        return self._add(on, times, lose_answer=True)

    def answer(self, response: Response, on: str = "", *, times: int | None = None) -> Fault:
        """Answer with exactly this response."""
        return self._add(on, times, response=response)

    def heal(self) -> None:
        """Remove every fault."""
        self.active.clear()

    def _add(
        self,
        on: str,
        times: int | None,
        *,
        response: Response | None = None,
        delay: float = 0.0,
        lose_answer: bool = False,
    ) -> Fault:
        fault = Fault(re.compile(on), response, delay, lose_answer, times)
        self.active.append(fault)
        return fault

    def _next(self, request_line: str) -> Fault | None:
        for fault in self.active:
            if not fault.spent and fault.matches.search(request_line):
                fault.hits += 1
                return fault
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith("/_sandbox"):
            fault = self._next(f"{scope['method']} {scope['path']}")
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._harmed(fault, scope, receive, send)

    async def _harmed(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.response is not None:
            await Request(scope, receive).body()
            await fault.response(scope, receive, send)
        elif fault.lose_answer:
            await self._app(scope, receive, _swallow)
            scope["drop_connection"]()
        else:
            await self._app(scope, receive, send)


async def _swallow(message: Message) -> None:
    """Take the service's answer and give it to nobody."""
