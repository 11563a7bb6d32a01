"""Block Kit as Slack checks it: shapes, limits, surfaces, and the wording of its complaints.

Limits: docs.slack.dev/reference/block-kit; where each block may stand: docs.slack.dev/blocks.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .workspace import Json

Check = Callable[[Any, str, list[str]], None]
MESSAGE, MODAL, HOME = "message", "modal", "home"


def complain(problems: list[str], message: str, at: str) -> None:
    """Note a complaint with the JSON pointer Slack adds to it."""
    problems.append(f"{message} [json-pointer:{at}]")


def string(longest: int, shortest: int = 1) -> Check:
    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, str):
            complain(problems, "must provide a string", at)
        elif len(value) > longest:
            complain(problems, f"must be less than {longest + 1} characters", at)
        elif len(value) < shortest:
            complain(problems, f"must be more than {shortest - 1} characters", at)

    return check


def one_of(*values: str) -> Check:
    def check(value: Any, at: str, problems: list[str]) -> None:
        if value not in values:
            complain(problems, "must be a valid enum value", at)

    return check


def boolean(value: Any, at: str, problems: list[str]) -> None:
    if not isinstance(value, bool):
        complain(problems, "must provide a boolean", at)


def integer(value: Any, at: str, problems: list[str]) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        complain(problems, "must provide an integer", at)


def anything(value: Any, at: str, problems: list[str]) -> None:
    """Slack looks closer than this stand-in does."""


def items(check: Check, most: int, least: int = 1) -> Check:
    def check_items(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            return complain(problems, "must provide an array", at)
        if len(value) > most:
            complain(problems, f"no more than {most} items allowed", at)
        if len(value) < least:
            complain(problems, f"no fewer than {least} items allowed", at)
        for number, item in enumerate(value):
            check(item, f"{at}/{number}", problems)
        return None

    return check_items


def thing(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *also: Check) -> Check:
    """An object with exactly these fields; `also` are rules across fields, asked when each field is right."""
    fields = {**required, **(optional or {})}

    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            return complain(problems, "must provide an object", at)
        before = len(problems)
        for name in required:
            if name not in value:
                complain(problems, f"missing required field: {name}", at)
        for name, part in value.items():
            if name in fields:
                fields[name](part, f"{at}/{name}", problems)
            elif name != "type":
                complain(problems, f"invalid additional property: {name}", at)
        for rule in also if len(problems) == before else ():
            rule(value, at, problems)
        return None

    return check


def kinds(table: Mapping[str, Check], allowed: Iterable[str] | None = None) -> Check:
    """An object whose `type` decides its shape."""
    known = set(table) if allowed is None else set(allowed)

    def check(value: Any, at: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            return complain(problems, "must provide an object", at)
        kind = value.get("type")
        if kind is None:
            return complain(problems, "missing required field: type", at)
        if not isinstance(kind, str) or kind not in known:
            return complain(problems, f"unsupported type: {kind}", f"{at}/type")
        return table[kind](value, at, problems)

    return check


def text(longest: int, *types: str, shortest: int = 1) -> Check:
    """A text object of one of these types (by default both)."""
    content = {"text": string(longest, shortest)}
    shapes = {"plain_text": thing(content, {"emoji": boolean}), "mrkdwn": thing(content, {"verbatim": boolean})}
    check_kind = kinds(shapes, types or shapes)

    def check(value: Any, at: str, problems: list[str]) -> None:
        found: list[str] = []
        check_kind(value, at, found)
        if found and not types:
            complain(problems, "failed to match all allowed schemas", at)
        problems.extend(found)

    return check


def plain(longest: int) -> Check:
    return text(longest, "plain_text")


def nullable(check: Check) -> Check:
    def check_unless_null(value: Any, at: str, problems: list[str]) -> None:
        if value is not None:
            check(value, at, problems)

    return check_unless_null


def exactly_one(*names: str) -> Check:
    def check(value: Any, at: str, problems: list[str]) -> None:
        if sum(name in value for name in names) != 1:
            complain(problems, f"must provide exactly one of {', '.join(names)}", at)

    return check


def at_least_one(*names: str) -> Check:
    def check(value: Any, at: str, problems: list[str]) -> None:
        if not any(name in value for name in names):
            complain(problems, f"missing required field: one of {', '.join(names)}", at)

    return check


def initial_is_offered(value: Any, at: str, problems: list[str]) -> None:
    """What is chosen from the start must be among the options."""
    groups = value.get("option_groups", [])
    offered = [*value.get("options", []), *(option for group in groups for option in group.get("options", []))]
    chosen = [*value.get("initial_options", []), *([value["initial_option"]] if "initial_option" in value else [])]
    if offered and any(option not in offered for option in chosen):
        complain(problems, "initial option must be one of the options", at)


def unique_action_ids(value: Any, at: str, problems: list[str]) -> None:
    seen: set[str] = set()
    for element in value.get("elements", []):
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id in seen:
            complain(problems, f"`action_id` {action_id} already exists for another element", at)
        if action_id:
            seen.add(action_id)


ID = string(255)
CONFIRM = thing(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
SELECT_OPTION = thing({"text": plain(75), "value": string(150)}, {"description": plain(75)})
MENU_OPTION = thing({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": string(3000)})
BOX_OPTION = thing({"text": text(75), "value": string(150)}, {"description": text(75)})
OPTION_GROUP = thing({"label": plain(75), "options": items(SELECT_OPTION, 100)})
ACTION: dict[str, Check] = {"action_id": ID, "confirm": CONFIRM}
FIELD: dict[str, Check] = {**ACTION, "placeholder": plain(150), "focus_on_load": boolean}
MANY: dict[str, Check] = {"max_selected_items": integer}
FILTER = thing(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
IMAGE_SOURCE: dict[str, Check] = {"image_url": string(3000), "slack_file": anything}
FEEDBACK_BUTTON = thing({"text": plain(75), "value": string(2000)}, {"accessibility_label": string(75)})
DISPATCH = thing({}, {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2)})
OFFERED: dict[str, Check] = {"options": items(SELECT_OPTION, 100), "option_groups": items(OPTION_GROUP, 100)}


def written(**more: Check) -> Check:
    return thing({}, {**FIELD, "initial_value": string(3000, 0), "dispatch_action_config": DISPATCH, **more})


ELEMENTS: dict[str, Check] = {
    "button": thing(
        {"text": plain(75)},
        {
            **ACTION,
            "url": string(3000),
            "value": string(2000),
            "style": one_of("primary", "danger"),
            "accessibility_label": string(75),
            "agent_prompt": string(4000),
        },
    ),
    "icon_button": thing(
        {"icon": string(75), "text": plain(75)},
        {
            **ACTION,
            "value": string(2000),
            "accessibility_label": string(75),
            "visible_to_user_ids": items(string(20), 10),
        },
    ),
    "feedback_buttons": thing(
        {"positive_button": FEEDBACK_BUTTON, "negative_button": FEEDBACK_BUTTON}, {"action_id": ID}
    ),
    "workflow_button": thing(
        {"text": plain(75), "workflow": anything},
        {**ACTION, "style": one_of("primary", "danger"), "accessibility_label": string(75)},
    ),
    "overflow": thing({"options": items(MENU_OPTION, 5)}, ACTION),
    "image": thing({"alt_text": string(2000)}, IMAGE_SOURCE, exactly_one("image_url", "slack_file")),
    "static_select": thing(
        {},
        {**FIELD, **OFFERED, "initial_option": SELECT_OPTION},
        exactly_one("options", "option_groups"),
        initial_is_offered,
    ),
    "multi_static_select": thing(
        {},
        {**FIELD, **MANY, **OFFERED, "initial_options": items(SELECT_OPTION, 100)},
        exactly_one("options", "option_groups"),
        initial_is_offered,
    ),
    "external_select": thing({}, {**FIELD, "initial_option": SELECT_OPTION, "min_query_length": integer}),
    "multi_external_select": thing(
        {}, {**FIELD, **MANY, "initial_options": items(SELECT_OPTION, 100), "min_query_length": integer}
    ),
    "users_select": thing({}, {**FIELD, "initial_user": string(20)}),
    "multi_users_select": thing({}, {**FIELD, **MANY, "initial_users": items(string(20), 100)}),
    "conversations_select": thing(
        {},
        {
            **FIELD,
            "initial_conversation": string(20),
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": FILTER,
        },
    ),
    "multi_conversations_select": thing(
        {},
        {
            **FIELD,
            **MANY,
            "initial_conversations": items(string(20), 100),
            "default_to_current_conversation": boolean,
            "filter": FILTER,
        },
    ),
    "channels_select": thing({}, {**FIELD, "initial_channel": string(20), "response_url_enabled": boolean}),
    "multi_channels_select": thing({}, {**FIELD, **MANY, "initial_channels": items(string(20), 100)}),
    "checkboxes": thing(
        {"options": items(BOX_OPTION, 10)},
        {**ACTION, "focus_on_load": boolean, "initial_options": items(BOX_OPTION, 10)},
        initial_is_offered,
    ),
    "radio_buttons": thing(
        {"options": items(BOX_OPTION, 10)},
        {**ACTION, "focus_on_load": boolean, "initial_option": BOX_OPTION},
        initial_is_offered,
    ),
    "datepicker": thing({}, {**FIELD, "initial_date": string(10, 10)}),
    "timepicker": thing({}, {**FIELD, "initial_time": string(5, 5), "timezone": string(100)}),
    "datetimepicker": thing({}, {**ACTION, "focus_on_load": boolean, "initial_date_time": integer}),
    "plain_text_input": written(multiline=boolean, min_length=integer, max_length=integer),
    "email_text_input": written(),
    "url_text_input": written(),
    "number_input": thing(
        {"is_decimal_allowed": boolean},
        {
            **FIELD,
            "initial_value": string(100),
            "min_value": string(100),
            "max_value": string(100),
            "dispatch_action_config": DISPATCH,
        },
    ),
    "rich_text_input": thing({}, {**FIELD, "initial_value": anything, "dispatch_action_config": DISPATCH}),
    "file_input": thing({}, {**ACTION, "filetypes": items(string(20), 100), "max_files": integer}),
}

SELECTS = {name for name in ELEMENTS if name.endswith("_select")}
CHOICES = SELECTS | {"checkboxes", "radio_buttons", "datepicker", "timepicker"}
IN_SECTION = CHOICES | {"button", "overflow", "image", "workflow_button"}
IN_ACTIONS = CHOICES | {"button", "overflow", "workflow_button", "datetimepicker", "rich_text_input"}
IN_INPUT = CHOICES | {
    "datetimepicker",
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "rich_text_input",
    "file_input",
}


def elements(*allowed: str) -> Check:
    return kinds(ELEMENTS, allowed)


def block(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *also: Check) -> Check:
    return thing(required, {"block_id": ID, **(optional or {})}, *also)


RICH_TEXT = block({"elements": items(anything, 500, 0)})
IMAGE = elements("image")
CELL = kinds(
    {
        "raw_text": thing({"text": string(3000)}),
        "raw_number": thing({"value": anything}, {"text": string(3000)}),
        "rich_text": RICH_TEXT,
    }
)
COLUMN = thing({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
TASK = block(
    {"task_id": string(255), "title": string(2000), "status": one_of("pending", "in_progress", "complete", "error")},
    {"details": RICH_TEXT, "output": RICH_TEXT, "sources": items(anything, 100)},
)
CARD = block(
    {},
    {
        "hero_image": IMAGE,
        "icon": IMAGE,
        "title": text(150),
        "subtitle": text(150),
        "body": text(200),
        "actions": items(elements("button"), 25),
    },
    at_least_one("hero_image", "title", "actions", "body"),
)


def child_block(value: Any, at: str, problems: list[str]) -> None:
    kinds(BLOCKS, set(BLOCKS) - {"container", "input", "alert"})(value, at, problems)


def table_is_even(value: Any, at: str, problems: list[str]) -> None:
    rows = [row for row in value.get("rows", []) if isinstance(row, list)]
    if len({len(row) for row in rows}) > 1:
        complain(problems, "all rows must have the same number of cells", f"{at}/rows")
    if sum(len(str(cell.get("text", ""))) for row in rows for cell in row if isinstance(cell, dict)) > 10_000:
        complain(problems, "must be less than 10001 characters in all cells together", f"{at}/rows")


def not_collapsible_with_divider(value: Any, at: str, problems: list[str]) -> None:
    if value.get("is_collapsible") and value.get("has_header_divider"):
        complain(problems, "has_header_divider cannot be set when is_collapsible is true", at)


def number(value: Any, at: str, problems: list[str]) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        complain(problems, "must provide a number", at)


def series_match_categories(value: Any, at: str, problems: list[str]) -> None:
    names = [each["name"] for each in value["series"]]
    if len(set(names)) < len(names):
        complain(problems, "series names must be unique", f"{at}/series")
    categories = value["axis_config"]["categories"]
    for place, each in enumerate(value["series"]):
        if sorted(point["label"] for point in each["data"]) != sorted(set(categories)):
            complain(problems, "labels must match the categories", f"{at}/series/{place}/data")


POINT = thing({"label": string(20), "value": number})
PLOT = thing(
    {
        "series": items(thing({"name": string(20), "data": items(POINT, 20)}), 6),
        "axis_config": thing({"categories": items(string(20), 20)}, {"x_label": string(50), "y_label": string(50)}),
    },
    None,
    series_match_categories,
)
PIE = thing({"segments": items(POINT, 6)})

BLOCKS: dict[str, Check] = {
    "section": block(
        {},
        {"text": text(3000), "fields": items(text(2000), 10), "accessory": elements(*IN_SECTION), "expand": boolean},
        at_least_one("text", "fields"),
    ),
    "header": block({"text": plain(150)}),
    "divider": block({}),
    "image": block(
        {"alt_text": string(2000)}, {**IMAGE_SOURCE, "title": plain(2000)}, exactly_one("image_url", "slack_file")
    ),
    "actions": block({"elements": items(elements(*IN_ACTIONS), 25)}, None, unique_action_ids),
    "context": block(
        {"elements": items(kinds({"image": ELEMENTS["image"], "mrkdwn": text(3000), "plain_text": text(3000)}), 10)}
    ),
    "context_actions": block(
        {"elements": items(elements("feedback_buttons", "icon_button"), 5)}, None, unique_action_ids
    ),
    "input": block(
        {"label": plain(2000), "element": elements(*IN_INPUT)},
        {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": RICH_TEXT,
    "markdown": block({"text": string(12_000)}),
    "table": block(
        {"rows": items(items(CELL, 20), 100)},
        {"column_settings": items(nullable(COLUMN), 20)},
        table_is_even,
    ),
    "data_visualization": block(
        {"title": string(50), "chart": kinds({"bar": PLOT, "line": PLOT, "area": PLOT, "pie": PIE})}
    ),
    "alert": block({"text": text(3000)}, {"level": one_of("default", "info", "warning", "error", "success")}),
    "card": CARD,
    "carousel": block({"elements": items(kinds({"card": CARD}), 10)}),
    "container": block(
        {"child_blocks": items(child_block, 10)},
        {
            "title": plain(150),
            "rich_text_title": RICH_TEXT,
            "subtitle": text(150),
            "icon": IMAGE,
            "width": one_of("narrow", "standard", "wide", "full"),
            "is_collapsible": boolean,
            "default_collapsed": boolean,
            "has_header_divider": boolean,
        },
        at_least_one("title", "rich_text_title"),
        not_collapsible_with_divider,
    ),
    "task_card": TASK,
    "plan": block({"title": string(2000)}, {"tasks": items(kinds({"task_card": TASK}), 100, 0)}),
    "video": block(
        {"alt_text": string(2000), "title": plain(200), "video_url": string(3000), "thumbnail_url": string(3000)},
        {
            "title_url": string(3000),
            "author_name": string(50),
            "description": plain(200),
            "provider_name": string(50),
            "provider_icon_url": string(3000),
        },
    ),
    "file": block({"external_id": string(255), "source": one_of("remote")}),
    "auth_provider": block(
        {"value": string(150), "name": plain(75), "is_connected": boolean},
        {
            "description": plain(150),
            "icon_url": string(3000),
            "auth_url": string(3000),
            "disconnect_url": string(3000),
            "connected_identity": plain(75),
            "connected_context": plain(75),
            "accessory": elements("overflow"),
            "fallback": anything,
        },
    ),
}

EVERYWHERE = {"section", "header", "divider", "image", "actions", "context", "input", "rich_text", "video", "card"}
ON_SURFACE = {
    MESSAGE: EVERYWHERE
    | {
        "markdown",
        "table",
        "data_visualization",
        "context_actions",
        "carousel",
        "container",
        "task_card",
        "plan",
        "file",
    },
    MODAL: EVERYWHERE | {"alert"},
    HOME: EVERYWHERE | {"carousel", "auth_provider"},
}
MOST_BLOCKS = {MESSAGE: 50, MODAL: 100, HOME: 100}


def check_blocks(blocks: Any, surface: str, at: str = "/blocks") -> list[str]:
    """Everything Slack would complain about in these blocks on that surface; empty when it would take them."""
    problems: list[str] = []
    items(kinds(BLOCKS, ON_SURFACE[surface]), MOST_BLOCKS[surface], 0)(blocks, at, problems)
    if not problems:
        _check_together(blocks, surface, at, problems)
    return problems


def _check_together(blocks: list[Json], surface: str, at: str, problems: list[str]) -> None:
    """Rules that span blocks."""
    seen: set[str] = set()
    for number, each in enumerate(blocks):
        block_id = each.get("block_id")
        if block_id in seen:
            complain(problems, f"`block_id` {block_id} already exists for another block", f"{at}/{number}/block_id")
        if block_id:
            seen.add(block_id)
        if each.get("element", {}).get("type") == "file_input" and surface != MODAL:
            complain(problems, "unsupported type: file_input", f"{at}/{number}/element/type")
    if sum(each["type"] == "table" for each in blocks) > 1:
        complain(problems, "only_one_table_allowed", at)
    if sum(each["type"] == "data_visualization" for each in blocks) > 2:
        complain(problems, "no more than 2 data_visualization blocks allowed", at)
    if sum(len(each["text"]) for each in blocks if each["type"] == "markdown") > 12_000:
        complain(problems, "must be less than 12001 characters in all markdown blocks together", at)


def check_options(options: Any) -> list[str]:
    """Everything Slack would complain about in suggested options or option groups."""
    problems: list[str] = []
    grouped = isinstance(options, list) and any(isinstance(each, dict) and "options" in each for each in options)
    items(OPTION_GROUP if grouped else SELECT_OPTION, 100, 0)(options, "/options", problems)
    return problems


VIEW_FIELDS: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "blocks": anything,
}
MODAL_VIEW = thing(
    {"title": plain(24), "blocks": anything},
    {
        **VIEW_FIELDS,
        "submit": plain(24),
        "close": plain(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
HOME_VIEW = thing({"blocks": anything}, VIEW_FIELDS)


def check_view(view: Any, surface: str) -> list[str]:
    """Everything Slack would complain about in this modal or Home."""
    problems: list[str] = []
    kinds({MODAL: MODAL_VIEW, HOME: HOME_VIEW}, {surface})(view, "/view", problems)
    if isinstance(view, dict) and "blocks" in view:
        problems += check_blocks(view["blocks"], surface, "/view/blocks")
        if (
            not problems
            and any(each["type"] == "input" for each in view["blocks"])
            and surface == MODAL
            and "submit" not in view
        ):
            complain(problems, "missing required field: submit", "/view")
    return problems
