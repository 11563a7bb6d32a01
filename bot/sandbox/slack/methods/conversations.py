"""Finding, opening, joining and reading conversations."""

from __future__ import annotations

from ..core import Core
from ..errors import SlackError
from ..web_api import Args, Method, paged
from ..workspace import Channel, Json
from .chat import message_json

SCOPE_OF = {"im": "im", "mpim": "mpim", "private_channel": "groups", "public_channel": "channels"}
READ = ("channels:read", "groups:read", "im:read", "mpim:read")


def kind_of(channel: Channel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"


def scope_for(kind: str, verb: str) -> str:
    return SCOPE_OF[kind] + f":{verb}"


def channel_json(core: Core, channel: Channel) -> Json:
    """A conversation as the bot sees it."""
    shown: Json = {
        "id": channel.id,
        "created": int(channel.created.timestamp()),
        "is_im": channel.is_im,
        "is_mpim": False,
        "is_archived": channel.is_archived,
        "is_private": channel.is_private,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": channel.is_pending_ext_shared,
        "is_shared": channel.is_ext_shared or channel.is_org_shared,
        "is_org_shared": channel.is_org_shared,
        "context_team_id": core.workspace.team["id"],
    }
    if channel.is_im:
        return shown | {"user": channel.peer_of(core.bot.id)}
    return shown | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_general": False,
        "is_member": core.bot.id in channel.members,
        "num_members": len(channel.members),
    }


def visible_channel(core: Core, args: Args, verb: str = "read") -> Channel:
    """A conversation the bot may know of. Raises SlackError channel_not_found or missing_scope."""
    channel = core.workspace.channels.get(args.need("channel"))
    if channel is None or (core.bot.id not in channel.members and not channel.is_open):
        raise SlackError("channel_not_found")
    core.need_scope(scope_for(kind_of(channel), verb))
    return channel


def open_(core: Core, args: Args) -> Json:
    if args.text("channel"):
        channel = visible_channel(core, args)
    else:
        channel = core.workspace.direct_messages(_person(core, args.text("users")))
    return {"channel": channel_json(core, channel) if args.flag("return_im") else {"id": channel.id}}


def _person(core: Core, users: str | None) -> str:
    if not users:
        raise SlackError("users_list_not_supplied")
    if "," in users:
        raise SlackError("method_not_supported_for_channel_type")
    person = core.workspace.users.get(users)
    if person is None:
        raise SlackError("user_not_found")
    if person.is_bot:
        raise SlackError("cannot_dm_bot")
    if person.deleted:
        raise SlackError("user_disabled")
    return person.id


def info(core: Core, args: Args) -> Json:
    return {"channel": channel_json(core, visible_channel(core, args))}


def members(core: Core, args: Args) -> Json:
    page, more = paged(args, visible_channel(core, args).members)
    return {"members": page, "response_metadata": more}


def _listed(core: Core, args: Args) -> list[Channel]:
    kinds = (args.text("types") or "public_channel").replace(" ", "").split(",")
    if not set(kinds) <= set(SCOPE_OF):
        raise SlackError("invalid_types")
    for kind in kinds:
        core.need_scope(scope_for(kind, "read"))
    without_archived = args.flag("exclude_archived")
    return [
        channel
        for channel in core.workspace.channels.values()
        if kind_of(channel) in kinds and not (channel.is_archived and without_archived)
        if channel.is_open or core.bot.id in channel.members
    ]


def list_(core: Core, args: Args) -> Json:
    page, more = paged(args, _listed(core, args))
    return {"channels": [channel_json(core, each) for each in page], "response_metadata": more}


def own(core: Core, args: Args) -> Json:
    page, more = paged(args, [each for each in _listed(core, args) if core.bot.id in each.members])
    return {"channels": [channel_json(core, each) for each in page], "response_metadata": more}


def history(core: Core, args: Args) -> Json:
    channel = _readable(core, args)
    oldest, latest, inclusive = args.text("oldest") or "0", args.text("latest") or "9" * 10, args.flag("inclusive")
    shown = [
        message
        for message in reversed(channel.messages)
        if not message.deleted_at and not message.ephemeral_to and message.thread_ts in (None, message.ts)
        if oldest < message.ts < latest or (inclusive and message.ts in (oldest, latest))
    ]
    page, more = paged(args, shown)
    with_metadata = args.flag("include_all_metadata")
    messages = [message_json(core, each, with_metadata=with_metadata) for each in page]
    return {"messages": messages, "has_more": bool(more["next_cursor"]), "response_metadata": more}


def replies(core: Core, args: Args) -> Json:
    channel, ts = _readable(core, args), args.need("ts")
    parent = core.workspace.find(channel.id, ts)
    if parent is None:
        raise SlackError("thread_not_found")
    page, more = paged(args, [parent, *channel.replies_to(ts)])
    with_metadata = args.flag("include_all_metadata")
    messages = [message_json(core, each, with_metadata=with_metadata) for each in page]
    return {"messages": messages, "has_more": bool(more["next_cursor"]), "response_metadata": more}


def _readable(core: Core, args: Args) -> Channel:
    channel = visible_channel(core, args, "history")
    if core.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def join(core: Core, args: Args) -> Json:
    channel = core.workspace.channels.get(args.need("channel"))
    if channel is None or (channel.is_private and core.bot.id not in channel.members and not channel.is_im):
        raise SlackError("channel_not_found")
    if not channel.is_open:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    answer: Json = {}
    if core.bot.id in channel.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        channel.members.append(core.bot.id)
        core.changes.ring()
    return {"channel": channel_json(core, channel), **answer}


METHODS = {
    "conversations.open": Method(open_, ("im:write",)),
    "conversations.info": Method(info, READ),
    "conversations.members": Method(members, READ),
    "conversations.list": Method(list_, READ),
    "users.conversations": Method(own, READ),
    "conversations.history": Method(history, ("channels:history", "groups:history", "im:history", "mpim:history")),
    "conversations.replies": Method(replies, ("channels:history", "groups:history", "im:history", "mpim:history")),
    "conversations.join": Method(join, ("channels:join", "channels:manage")),
}
