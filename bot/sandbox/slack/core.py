"""What every part of the Slack sandbox works on: the workspace, its switches, and what the app has done."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from .changes import Changes
from .delivery import Delivery, event_payload
from .dialogs import Dialogs
from .errors import RateLimited, SlackError
from .sockets import Sockets
from .tickets import Tickets
from .workspace import Channel, File, Json, Message, User, Workspace

T = TypeVar("T")

SCOPES = frozenset(
    {
        "app_mentions:read",
        *("channels:history", "channels:join", "channels:read", "groups:history", "groups:read"),
        *("im:history", "im:read", "im:write", "mpim:read"),
        *("chat:write", "chat:write.public", "commands", "files:read", "files:write"),
        *("team:read", "usergroups:read", "users:read", "users:read.email"),
    }
)
LOG_LENGTH = 10_000


@dataclass(frozen=True)
class Request:
    """One call of the Web API: when, what, to which channel, and how it ended. `tick` is monotonic seconds."""

    method: str
    channel: str | None
    ok: bool
    error: str | None
    at: datetime
    tick: float


@dataclass(eq=False)
class RateLimit:
    """Answers 429 to calls of `method` (empty: of any) on `channel` (None: on any), `times` times."""

    method: str
    retry_after: int
    times: int | None
    channel: str | None = None
    hits: int = 0

    def strikes(self, method: str, channel: str | None) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        return self.method in ("", method) and self.channel in (None, channel)


@dataclass(eq=False)
class Pace:
    """One message per second and channel, with a few more at once tolerated."""

    burst: int
    ticks: Callable[[], float]
    _allowance: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, channel: str) -> None:
        """Count one message. Raises RateLimited."""
        now = self.ticks()
        left, then = self._allowance.get(channel, (float(self.burst), now))
        left = min(float(self.burst), left + now - then)
        self._allowance[channel] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            raise RateLimited(1)


class Core:
    """The state and the switches, which may be changed at any time.

    `token_error` ("token_revoked", "account_inactive") is the answer to every call; `escapes_links` marks up addresses
    in commands as well; `subscriptions` are the bot events of the manifest; `enforces_pace` allows a message per second
    and channel after `pace.burst` at once; `delivery.patience` is how many seconds the app has to acknowledge.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        signing_secret: str,
        bot_token: str,
        app_token: str | None = None,
        team_name: str = "Green Acres",
        bot_name: str = "FieldView",
        commands: Iterable[str] = ("/fieldview",),
        scopes: Iterable[str] = SCOPES,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.bot_token = bot_token
        self.app_token = app_token
        self.changes = Changes()
        self.workspace = Workspace(clock, self.changes, team_name, bot_name)
        self.dialogs = Dialogs(self.workspace.new_id)
        self.tickets = Tickets(clock)
        self.sockets = Sockets(self.workspace.app_id, self.changes)
        self.delivery = Delivery(signing_secret, self.sockets)
        self.url = ""
        self.scopes = set(scopes)
        self.token_error: str | None = None
        self.commands = set(commands)
        self.subscriptions = {"app_home_opened"}
        self.escapes_links = False
        self.messages_tab_enabled = True
        self.enforces_pace = False
        self.pace = Pace(3, ticks)
        self.ticks = ticks
        self.rate_limits: list[RateLimit] = []
        self.requests: deque[Request] = deque(maxlen=LOG_LENGTH)
        self.files: dict[str, File] = {}
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def deliver_to(self) -> str | None:
        """Where the app listens, e.g. `http://127.0.0.1:3000/slack/events`."""
        return self.delivery.deliver_to

    @deliver_to.setter
    def deliver_to(self, url: str | None) -> None:
        self.delivery.deliver_to = url

    @property
    def bot(self) -> User:
        return self.workspace.bot

    def until(self, predicate: Callable[[], T], timeout: float = 5) -> Coroutine[Any, Any, T]:
        """Await a truthy value of `predicate()`, asked again at every change and request. Raises TimeoutError."""
        return self.changes.until(predicate, timeout)

    def rate_limit(
        self, method: str = "", retry_after: int = 1, times: int | None = 1, channel: str | None = None
    ) -> RateLimit:
        """Answer the next calls with 429; an empty method means every method, times=None until `heal`."""
        self.rate_limits.append(RateLimit(method, retry_after, times, channel))
        return self.rate_limits[-1]

    def need_scope(self, *any_of: str) -> None:
        """Raises SlackError missing_scope unless one of these is granted."""
        if not self.scopes.intersection(any_of):
            raise SlackError("missing_scope", needed=any_of[0], provided=",".join(sorted(self.scopes)))

    def note(self, method: str, channel: str | None, error: str | None) -> None:
        self.requests.append(Request(method, channel, error is None, error, self.clock(), self.ticks()))
        self.changes.wake()

    def user(self, user: str) -> User:
        """By id or name. Raises LookupError."""
        found = self.workspace.users.get(user) or self.workspace.user_named(user)
        if found is None:
            raise LookupError(f"no user {user!r}")
        return found

    def channel(self, channel: str) -> Channel:
        """By id, by name, or the bot's direct messages by the person's id. Raises LookupError."""
        found = self.workspace.channel_named(channel)
        if found is None and channel in self.workspace.users:
            found = self.workspace.direct_messages(channel)
        if found is None:
            raise LookupError(f"no channel {channel!r}")
        return found

    def new_file(self, user: str, name: str, size: int, content: bytes | None = None) -> File:
        """A file of this person, or of the app, that nobody else sees yet."""
        file = File(self.workspace.new_id("F"), user, name, size, self.clock(), content)
        self.files[file.id] = file
        return file

    def message(self, channel: str, ts: str, viewer: str | None = None) -> Message:
        """What stands there now. Raises LookupError."""
        found = self.workspace.find(self.channel(channel).id, ts, viewer)
        if found is None:
            raise LookupError(f"no message {ts} in {channel}")
        return found

    def event_envelope(self, event: Json) -> Json:
        space = self.workspace
        envelope = {"token": "sandbox", "team": space.team["id"], "app": space.app_id, "bot": space.bot.id}
        return event_payload({"event_ts": space.new_ts(), **event}, at=self.clock().timestamp(), **envelope)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background; `settled` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def settled(self) -> None:
        """Wait until everything Slack had to deliver in the background was delivered."""
        while self._background:
            await asyncio.gather(*self._background)

    def announce(self, subscription: str, event: Json) -> None:
        """Send an event in the background if the app subscribed to it, by the names used in a manifest."""
        if subscription in self.subscriptions:
            self.later(self.delivery.event(self.event_envelope(event)))
