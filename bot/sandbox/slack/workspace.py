"""One workspace: its people, its conversations and every message with its history."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .changes import Changes

Json = dict[str, Any]

PALETTE = (
    "9f69e7",
    "4bbe2e",
    "e7392d",
    "3c989f",
    "674b1b",
    "e96699",
    "e0a729",
    "684b6c",
    "5b89d5",
    "2b6836",
    "99a949",
    "df3dc0",
)
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(eq=False)
class User:
    """A member, a guest (`multi` or `single` channel), a stranger, somebody of another `team`, or a bot.

    Slack calls strangers only those whom the app meets in no shared channel.
    """

    id: str
    name: str
    real_name: str
    email: str
    title: str = ""
    is_admin: bool = False
    is_bot: bool = False
    guest: str | None = None
    stranger: bool = False
    tz: str = "America/Chicago"
    deleted: bool = False
    team: str | None = None

    @property
    def color(self) -> str:
        return PALETTE[zlib.crc32(self.id.encode()) % len(PALETTE)]

    def to_api(self, team_id: str, *, with_email: bool) -> Json:
        """The user object of `users.info`; the e-mail address is there only with `users:read.email`."""
        profile = {"real_name": self.real_name, "display_name": self.name, "title": self.title}
        if with_email and not self.is_bot:
            profile["email"] = self.email
        if self.deleted:
            # Of a deactivated account Slack says no more, not even whether it was a guest's or an admin's.
            return {
                "id": self.id,
                "team_id": self.team or team_id,
                "name": self.name,
                "deleted": True,
                "profile": profile,
                "is_bot": self.is_bot,
                "is_app_user": False,
            }
        return {
            "id": self.id,
            "team_id": self.team or team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "color": self.color,
            "tz": self.tz,
            "profile": profile,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_bot": self.is_bot,
            "is_restricted": self.guest is not None,
            "is_ultra_restricted": self.guest == "single",
            **({"is_stranger": True} if self.stranger else {}),
            "is_app_user": False,
        }


@dataclass(frozen=True)
class Version:
    """What a message said from `at` on."""

    at: datetime
    text: str
    blocks: list[Json]
    metadata: Json | None = None


@dataclass(eq=False)
class Message:
    """A message and everything it ever said. `sent` holds the arguments of the call that posted it."""

    channel: str
    ts: str
    user: str
    bot: bool
    versions: list[Version]
    thread_ts: str | None = None
    ephemeral_to: str | None = None
    sent: Json = field(default_factory=dict)
    files: list[Json] = field(default_factory=list)
    shows_edited: bool = False
    deleted_at: datetime | None = None
    filled: dict[tuple[str, str], Any] = field(default_factory=dict)
    suggested: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def blocks(self) -> list[Json]:
        return self.versions[-1].blocks

    @property
    def metadata(self) -> Json | None:
        return self.versions[-1].metadata

    @property
    def edits(self) -> int:
        return len(self.versions) - 1

    def visible_to(self, user: str) -> bool:
        return self.deleted_at is None and self.ephemeral_to in (None, user)


@dataclass(eq=False)
class Channel:
    """A public or private channel, or a direct message between two."""

    id: str
    name: str
    members: list[str]
    created: datetime
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    is_org_shared: bool = False
    messages: list[Message] = field(default_factory=list)
    last_read: dict[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Anyone in the workspace may look inside."""
        return not (self.is_im or self.is_private)

    def peer_of(self, user: str) -> str | None:
        """The other one in a direct message."""
        return next((member for member in self.members if member != user), user) if self.is_im else None

    def shown_to(self, user: str) -> Iterator[Message]:
        """What this person sees here, oldest first."""
        return (message for message in self.messages if message.visible_to(user))

    def replies_to(self, ts: str) -> list[Message]:
        return [
            m for m in self.messages if m.thread_ts == ts and m.ts != ts and not m.deleted_at and not m.ephemeral_to
        ]

    def unread_for(self, user: str) -> int:
        since = self.last_read.get(user, "")
        return sum(message.ts > since and message.user != user for message in self.shown_to(user))


