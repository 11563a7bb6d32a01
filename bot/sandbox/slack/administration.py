"""What happens to a workspace: people come and go, channels are made, archived, cleaned up."""

from __future__ import annotations

from collections.abc import Iterable

from .core import Core
from .workspace import Channel, Message, User

FOREIGN_TEAM = "T0FOREIGN1"
"""The workspace of strangers who were given no other."""


class Administration(Core):
    """People and channels may be named by id or by name everywhere. LookupError when there is none."""

    def add_user(
        self,
        name: str,
        real_name: str | None = None,
        email: str | None = None,
        *,
        admin: bool = False,
        guest: str | None = None,
        stranger: bool = False,
        team: str | None = None,
        title: str = "",
        tz: str = "America/Chicago",
    ) -> str:
        """Add a member (`guest`: "multi" or "single"; `stranger`, `team`: from another company) and return the id."""
        user_id = self.workspace.new_id("U")
        address = email if email is not None else f"{name}@{self.workspace.team['domain']}.example"
        user = User(
            user_id,
            name,
            real_name or name.title(),
            address,
            title,
            is_admin=admin,
            guest=guest,
            stranger=stranger,
            tz=tz,
            team=team or (FOREIGN_TEAM if stranger else None),
        )
        self.workspace.add_user(user)
        return user_id

    def add_channel(
        self,
        name: str,
        members: Iterable[str] = (),
        *,
        private: bool = False,
        archived: bool = False,
        ext_shared: bool = False,
        with_bot: bool = True,
    ) -> str:
        """Add a channel with these people in it, and the bot unless told otherwise; return the id."""
        inside = [self.user(member).id for member in members] + ([self.bot.id] if with_bot else [])
        channel = Channel(self.workspace.new_id("C"), name.removeprefix("#"), inside, self.clock(), is_private=private)
        channel.is_archived, channel.is_ext_shared = archived, ext_shared
        return self.workspace.add_channel(channel).id

    def add_usergroup(self, handle: str, members: Iterable[str]) -> str:
        """Add a user group and return its id."""
        group_id = self.workspace.new_id("S")
        users = [self.user(member).id for member in members]
        self.workspace.usergroups[group_id] = {
            "id": group_id,
            "handle": handle,
            "name": handle,
            "is_usergroup": True,
            "users": users,
        }
        return group_id

    def dm(self, user: str) -> str:
        """The id of the bot's direct messages with this person."""
        return self.workspace.direct_messages(self.user(user).id).id

    def invite(self, channel: str, user: str | None = None) -> None:
        """Bring a person, or the bot, into a channel."""
        where, who = self.channel(channel), self.user(user).id if user else self.bot.id
        if who not in where.members:
            where.members.append(who)
            self.changes.ring()
            self._tell_of_membership("member_joined_channel", where, who)

    def kick(self, channel: str, user: str | None = None) -> None:
        """Take a person, or the bot, out of a channel. A bot that is kicked hears nothing of it."""
        where, who = self.channel(channel), self.user(user).id if user else self.bot.id
        where.members.remove(who)
        self.changes.ring()
        self._tell_of_membership("member_left_channel", where, who)

    def _tell_of_membership(self, kind: str, where: Channel, who: str) -> None:
        if self.bot.id in where.members:
            letter = "G" if where.is_private else "C"
            self.announce(kind, {"type": kind, "user": who, "channel": where.id, "channel_type": letter})

    def archive(self, channel: str, *, by: str | None = None) -> None:
        self._set_archived(channel, True, by)

    def unarchive(self, channel: str, *, by: str | None = None) -> None:
        self._set_archived(channel, False, by)

    def _set_archived(self, channel: str, archived: bool, by: str | None) -> None:
        where = self.channel(channel)
        where.is_archived = archived
        self.changes.ring()
        kind = ("group" if where.is_private else "channel") + ("_archive" if archived else "_unarchive")
        self.announce(kind, {"type": kind, "channel": where.id, "user": self.user(by).id if by else self.bot.id})

    def share(self, channel: str, *, pending: bool = False, within: bool = False) -> None:
        """Another organisation comes into the channel, or is invited to (`pending`), or another workspace of the same
        organisation does (`within`); the app hears nothing of it."""
        where = self.channel(channel)
        where.is_ext_shared, where.is_pending_ext_shared = not (pending or within), pending
        where.is_org_shared = within
        self.changes.ring()

    def rename_channel(self, channel: str, name: str) -> None:
        where = self.channel(channel)
        where.name = name
        self.changes.ring()
        kind = "group_rename" if where.is_private else "channel_rename"
        self.announce(
            kind, {"type": kind, "channel": {"id": where.id, "name": name, "created": int(where.created.timestamp())}}
        )

    def deactivate(self, user: str) -> None:
        """Deactivate an account, as when somebody leaves the company."""
        person = self.user(user)
        person.deleted = True
        for channel in self.workspace.channels.values():
            if person.id in channel.members and not channel.is_im:
                channel.members.remove(person.id)
        self.changes.ring()
        as_seen = person.to_api(self.workspace.team["id"], with_email="users:read.email" in self.scopes)
        self.announce("user_change", {"type": "user_change", "user": as_seen})

    def delete_message(self, message: Message) -> None:
        """Delete a message as a person or the workspace's retention would: the app hears nothing."""
        self.workspace.delete(message)
