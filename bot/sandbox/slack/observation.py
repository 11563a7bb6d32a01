"""What can be seen from outside: by a person looking at the window, and by a test."""

from __future__ import annotations

from .core import Core
from .methods.views import view_json
from .workspace import Channel, File, Json, Message, User


class Observation(Core):
    """The truth about what the app has done, for assertions and for the demo page."""

    def posted(self, channel: str, *, deleted: bool = False) -> list[Message]:
        """What the app posted here for everyone, oldest first, without threads; with `deleted`, also what is gone."""
        return [
            each
            for each in self.channel(channel).messages
            if each.bot and not each.ephemeral_to and not each.thread_ts and (deleted or not each.deleted_at)
        ]

    def thread(self, message: Message) -> list[Message]:
        """The replies below a message, oldest first."""
        return self.channel(message.channel).replies_to(message.ts)

    def whispered(self, user: str, channel: str | None = None) -> list[Message]:
        """The ephemeral messages this person sees, oldest first."""
        person = self.user(user).id
        where = [self.channel(channel)] if channel else list(self.workspace.channels.values())
        found = [
            each for place in where for each in place.messages if each.ephemeral_to == person and not each.deleted_at
        ]
        return sorted(found, key=lambda message: message.ts)

    def calls(self, method: str, channel: str | None = None) -> int:
        """How often a method was called and answered with ok."""
        return sum(each.ok and each.method == method and channel in (None, each.channel) for each in self.requests)

    def most_within(self, seconds: float, *, method: str = "chat.postMessage", channel: str | None = None) -> int:
        """The most calls of a method, refused ones too, in any stretch of so many seconds."""
        ticks = [each.tick for each in self.requests if each.method == method and channel in (None, each.channel)]
        return max((sum(start <= tick < start + seconds for tick in ticks) for start in ticks), default=0)

    def state(self, user: str) -> Json:
        """Everything a person's window shows around the messages."""
        person, space = self.user(user), self.workspace
        return {
            "version": self.changes.version_for(person.id),
            "team": space.team,
            "me": self._person(person),
            "bot": {"user_id": space.bot.id, "name": space.bot.real_name},
            "users": [self._person(each) for each in space.users.values()],
            "channels": [
                self._conversation(each, person) for each in space.channels.values() if _may_see(each, person)
            ],
        }

    def _person(self, user: User) -> Json:
        return {
            "id": user.id,
            "name": user.name,
            "real_name": user.real_name,
            "title": user.title,
            "email": user.email,
            "is_admin": user.is_admin,
            "is_bot": user.is_bot,
            "is_guest": user.guest is not None,
            "tz": user.tz,
            "color": user.color,
            "deleted": user.deleted,
        }

    def _conversation(self, channel: Channel, viewer: User) -> Json:
        peer = channel.peer_of(viewer.id)
        last = max((message.ts for message in channel.shown_to(viewer.id)), default=None)
        return {
            "id": channel.id,
            "name": self.user(peer).name if peer else channel.name,
            "is_im": channel.is_im,
            "is_private": channel.is_private,
            "is_archived": channel.is_archived,
            "is_ext_shared": channel.is_ext_shared,
            "is_member": viewer.id in channel.members,
            "peer": peer,
            "unread": channel.unread_for(viewer.id),
            "last_ts": last,
        }

    def messages(self, user: str, channel: str) -> list[Json]:
        """What a person sees in a channel, oldest first; looking marks it as read."""
        person, where = self.user(user), self.channel(channel)
        if not _may_see(where, person):
            raise LookupError(f"{person.name} cannot look into {channel}")
        shown = list(where.shown_to(person.id))
        if shown:
            where.last_read[person.id] = shown[-1].ts
        return [self._message(where, each) for each in shown]

    def _message(self, channel: Channel, message: Message) -> Json:
        return {
            "ts": message.ts,
            "user": message.user,
            "bot": message.bot,
            "text": message.text,
            "blocks": message.blocks,
            "thread_ts": message.thread_ts,
            "reply_count": len(channel.replies_to(message.ts)),
            "edited": message.edits > 0,
            "ephemeral": message.ephemeral_to is not None,
            "metadata": message.metadata,
            "files": message.files,
        }

    def file(self, user: str, file_id: str) -> File:
        """A file as this person may open it: their own, or one shared where they are. Raises LookupError."""
        person, file = self.user(user), self.files.get(file_id)
        shared = [self.channel(each) for each in file.channels] if file else []
        if file is None or not (file.user == person.id or any(_may_see(each, person) for each in shared)):
            raise LookupError(f"{person.name} cannot open {file_id}")
        return file

    def view(self, user: str) -> Json | None:
        """The modal on top of this person's screen."""
        top = self.dialogs.top(self.user(user).id)
        return view_json(self, top) if top else None


def _may_see(channel: Channel, person: User) -> bool:
    return person.id in channel.members or (channel.is_open and person.guest is None and not person.stranger)
