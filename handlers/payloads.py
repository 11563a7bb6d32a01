"""Slack's bodies, read: what is missing or of another shape is noticed here, before anything is done."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from bot.messages import MORE
from handlers.call import AT_HOME, Call, Click, Opened, Shortcut, Submission, Typing, clean, command_and_rest, tidy

_ID = re.compile(r"[A-Z0-9]{2,32}")
_LONGEST = 3000
"""Characters of one value that are looked at; Slack itself allows no more in an input."""

Body = Mapping[str, Any]


class Malformed(ValueError):
    """Signed by Slack, and yet not as Slack writes."""


def typed_command(body: Body) -> Call:
    """A slash command. Raises Malformed."""
    word, text = command_and_rest(_text(body, "text", limit=None))
    return Call(
        user=_id(body, "user_id"),
        team=_id(body, "team_id") if body.get("team_id") else None,
        channel=_id(body, "channel_id") if body.get("channel_id") else None,
        request_id=_request_id(),
        word=word,
        text=text,
        trigger_id=_text(body, "trigger_id"),
    )


def clicks(body: Body) -> Iterator[Click]:
    """What was pressed or chosen; Slack sends one at a time, though its format has room for more. Raises Malformed."""
    container, pressed = _part(body, "container"), body.get("actions")
    if not isinstance(pressed, list):
        raise Malformed("actions")
    for action in pressed:
        if not isinstance(action, Mapping):
            raise Malformed("action")
        pressed_action, value = _pressed(action)
        yield Click(
            user=_id(_part(body, "user"), "id"),
            team=_team(body),
            channel=_channel(body),
            request_id=_request_id(),
            action=pressed_action,
            block=_text(action, "block_id"),
            value=value,
            trigger_id=_text(body, "trigger_id"),
            is_ephemeral=container.get("is_ephemeral") is True,
            message=_text(container, "message_ts"),
            modal=_modal(body),
            values=_values(_part(_part(_part(body, "view"), "state"), "values")) if _modal(body) else {},
            metadata=_text(_part(body, "view"), "private_metadata"),
            chosen_at=_text(action, "action_ts"),
            home=_home(_part(body, "view")),
        )


def submission(body: Body) -> Submission:
    """A modal sent in. Raises Malformed."""
    view = _part(body, "view")
    opened_from, _, opened_for = _text(view, "private_metadata").partition(" ")
    return Submission(
        user=_id(_part(body, "user"), "id"),
        team=_team(body),
        channel=opened_from if _ID.fullmatch(opened_from) else None,
        request_id=_request_id(),
        view=_text(view, "callback_id"),
        values=_values(filled := _part(_part(view, "state"), "values")),
        texts=_texts(filled),
        files=_files(filled),
        opened_for=opened_for,
        home=_home(view),
    )


def shortcut(body: Body) -> Shortcut:
    """A shortcut of the workspace or of a message. Raises Malformed."""
    message = _part(body, "message")
    return Shortcut(
        user=_id(_part(body, "user"), "id"),
        team=_team(body),
        channel=_channel(body),
        request_id=_request_id(),
        shortcut=_text(body, "callback_id"),
        trigger_id=_text(body, "trigger_id"),
        author=_id(message, "user") if message.get("user") and not message.get("bot_id") else "",
        message=_text(message, "ts"),
        offers=tuple(_offers(message.get("blocks"))),
    )


def _offers(blocks: Any) -> Iterator[tuple[str, str]]:
    """What a message's buttons and overflow menus stand for, of a shape that we have not made ourselves perhaps."""
    for block in _mappings(blocks):
        for element in _mappings([*_mappings(block.get("elements")), block.get("accessory")]):
            if isinstance(value := element.get("value"), str) and isinstance(action := element.get("action_id"), str):
                yield action, value
            for option in _mappings(element.get("options")):
                if isinstance(chosen := option.get("value"), str):
                    yield chosen.partition(":")[0], chosen.partition(":")[2]


def _mappings(value: Any) -> list[Body]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def typing(body: Body) -> Typing:
    """What stands in a menu that is filled while somebody types. Raises Malformed."""
    return Typing(
        user=_id(_part(body, "user"), "id"),
        team=_team(body),
        channel=_channel(body),
        request_id=_request_id(),
        action=_text(body, "action_id"),
        typed=tidy(_text(body, "value")),
    )


