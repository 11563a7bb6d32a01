"""What the app says through a response URL, or in its very answer to a command."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .block_kit import MESSAGE, check_blocks
from .core import Core
from .elements import with_ids
from .errors import SlackError, bad_arguments
from .tickets import ResponseUrl
from .web_api import Args, read_arguments
from .workspace import Json, Message, Version

STATUS = {"no_such_url": 404, "expired_url": 404, "used_url": 404}


class Responses:
    """`/response/<secret>`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def endpoint(self, request: Request) -> Response:
        channel = None
        try:
            args = await read_arguments(request)
            ticket = self._core.tickets.spend_response_url(request.path_params["secret"])
            channel = ticket.channel
            respond(self._core, ticket, args.values)
        except SlackError as refused:
            self._core.note("response_url", channel, refused.error)
            return JSONResponse(
                {"ok": False, "error": refused.error, **refused.details}, STATUS.get(refused.error, 400)
            )
        self._core.note("response_url", channel, None)
        return PlainTextResponse("ok")


def respond(core: Core, ticket: ResponseUrl, said: Json) -> None:
    """Do what the app asked for. Raises SlackError no_text, invalid_blocks, message_not_found or is_archived."""
    args = Args(said)
    if args.flag("delete_original"):
        return core.workspace.delete(_source(ticket))
    version = _content(core, args)
    if args.flag("replace_original") and ticket.source is not None:
        return core.workspace.edit(_source(ticket), version, shows_edited=not version.blocks)
    _say(core, ticket, version, args)
    return None


def _source(ticket: ResponseUrl) -> Message:
    if ticket.source is None or ticket.source.deleted_at:
        raise SlackError("message_not_found")
    return ticket.source


def _content(core: Core, args: Args) -> Version:
    blocks = args.json("blocks", "invalid_blocks_format") or []
    if problems := check_blocks(blocks, MESSAGE):
        raise bad_arguments(*problems, error="invalid_blocks")
    if not (blocks or args.text("text")):
        raise SlackError("no_text")
    return core.workspace.version(args.text("text") or "", with_ids(blocks), args.json("metadata"))


def _say(core: Core, ticket: ResponseUrl, version: Version, args: Args) -> None:
    """Only the person sees it, unless it is meant for the channel. The app need not be a member."""
    channel = core.workspace.channels[ticket.channel]
    if channel.is_archived:
        raise SlackError("is_archived")
    more: dict[str, Any] = {"thread_ts": args.text("thread_ts"), "sent": args.values}
    if args.text("response_type") != "in_channel":
        more["ephemeral_to"] = ticket.user
    core.workspace.post(channel, core.bot.id, version, **more)
