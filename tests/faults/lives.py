"""Which life of the program posted what, and what the database knew when that life ended.

Every life is given an address of Slack's of its own. So a message that stands twice can be laid at one kill's door,
exactly: the one that ended its sender before the database knew where Slack had put the message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox.slack import workspace
from tests.program import Program

Spot = tuple[str, str]
"""Where a message stands in Slack: its channel and its ts."""


@dataclass(eq=False)
class Life:
    """One process from its start to its end. `knew` is what the database knew right after it was killed."""

    number: int
    killed_at: datetime | None = None
    knew: frozenset[Spot] = frozenset()

    def died_before_it_knew(self, spot: Spot) -> bool:
        """Whether it was killed between sending this message and writing down what Slack answered."""
        return self.killed_at is not None and spot not in self.knew


class Lives:
    """An ASGI application before Slack's, which remembers which life each message came from."""

    def __init__(self, slack: ASGIApp) -> None:
        self._slack = slack
        self._lives: dict[str, Life] = {}
        self._now: dict[Program, Life] = {}
        self._senders: dict[Spot, Life] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._slack(scope, receive, send)
        life, path = self._of(scope["path"])
        inside = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        if not path.endswith("/chat.postMessage"):
            return await self._slack(inside, receive, send)
        answer = bytearray()

        async def overheard(message: Message) -> None:
            answer.extend(message.get("body", b""))
            # Before it is sent: the process may be gone by then, and Slack has the message all the same.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._note(life, bytes(answer))
            await send(message)

        return await self._slack(inside, receive, overheard)

    def begins(self, program: Program, slack_url: str) -> str:
        """The program is about to be started: the address of Slack for this life."""
        life = Life(len(self._lives) + 1)
        self._lives[f"life-{life.number}"] = self._now[program] = life
        return f"{slack_url}/life-{life.number}/api/"

    def ends(self, program: Program, at: datetime, knew: frozenset[Spot]) -> None:
        """The program was killed; `at` is when that was ordered."""
        life = self._now[program]
        life.killed_at, life.knew = at, knew

    def sender_of(self, message: workspace.Message) -> Life | None:
        return self._senders.get((message.channel, message.ts))

    def excuse(self, first: workspace.Message, again: workspace.Message) -> Life | None:
        """The life whose end excuses that `again` says the same as `first`; None when nothing does."""
        life, other = self.sender_of(first), self.sender_of(again)
        if life is None or other is None or life is other or life.killed_at is None:
            return None
        in_time = life.killed_at <= again.versions[0].at
        return life if in_time and life.died_before_it_knew((first.channel, first.ts)) else None

    def _of(self, path: str) -> tuple[Life, str]:
        _, name, rest = path.split("/", 2)
        return self._lives[name], f"/{rest}"

    def _note(self, life: Life, answer: bytes) -> None:
        said = json.loads(answer) if answer.startswith(b"{") else {}
        if said.get("ok"):
            self._senders[said["channel"], said["ts"]] = life
