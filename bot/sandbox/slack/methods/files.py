"""Files: uploaded in three steps, described, and fetched with the app's token."""

from __future__ import annotations

import re
from mimetypes import guess_type

from ..core import Core
from ..errors import SlackError, bad_arguments
from ..web_api import Args, Method
from ..workspace import File, Json
from .chat import channel_to_write, checked_thread

CONVERSATION = re.compile(r"[CGDZ][A-Z0-9]{8,}")
"""What may stand in `channel_id`: no person's id, and no name (slackapi/bolt-js issue 2115)."""


def file_json(core: Core, file: File) -> Json:
    """A file object. It is fetched at `url_private_download`, with a token that has files:read."""
    key = f"{core.workspace.team['id']}-{file.id}"
    private = f"{core.url}/files-pri/{key}"
    kind = file.name.rpartition(".")[2].lower()
    created = int(file.created.timestamp())
    return {
        "id": file.id,
        "created": created,
        "timestamp": created,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": guess_type(file.name)[0] or "application/octet-stream",
        "filetype": kind,
        "pretty_type": kind.upper(),
        "user": file.user,
        "mode": "hosted",
        "size": file.size,
        "is_external": False,
        "is_public": False,
        "url_private": f"{private}/{file.name}",
        "url_private_download": f"{private}/download/{file.name}",
        "channels": [each for each in file.channels if each.startswith("C")],
        "ims": [each for each in file.channels if each.startswith("D")],
    }


def get_upload_url(core: Core, args: Args) -> Json:
    length = args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments")
    file = core.new_file(core.bot.id, args.need("filename"), length)
    return {"upload_url": f"{core.url}/upload/{file.id}", "file_id": file.id}


def complete_upload(core: Core, args: Args) -> Json:
    wanted = args.json("files") or []
    files = [_uploaded(core, each) for each in wanted]
    if not files:
        raise SlackError("invalid_arguments")
    for file, named in zip(files, wanted, strict=True):
        file.title = named.get("title") or file.name
    if place := args.text("channel_id"):
        if not CONVERSATION.fullmatch(place):
            raise bad_arguments(f"input must match regex pattern: ^{CONVERSATION.pattern}$ [json-pointer:/channel_id]")
        _share(core, args, files, place)
    return {"files": [file_json(core, file) for file in files]}


def _share(core: Core, args: Args, files: list[File], place: str) -> None:
    channel = channel_to_write(core, place)
    for file in files:
        file.channels.append(channel.id)
    version = core.workspace.version(args.text("initial_comment") or "", [])
    thread_ts = checked_thread(channel, args.text("thread_ts"))
    shown = [file_json(core, file) for file in files]
    core.workspace.post(channel, core.bot.id, version, thread_ts=thread_ts, files=shown, sent=args.values)


def _uploaded(core: Core, wanted: Json) -> File:
    file = core.files.get(wanted.get("id", ""))
    if file is None or file.content is None:
        raise SlackError("file_not_found")
    return file


def info(core: Core, args: Args) -> Json:
    file = core.files.get(args.need("file"))
    if file is None or file.content is None:
        raise SlackError("file_not_found")
    return {"file": file_json(core, file), "comments": [], "response_metadata": {"next_cursor": ""}}


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
    "files.info": Method(info, ("files:read",)),
}
