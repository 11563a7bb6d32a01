"""Slack's Web API with typed errors. Posts are never repeated here: Slack has no idempotency key, so whether to
repeat is decided by who knows what was posted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import (
    ChannelUnreachable,
    ProviderError,
    ProviderGibberish,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)

UNREACHABLE = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "user_not_found",
    "users_not_found",
    "user_disabled",
    "cannot_dm_bot",
    "messages_tab_disabled",
    "restricted_action",
    "restricted_action_read_only_channel",
    "not_allowed_token_type",
}
REFUSED = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"}
SHARED = ("is_ext_shared", "is_pending_ext_shared", "is_org_shared")
"""Slack's words for a channel that people from outside this workspace read, or may soon."""

GUEST = ("is_restricted", "is_ultra_restricted")
"""Slack's words for guests of several channels and of one; there for full members, too."""

GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
SCOPES = frozenset(
    {
        *("chat:write", "commands", "channels:read", "groups:read", "usergroups:read"),
        *("users:read", "users:read.email", "files:read", "files:write"),
    }
)
"""What the calls in this module need, as the manifest asks for it."""

OPTIONAL_SCOPES = frozenset({"users:read.email", "files:read", "files:write"})
"""Without them something is left out, and nothing fails."""

NO_THREAD = {"thread_not_found", "thread_locked", "cannot_reply_to_message", "restricted_action_thread_locked"}
"""Slack's words for a message that nothing can be written below."""

ILL = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}


@dataclass(frozen=True)
class Person:
    """Somebody in Slack; an outsider is a guest or a stranger. `zone` is IANA's name, `teams` the workspaces."""

    id: str
    name: str
    email: str | None
    is_admin: bool
    is_outsider: bool
    is_bot: bool
    is_gone: bool
    zone: str | None = None
    teams: frozenset[str] = frozenset()

    @property
    def is_colleague(self) -> bool:
        """Whether they may read about growers: somebody of this workspace who is no guest and has not left."""
        return not (self.is_gone or self.is_outsider)


@dataclass(frozen=True)
class Channel:
    """A conversation as the bot sees it; `is_shared` means that people from outside this workspace read it, be they of
    another organisation or of another workspace of the same one."""

    id: str
    name: str
    is_member: bool
    is_archived: bool
    is_shared: bool
    is_private: bool = False


@dataclass(frozen=True)
class Workspace:
    """Where the bot is installed, and with which scopes as far as Slack told."""

    team_id: str
    name: str
    bot_user: str
    scopes: frozenset[str]
    skew: timedelta | None = None
    """By how much our clock is ahead of Slack's, to the second."""


@dataclass(frozen=True)
class Posted:
    """Where Slack put a message."""

    channel: str
    ts: str


@dataclass(frozen=True)
class SlackFile:
    """A file by the name it was given."""

    name: str
    content: bytes