@dataclass(eq=False)
class File:
    """A file somebody or the app gave to Slack; `content` is None until it has come, `channels` where it was shared."""

    id: str
    user: str
    name: str
    size: int
    created: datetime
    content: bytes | None = None
    title: str = ""
    channels: list[str] = field(default_factory=list)


class Workspace:
    """The state behind the Web API; every change rings the bell for those who can see it."""

    def __init__(self, clock: Callable[[], datetime], changes: Changes, name: str, bot_name: str) -> None:
        self.clock = clock
        self.changes = changes
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, Json] = {}
        self._made = 0
        self._last_micros = 0
        self.team: Json = {"id": self.new_id("T"), "name": name, "domain": "".join(filter(str.isalnum, name.lower()))}
        self.app_id = self.new_id("A")
        self.bot_id = self.new_id("B")
        self.bot = self.add_user(User(self.new_id("U"), bot_name.lower().replace(" ", ""), bot_name, "", is_bot=True))

    def new_id(self, prefix: str) -> str:
        """An id as Slack's look, the same in every run."""
        self._made += 1
        left, digits = zlib.crc32(f"{prefix}{self._made}".encode()) * 1297 + self._made, ""
        while left:
            left, digit = divmod(left, 36)
            digits += DIGITS[digit]
        return f"{prefix}0{digits:0<9.9}"

    def new_ts(self) -> str:
        """A message timestamp, later than every one before it."""
        self._last_micros = max(self._last_micros + 1, int(self.clock().timestamp() * 1_000_000))
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        self.changes.ring()
        return user

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        self.changes.ring()
        return channel

    def direct_messages(self, user: str) -> Channel:
        """The conversation between the bot and this person, opened when there was none."""
        for channel in self.channels.values():
            if channel.is_im and channel.peer_of(self.bot.id) == user:
                return channel
        return self.add_channel(
            Channel(self.new_id("D"), "", [user, self.bot.id], self.clock(), is_im=True, is_private=True)
        )

    def channel_named(self, channel: str) -> Channel | None:
        """Find by id, or by name with or without its #."""
        if found := self.channels.get(channel):
            return found
        name = channel.removeprefix("#")
        return next((each for each in self.channels.values() if each.name == name and name), None)

    def user_named(self, name: str) -> User | None:
        return next((user for user in self.users.values() if user.name.casefold() == name.casefold()), None)

    def audience(self, channel: Channel) -> list[str] | None:
        return None if channel.is_open else channel.members

    def post(self, channel: Channel, user: str, version: Version, **more: Any) -> Message:
        """Add a message; `more` are fields of Message."""
        message = Message(channel.id, self.new_ts(), user, user == self.bot.id, [version], **more)
        channel.messages.append(message)
        channel.last_read[user] = message.ts
        self.changes.ring([message.ephemeral_to] if message.ephemeral_to else self.audience(channel))
        return message

    def version(self, text: str, blocks: list[Json], metadata: Json | None = None) -> Version:
        return Version(self.clock(), text, blocks, metadata)

    def edit(self, message: Message, version: Version, *, shows_edited: bool) -> None:
        message.versions.append(version)
        message.shows_edited = shows_edited
        self._changed(message)

    def delete(self, message: Message) -> None:
        message.deleted_at = self.clock()
        self._changed(message)

    def _changed(self, message: Message) -> None:
        self.changes.ring(
            [message.ephemeral_to] if message.ephemeral_to else self.audience(self.channels[message.channel])
        )

    def find(self, channel: str, ts: str, viewer: str | None = None) -> Message | None:
        """The message that stands there now, for this viewer (None: everybody, hence no ephemeral one)."""
        inside = self.channels.get(channel)
        shown = inside.messages if inside else []
        return next((m for m in shown if m.ts == ts and not m.deleted_at and m.ephemeral_to in (None, viewer)), None)
