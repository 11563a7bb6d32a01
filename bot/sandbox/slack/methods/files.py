"""Uploading files in three steps."""

from __future__ import annotations

from ..core import Core
from ..errors import SlackError
from ..web_api import Args, Method
from ..workspace import Json
from .chat import channel_to_write, checked_thread


def get_upload_url(core: Core, args: Args) -> Json:
    file_id = core.workspace.new_id("F")
    length = args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments")
    core.uploads[file_id] = {"id": file_id, "name": args.need("filename"), "size": length, "content": None}
    return {"upload_url": f"{core.url}/upload/{file_id}", "file_id": file_id}


def complete_upload(core: Core, args: Args) -> Json:
    files = [_uploaded(core, each) for each in args.json("files") or []]
    if not files:
        raise SlackError("invalid_arguments")
    if wanted := args.text("channel_id") or args.text("channels"):
        channel = channel_to_write(core, wanted)
        version = core.workspace.version(args.text("initial_comment") or "", [])
        thread_ts = checked_thread(channel, args.text("thread_ts"))
        core.workspace.post(channel, core.bot.id, version, thread_ts=thread_ts, files=files, sent=args.values)
    return {"files": files}


def _uploaded(core: Core, wanted: Json) -> Json:
    upload = core.uploads.get(wanted.get("id", ""))
    if upload is None or upload["content"] is None:
        raise SlackError("file_not_found")
    return {
        "id": upload["id"],
        "name": upload["name"],
        "size": upload["size"],
        "title": wanted.get("title") or upload["name"],
    }


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
}