def opened_home(body: Body) -> tuple[Opened, str]:
    """The bot's own page opened by somebody, and which tab of it. Raises Malformed."""
    event = _part(body, "event")
    opened = Opened(
        user=_id(event, "user"),
        team=_team(body),
        channel=None,
        request_id=_request_id(),
        home=_home(_part(event, "view")) or "",
    )
    return opened, _text(event, "tab") or "home"


def answer_address(body: Body) -> str | None:
    """Where the answer goes; it is a secret. Raises Malformed."""
    return _text(body, "response_url") or None


def _text(body: Body, key: str, limit: int | None = _LONGEST) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(key)
    return clean(value if limit is None else value[:limit])


def _id(body: Body, key: str) -> str:
    value = body.get(key)
    if not (isinstance(value, str) and _ID.fullmatch(value)):
        raise Malformed(key)
    return value


def _part(body: Body, key: str) -> Body:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Malformed(key)
    return value


def _team(body: Body) -> str | None:
    """The workspace the acting person belongs to."""
    for owner, key in ((_part(body, "user"), "team_id"), (_part(body, "team"), "id"), (body, "team_id")):
        if owner.get(key):
            return _id(owner, key)
    return None


def _channel(body: Body) -> str | None:
    for owner, key in ((_part(body, "channel"), "id"), (_part(body, "container"), "channel_id")):
        if owner.get(key):
            return _id(owner, key)
    return None


def _modal(body: Body) -> str:
    view = _part(body, "view")
    return _text(view, "id") if view.get("type") == "modal" else ""


def _home(view: Body) -> str | None:
    """How the Home looked, if the view is the Home or was opened from it."""
    remembered = _text(view, "private_metadata")
    if view.get("type") == "home":
        return remembered
    opened_from = remembered.partition(" ")[0]
    return opened_from.removeprefix(AT_HOME) if opened_from.startswith(AT_HOME) else None


def _pressed(element: Body) -> tuple[str, str]:
    """The action and its value: what an overflow menu offers is pressed as if it were a button of its own."""
    action, value = _text(element, "action_id"), _chosen(element)
    if action != MORE:
        return action, value
    chosen, _, rest = value.partition(":")
    return chosen, rest


def _chosen(element: Body) -> str:
    """The value of a button or input, or of what was chosen in a menu; of several options, with commas between."""
    if option := _part(element, "selected_option"):
        return _text(option, "value")
    if options := element.get("selected_options"):
        return ",".join(_text(option, "value") for option in _each(options))
    for key in ("value", "selected_user", "selected_channel", "selected_conversation"):
        if element.get(key):
            return _text(element, key)
    return ""


def _each(options: object) -> list[Body]:
    if not (isinstance(options, list) and all(isinstance(option, Mapping) for option in options)):
        raise Malformed("selected_options")
    return options


def _values(blocks: Body) -> dict[str, str]:
    """What was filled in, by block id."""
    return {block: _chosen(_part(elements, name)) for block, elements in _parts(blocks) for name in elements}


def _texts(blocks: Body) -> dict[str, str]:
    """What was written, by block id, with its line breaks."""
    return {
        block: "\n".join(clean(line) for line in written[:_LONGEST].splitlines())
        for block, elements in _parts(blocks)
        for name in elements
        if isinstance(written := _part(elements, name).get("value"), str)
    }


def _files(blocks: Body) -> dict[str, list[str]]:
    """The ids of files that were chosen, by block id."""
    found = {}
    for block, elements in _parts(blocks):
        for name in elements:
            chosen = _part(elements, name).get("files")
            if chosen is None:
                continue
            if not (isinstance(chosen, list) and all(isinstance(file, Mapping) for file in chosen)):
                raise Malformed("files")
            found[block] = [_id(file, "id") for file in chosen]
    return found


def _parts(blocks: Body) -> Iterator[tuple[str, Body]]:
    for block in blocks:
        yield block, _part(blocks, block)


def _request_id() -> str:
    return uuid.uuid4().hex[:12]
