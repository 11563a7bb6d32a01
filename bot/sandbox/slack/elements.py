"""The interactive elements inside blocks: finding them, what they hold, and the action a click becomes."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .workspace import Json

Filled = dict[tuple[str, str], Any]

HOLDS = {  # element type: where Slack puts what it holds, where the element says what it holds at first
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "file_input": ("files", "initial_files"),
}
PLURAL = {"selected_options", "selected_users", "selected_conversations", "selected_channels", "files"}


@dataclass(frozen=True)
class Place:
    """An interactive element and the block it stands in."""

    block: Json
    element: Json

    @property
    def key(self) -> tuple[str, str]:
        return self.block["block_id"], self.element["action_id"]


def _inside(block: Json) -> Iterator[Place]:
    for child in block.get("child_blocks", ()) if block["type"] == "container" else ():
        yield from _inside(child)
    for card in block["elements"] if block["type"] == "carousel" else ():
        yield from _inside(card)
    single = [block[name] for name in ("accessory", "element") if name in block]
    several = [
        *block.get("actions", ()),
        *(block["elements"] if block["type"] in ("actions", "context_actions") else ()),
    ]
    for element in (*single, *several):
        if element["type"] != "image":
            yield Place(block, element)


def places(blocks: list[Json]) -> Iterator[Place]:
    """Every interactive element, in reading order."""
    for block in blocks:
        yield from _inside(block)


def with_ids(blocks: list[Json]) -> list[Json]:
    """A copy in which every block and every interactive element has an id, as Slack makes them up."""
    named = copy.deepcopy(blocks)
    for block in named:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for inner in (*block.get("child_blocks", ()), *(block["elements"] if block["type"] == "carousel" else ())):
            inner.setdefault("block_id", secrets.token_urlsafe(4))
    for place in places(named):
        place.element.setdefault("action_id", secrets.token_urlsafe(4))
    return named


def find_place(blocks: list[Json], action_id: str, block_id: str | None = None) -> Place:
    """The one element with this id. Raises LookupError when there is none, or several without a block id."""
    found = [
        p for p in places(blocks) if p.element["action_id"] == action_id and block_id in (None, p.block["block_id"])
    ]
    if len(found) != 1:
        there = sorted({p.element["action_id"] for p in places(blocks)})
        raise LookupError(f"{len(found)} elements called {action_id!r} are there; the ids are {there}")
    return found[0]


def held(place: Place, filled: Filled) -> Json | None:
    """What the element holds, as in `state.values`; None for a button and its like."""
    kind = place.element["type"]
    if kind not in HOLDS:
        return None
    name, initial = HOLDS[kind]
    value = filled.get(place.key, place.element.get(initial))
    return {"type": kind, name: [] if value is None and name in PLURAL else value}


def state_values(blocks: list[Json], filled: Filled) -> Json:
    """`state.values`: block id, then action id, then what is held."""
    values: Json = {}
    for place in places(blocks):
        if (content := held(place, filled)) is not None:
            values.setdefault(place.block["block_id"], {})[place.element["action_id"]] = content
    return values


def options_of(element: Json, suggested: list[Json]) -> list[Json]:
    """Every option a person could choose in this element, type-ahead suggestions included."""
    sources = (element, {"option_groups": [each for each in suggested if "options" in each]})
    options = [option for source in sources for option in source.get("options", ())]
    options += [
        option for source in sources for group in source.get("option_groups", ()) for option in group["options"]
    ]
    return options + [each for each in suggested if "options" not in each]


def _option(element: Json, value: Any, suggested: list[Json]) -> Json:
    offered = options_of(element, suggested)
    for option in offered:
        if value in (option["value"], option):
            return option
    raise LookupError(f"{value!r} is not offered; the options are {[option['value'] for option in offered]}")


def chosen(element: Json, value: Any, suggested: list[Json]) -> Any:
    """What Slack stores when a person gives this value. Raises LookupError for an option that is not offered."""
    name = HOLDS[element["type"]][0]
    if value is None or value == "":
        return None
    if name == "selected_option":
        return _option(element, value, suggested)
    if name in PLURAL:
        several = value if isinstance(value, list) else [value]
        return [_option(element, each, suggested) for each in several] if name == "selected_options" else several
    return int(value) if name == "selected_date_time" else value if name == "rich_text_value" else str(value)


def action_for(place: Place, content: Any, ts: str) -> Json:
    """One entry of `actions` in a block_actions payload."""
    element = place.element
    action: Json = {"type": element["type"], "block_id": place.block["block_id"], "action_id": element["action_id"]}
    for name in ("text", "value", "style", "placeholder", "icon"):
        if name in element:
            action[name] = element[name]
    if element["type"] in HOLDS:
        action[HOLDS[element["type"]][0]] = content
    elif element["type"] == "overflow":
        action["selected_option"] = content
    elif element["type"] == "feedback_buttons":
        action |= content
    return {**action, "action_ts": ts}


def content_of_click(place: Place, value: Any, suggested: list[Json]) -> Any:
    """What a click or a choice puts into the element; None for a plain button."""
    element = place.element
    if element["type"] == "overflow":
        return _option(element, value, [])
    if element["type"] == "feedback_buttons":
        buttons = [element["positive_button"], element["negative_button"]]
        button = next((each for each in buttons if each["value"] == value), None)
        if button is None:
            raise LookupError(f"{value!r} is no feedback button")
        return {"text": button["text"], "value": button["value"]}
    return chosen(element, value, suggested) if element["type"] in HOLDS else None