class SlackClient:
    """What the bot asks of Slack.

    Every method raises ProviderUnavailable (with `maybe_done` when the answer was lost), ProviderRefusedUs or
    ProviderRejected; methods that name a channel or a person also raise ChannelUnreachable.
    """

    def __init__(self, token: str, base_url: str, *, timeout: int = 15) -> None:
        self.web = AsyncWebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])
        self._timeout = timeout

    async def workspace(self) -> Workspace:
        answer = await self._call("auth.test", self.web.auth_test())
        granted = str(answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or "")
        scopes = frozenset(scope.strip() for scope in granted.split(",") if scope.strip())
        team, name = str(answer["team_id"]), str(answer.get("team") or "your team")
        return Workspace(team, name, str(answer["user_id"]), scopes, _skew(answer.headers))

    async def post(self, channel: str, message: Mapping[str, Any]) -> Posted:
        """Post to a channel, or to a person's direct messages when `channel` is a user id."""
        answer = await self._call("chat.postMessage", self.web.chat_postMessage(channel=channel, **message), channel)
        return Posted(str(answer["channel"]), str(answer["ts"]))

    async def reply(self, parent: Posted, message: Mapping[str, Any]) -> Posted | None:
        """Post into the thread below a message, for those who follow it; None when that message is gone.

        Slack then shows the reply as a message of its own, or refuses it: what stands alone is taken away again.
        """
        try:
            answer = await self._call(
                "chat.postMessage",
                self.web.chat_postMessage(channel=parent.channel, thread_ts=parent.ts, **message),
                parent.channel,
            )
        except ProviderRejected as refused:
            if refused.code in NO_THREAD:
                return None
            raise
        posted = Posted(str(answer["channel"]), str(answer["ts"]))
        if answer["message"].get("thread_ts") == parent.ts:
            return posted
        await self._call("chat.delete", self.web.chat_delete(channel=posted.channel, ts=posted.ts), posted.channel)
        return None

    async def update(self, posted: Posted, message: Mapping[str, Any]) -> bool:
        """Change a message of ours; False when it is gone or may no longer be changed."""
        edit = {key: value for key, value in message.items() if not key.startswith("unfurl")}
        try:
            await self._call(
                "chat.update", self.web.chat_update(channel=posted.channel, ts=posted.ts, **edit), posted.channel
            )
        except ProviderRejected as refused:
            if refused.code in GONE:
                return False
            raise
        return True

    async def post_ephemeral(self, channel: str, user: str, message: Mapping[str, Any]) -> None:
        """Show a message to one person in a channel, as long as they are looking."""
        shown = {key: value for key, value in message.items() if not key.startswith("unfurl")}
        await self._call(
            "chat.postEphemeral", self.web.chat_postEphemeral(channel=channel, user=user, **shown), channel
        )

    async def person(self, user: str) -> Person:
        """Raises ProviderGibberish when Slack leaves open whether that is a guest, or of which workspace they are."""
        answer = await self._call("users.info", self.web.users_info(user=user), user)
        return _person(answer["user"])

    async def admins(self) -> list[str]:
        """The workspace's owners and admins who are still there, as user ids."""
        found: list[str] = []
        cursor = ""
        while True:
            answer = await self._call("users.list", self.web.users_list(limit=200, cursor=cursor))
            people = [_person(user) for user in answer["members"]]
            found += [person.id for person in people if person.is_admin and not (person.is_gone or person.is_bot)]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return found

    async def person_by_email(self, email: str) -> Person | None:
        """The member with this address; None when nobody has it or the bot may not look."""
        try:
            answer = await self._call("users.lookupByEmail", self.web.users_lookupByEmail(email=email), email)
        except ChannelUnreachable:
            return None
        except ProviderRefusedUs as refused:
            if refused.detail.startswith("missing_scope"):
                return None
            raise
        return _person(answer["user"])

    async def channel(self, channel: str) -> Channel:
        answer = await self._call("conversations.info", self.web.conversations_info(channel=channel), channel)
        found: Mapping[str, Any] = answer["channel"]
        return Channel(
            id=str(found["id"]),
            name=str(found.get("name") or ""),
            is_member=bool(found.get("is_member") or found.get("is_im")),
            is_archived=bool(found.get("is_archived")),
            is_shared=any(map(found.get, SHARED)),
            is_private=bool(found.get("is_private")),
        )

    async def members(self, channel: str, most: int) -> list[str] | None:
        """Who has joined the channel; None when they are more than that, or Slack does not say."""
        page = self.web.conversations_members(channel=channel, limit=most)
        answer = await self._call("conversations.members", page, channel)
        found, more = answer.get("members"), (answer.get("response_metadata") or {}).get("next_cursor")
        return [str(user) for user in found] if isinstance(found, list) and not more else None

    async def is_in_channel(self, channel: str, user: str) -> bool:
        """Whether the person has joined the channel."""
        cursor = ""
        while True:
            page = self.web.conversations_members(channel=channel, cursor=cursor, limit=1000)
            answer = await self._call("conversations.members", page, channel)
            if user in answer["members"]:
                return True
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return False

    async def group_members(self, group: str) -> frozenset[str]:
        """The people in a user group. Raises ProviderRejected when there is no such group, or it is switched off."""
        answer = await self._call("usergroups.users.list", self.web.usergroups_users_list(usergroup=group))
        return frozenset(map(str, answer["users"]))

    async def group_named(self, handle: str) -> str | None:
        """The id of the user group with this handle."""
        answer = await self._call("usergroups.list", self.web.usergroups_list())
        found = [str(group["id"]) for group in answer["usergroups"] if group.get("handle") == handle]
        return found[0] if found else None

    async def open_view(self, trigger_id: str, view: View) -> str:
        """Open a modal; returns its id. Raises ProviderRejected with `expired_trigger_id` when it took too long."""
        answer = await self._call("views.open", self.web.views_open(trigger_id=trigger_id, view=view))
        return str(answer["view"]["id"])

    async def push_view(self, trigger_id: str, view: View) -> str:
        """Lay a modal over the one that was pressed in; closing it leads back. Fails as open_view does."""
        answer = await self._call("views.push", self.web.views_push(trigger_id=trigger_id, view=view))
        return str(answer["view"]["id"])

    async def update_view(self, view_id: str, view: View) -> None:
        """Show something else in a modal that is open. Raises ProviderRejected with `not_found` when it was closed."""
        await self._call("views.update", self.web.views_update(view_id=view_id, view=view))

    async def publish_home(self, user: str, view: View) -> None:
        await self._call("views.publish", self.web.views_publish(user_id=user, view=view), user)

    async def file(self, file_id: str, most: int) -> SlackFile:
        """A file that somebody gave to the bot, with its content. Raises UsageError for more than `most` bytes.

        Only Slack's own host gets the token: an address elsewhere is not followed, and neither is a redirect.
        """
        answer = await self._call("files.info", self.web.files_info(file=file_id))
        told: Mapping[str, Any] = answer["file"]
        address, size = str(told.get("url_private_download") or ""), int(told.get("size") or 0)
        if not _is_of(self.web.base_url, address):
            raise ProviderGibberish("Slack", detail="files.info: no address of Slack's to fetch the file at")
        if size > most:
            raise UsageError(f"That file is larger than {most // 1000:,} kB. Split it, please.")
        return SlackFile(str(told.get("name") or "list.csv"), await self._fetched(address, most))

    async def _fetched(self, address: str, most: int) -> bytes:
        patience = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.get(
                    address, headers={"Authorization": f"Bearer {self.web.token}"}, allow_redirects=False
                ) as answer,
            ):
                if answer.status == 429 or answer.status >= 500:
                    raise ProviderUnavailable("Slack", detail=f"a file: HTTP {answer.status}")
                if answer.status != 200:
                    # Slack leads to its page for people to sign in where the token is not good enough.
                    raise ProviderRefusedUs("Slack", detail=f"a file: HTTP {answer.status}; is files:read granted?")
                content = await answer.content.read(most + 1)
                while not answer.content.at_eof() and len(content) <= most:
                    content += await answer.content.read(most + 1 - len(content))
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise ProviderUnavailable("Slack", detail=f"a file: {type(failure).__name__}") from None
        if len(content) > most:
            raise UsageError(f"That file is larger than {most // 1000:,} kB. Split it, please.")
        return content

    async def send_file(self, conversation: str, name: str, content: bytes, words: str) -> None:
        """Post a file with some words to a conversation, by its id: Slack takes no person's id here."""
        upload = self.web.files_upload_v2(channel=conversation, filename=name, content=content, initial_comment=words)
        await self._call("files.completeUploadExternal", upload, conversation)

    async def respond(self, response_url: str, message: Mapping[str, Any], *, replace: bool = False) -> None:
        """Answer a command or a click at its response_url, a secret. Raises ProviderError when it is used up.

        Only Slack's own host is told anything, and where it leads elsewhere is not followed.
        """
        if not _is_of(self.web.base_url, response_url):
            raise ProviderGibberish("Slack", detail="response_url: not an address of Slack's")
        body = {**message, "replace_original": replace, "response_type": "ephemeral"}
        patience = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(response_url, json=body, allow_redirects=False, proxy=self.web.proxy) as answer,
            ):
                status, said = answer.status, await answer.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise ProviderUnavailable("Slack", detail=type(failure).__name__, maybe_done=True) from None
        if status == 429 or status >= 500:
            raise ProviderUnavailable("Slack", detail=f"response_url: HTTP {status}")
        if status != 200:
            raise ProviderRejected("Slack", status=status, code=said[:40])

    async def _call(self, method: str, call: Any, place: str = "") -> AsyncSlackResponse:
        try:
            answer: AsyncSlackResponse = await call
        except SlackApiError as failure:
            raise _failure(method, failure, place) from None
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, SlackClientError) as failure:
            unsent = isinstance(failure, aiohttp.ClientConnectorError)
            raise ProviderUnavailable(
                "Slack", detail=f"{method}: {type(failure).__name__}", maybe_done=not unsent
            ) from None
        return answer


