"""Posting, editing and deleting messages."""

from __future__ import annotations

from ..block_kit import MESSAGE, check_blocks
from ..core import Core
from ..elements import with_ids
from ..errors import SlackError, bad_arguments
from ..web_api import Args, Method
from ..workspace import Channel, Json, Message, Version

LONGEST_POST, LONGEST_UPDATE = 40_000, 4_000
LARGEST_METADATA = 12_000


def message_json(core: Core, message: Message, *, with_metadata: bool = True) -> Json:
    """A message as the Web API and interaction payloads show it."""
    shown: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": core.workspace.team["id"],
        "blocks": message.blocks,
    }
    if message.bot:
        shown |= {"bot_id": core.workspace.bot_id, "app_id": core.workspace.app_id}
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if replies := core.workspace.channels[message.channel].replies_to(message.ts):
        shown |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
    if message.shows_edited:
        shown["edited"] = {"user": message.user, "ts": f"{message.versions[-1].at.timestamp():.6f}"}
    if message.metadata and with_metadata:
        shown["metadata"] = message.metadata
    if message.files:
        shown["files"] = message.files
    return shown


def checked_blocks(args: Args) -> list[Json] | None:
    """The blocks with their ids; None when there is no such argument. Raises SlackError invalid_blocks."""
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if problems := check_blocks(blocks, MESSAGE):
        raise bad_arguments(*problems, error="invalid_blocks")
    return with_ids(blocks)


def checked_metadata(args: Args) -> Json | None:
    metadata = args.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    well_formed = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str)
    if not well_formed or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(str(metadata)) > LARGEST_METADATA:
        raise SlackError("metadata_too_large")
    found: Json = metadata
    return found


def checked_content(core: Core, args: Args, longest: int) -> Version:
    """What is to be said. Raises SlackError no_text, msg_too_long, invalid_blocks…"""
    text, markdown = args.text("text") or "", args.text("markdown_text")
    blocks = checked_blocks(args)
    if markdown is not None and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if len(text) > longest or len(markdown or "") > 12_000:
        raise SlackError("msg_too_long")
    if not (text or blocks or markdown or args.json("attachments")):
        raise SlackError("no_text")
    return core.workspace.version(text or markdown or "", blocks or [], checked_metadata(args))


def channel_to_write(core: Core, wanted: str) -> Channel:
    """Where the app may post. Raises SlackError as Slack does."""
    space = core.workspace
    if wanted in space.users:
        return _direct_messages(core, wanted)
    channel = space.channel_named(wanted)
    if channel is None or (space.bot.id not in channel.members and not channel.is_open):
        raise SlackError("channel_not_found")
    if channel.is_archived:
        raise SlackError("is_archived")
    if space.bot.id not in channel.members and "chat:write.public" not in core.scopes:
        raise SlackError("not_in_channel")
    if channel.is_im and not core.messages_tab_enabled:
        raise SlackError("messages_tab_disabled")
    return channel


def _direct_messages(core: Core, user: str) -> Channel:
    """A deactivated person can still be written to (python-slack-sdk issue 1156)."""
    if core.workspace.users[user].is_bot:
        raise SlackError("cannot_dm_bot")
    if not core.messages_tab_enabled:
        raise SlackError("messages_tab_disabled")
    return core.workspace.direct_messages(user)


def checked_thread(channel: Channel, thread_ts: str | None) -> str | None:
    """The thread to write in; None below a message that is gone: Slack then posts into the channel (slack-go #1571)."""
    parent = next((each for each in channel.messages if each.ts == thread_ts and not each.deleted_at), None)
    if parent is None:
        return None
    if parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return parent.thread_ts or thread_ts


def post_message(core: Core, args: Args) -> Json:
    channel = channel_to_write(core, args.need("channel"))
    version = checked_content(core, args, LONGEST_POST)
    thread_ts = checked_thread(channel, args.text("thread_ts"))
    if core.enforces_pace:
        core.pace.take(channel.id)
    message = core.workspace.post(channel, core.bot.id, version, thread_ts=thread_ts, sent=args.values)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(core, message)}


def post_ephemeral(core: Core, args: Args) -> Json:
    channel, user = channel_to_write(core, args.need("channel")), args.need("user")
    if user not in core.workspace.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    version = checked_content(core, args, LONGEST_POST)
    thread_ts = checked_thread(channel, args.text("thread_ts"))
    message = core.workspace.post(
        channel, core.bot.id, version, thread_ts=thread_ts, ephemeral_to=user, sent=args.values
    )
    return {"message_ts": message.ts}


def own_message(core: Core, args: Args, refusal: str) -> Message:
    """The app's own message named by channel id and ts. Raises SlackError."""
    channel = core.workspace.channels.get(args.need("channel"))
    if channel is None or (core.bot.id not in channel.members and not channel.is_open):
        raise SlackError("channel_not_found")
    message = core.workspace.find(channel.id, args.need("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if not message.bot:
        raise SlackError(refusal)
    return message


def update(core: Core, args: Args) -> Json:
    """Text without blocks takes the blocks away; blocks do not make Slack say "edited" (chat.update reference)."""
    message = own_message(core, args, "cant_update_message")
    if core.workspace.channels[message.channel].is_archived:
        raise SlackError("is_inactive")
    version = checked_content(core, args, LONGEST_UPDATE)
    if version.metadata is None and args.values.get("metadata") is None:
        version = Version(version.at, version.text, version.blocks, message.metadata)
    core.workspace.edit(message, version, shows_edited=not version.blocks)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message_json(core, message)}


def delete(core: Core, args: Args) -> Json:
    message = own_message(core, args, "cant_delete_message")
    core.workspace.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def permalink(core: Core, args: Args) -> Json:
    channel, ts = args.need("channel"), args.need("message_ts")
    if channel not in core.workspace.channels:
        raise SlackError("channel_not_found")
    if core.workspace.find(channel, ts) is None:
        raise SlackError("message_not_found")
    address = f"https://{core.workspace.team['domain']}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    return {"channel": channel, "permalink": address}


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.getPermalink": Method(permalink),
}
