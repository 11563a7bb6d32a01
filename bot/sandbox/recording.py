"""Remember which requests a stand-in was sent, so that a test can count them; never their query, headers or body."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REMEMBERED_CALLS = 10_000


@dataclass(frozen=True)
class RecordedCall:
    """One request: `status` is None when the connection was dropped instead of answered.

    `tick` is when it came, in monotonic seconds.
    """

    method: str
    path: str
    status: int | None
    tick: float

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class RequestLog:
    """ASGI middleware that appends to `calls`. Paths under `/_sandbox` are not recorded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.calls: deque[RecordedCall] = deque(maxlen=REMEMBERED_CALLS)

    def matching(self, pattern: str) -> list[RecordedCall]:
        """The calls whose `METHOD /path` contains this regular expression, oldest first."""
        return [call for call in self.calls if re.search(pattern, str(call))]

    def most_within(self, seconds: float, pattern: str = "") -> int:
        """The most matching calls that came in any stretch of so many seconds."""
        ticks = [call.tick for call in self.matching(pattern)]
        return max((sum(start <= tick < start + seconds for tick in ticks) for start in ticks), default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            return await self._app(scope, receive, send)
        status: int | None = None
        came = time.monotonic()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            self.calls.append(RecordedCall(scope["method"], scope["path"], status, came))