def _failure(method: str, failure: SlackApiError, place: str) -> ProviderError | ChannelUnreachable:
    response = failure.response
    status = getattr(response, "status_code", 0) or 0
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if code == "ratelimited" or status == 429:
        return ProviderUnavailable("Slack", detail=f"{method}: ratelimited", retry_after=_retry_after(response))
    if status >= 500 or code in ILL or not code:
        # A file takes several calls, and only the last of them shows it.
        reached = str(getattr(response, "api_url", method)).endswith(method)
        return ProviderUnavailable("Slack", detail=f"{method}: {code or f'HTTP {status}'}", maybe_done=reached)
    if code in REFUSED:
        needed = f" {data.get('needed')}" if isinstance(data, dict) and data.get("needed") else ""
        return ProviderRefusedUs("Slack", detail=f"{code}{needed} for {method}")
    if place and code in UNREACHABLE:
        return ChannelUnreachable(place, code)
    reasons = data.get("response_metadata", {}).get("messages", []) if isinstance(data, dict) else []
    return ProviderRejected("Slack", detail=f"{method}: {code} {reasons}"[:300], status=status, code=code)


def _is_of(base_url: str, address: str) -> bool:
    """Whether the address is below the host of Slack's API (files.slack.com), and as safe to send a token to."""
    try:
        slack, there = urlsplit(base_url), urlsplit(address)
    except ValueError:
        return False
    host = there.hostname or ""
    is_below = host == slack.hostname or host.endswith(f".{slack.hostname}")
    # Programs do not agree about where the host begins behind an @ or a backslash.
    return there.scheme == slack.scheme and is_below and not {"@", "\\"} & set(there.netloc)


def _skew(headers: Mapping[str, str]) -> timedelta | None:
    try:
        return datetime.now(UTC) - parsedate_to_datetime(headers.get("Date") or headers.get("date") or "")
    except (ValueError, TypeError):
        return None


def _retry_after(response: Any) -> float:
    headers: Mapping[str, str] = getattr(response, "headers", {}) or {}
    try:
        return max(1.0, float(headers.get("Retry-After") or headers.get("retry-after") or 1))
    except ValueError:
        return 1.0


def _person(user: Mapping[str, Any]) -> Person:
    """Raises ProviderGibberish when it is not said whether that is a guest, or of which workspace they are.

    Slack says so of everybody but those who were deactivated, who are let in nowhere anyway.
    """
    is_said = user.get("team_id") and all(isinstance(user.get(flag), bool) for flag in GUEST)
    if not (is_said or user.get("deleted")):
        raise ProviderGibberish("Slack", detail="a person: not whether this is a guest, or not of which workspace")
    profile: Mapping[str, Any] = user.get("profile") or {}
    enterprise: Mapping[str, Any] = user.get("enterprise_user") or {}
    return Person(
        id=str(user["id"]),
        name=str(profile.get("real_name") or user.get("real_name") or user.get("name") or user["id"]),
        email=profile.get("email") or None,
        is_admin=bool(user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner")),
        is_outsider=any(map(user.get, (*GUEST, "is_stranger"))),
        is_bot=bool(user.get("is_bot")),
        is_gone=bool(user.get("deleted")),
        zone=user.get("tz") or None,
        teams=frozenset(str(team) for team in (user.get("team_id"), *(enterprise.get("teams") or ())) if team),
    )
