"""What a person sees of a message, and how Slack reads mrkdwn: written apart from the code that makes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from slack_sdk.models.views import View

from bot.messages import Message
from bot.sandbox.slack import block_kit

TOKEN = re.compile(
    r"(?P<fence>```.*?```)|(?P<code>`[^`\n]+`)|<(?P<angle>[^<>\n]*)>|(?P<emoji>:[\w+'-]+:)|(?P<quote>^(?:>|&gt;))",
    re.DOTALL | re.MULTILINE,
)
STYLES = {"*": "bold", "_": "italic", "~": "strike"}
URL = re.compile(r"\b(?:https?://|www\.|mailto:)\S+|\b[\w.+-]+@[\w-]+\.[\w.]+", re.IGNORECASE)
BROADCAST = re.compile(r"(?<!\w)[@#][\w-]+")

Markup = tuple[str, str]
"""What Slack makes of a piece of text: the kind, and the target of a mention or link."""


def blocks_of(shown: Message | View) -> list[dict[str, Any]]:
    raw = shown.payload()["blocks"] if isinstance(shown, Message) else shown.to_dict()["blocks"]
    return list(raw)


def texts(value: Any) -> Iterator[dict[str, Any]]:
    """Every text object, in order of reading."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value
        if value.get("type") == "data_visualization":
            yield {"type": "plain_text", "text": value["title"]}
            for series in value["chart"]["series"]:
                yield from (
                    {"type": "plain_text", "text": f"{point['label']}: {point['value']:,}"} for point in series["data"]
                )
        for key, item in value.items():
            if key != "private_metadata":
                yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def seen(shown: Message | View) -> str:
    """The visible text: entities and marks resolved, dates as their fallback."""
    return read(blocks_of(shown))


def read(blocks: Any) -> str:
    """The same of blocks, or of one."""
    return "\n".join(_visible(text) for text in texts(blocks))


def _visible(text: dict[str, Any]) -> str:
    if text.get("type") != "mrkdwn":
        return str(text["text"])
    told = re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", text["text"])
    told = re.sub(r"<([@#])([A-Z0-9]+)>", r"\1\2", told)
    told = re.sub(r"(?<!\w)\*(?=\S)([^*\n]*\S)\*(?!\w)", r"\1", told).replace("`", "")
    return told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def elements(shown: Message | View) -> list[dict[str, Any]]:
    """Every button and menu, and every field of a form that tells at once what is chosen."""
    found: list[dict[str, Any]] = []
    for block in blocks_of(shown):
        found += block.get("elements", []) if block["type"] == "actions" else []
        found += [block["accessory"]] if "accessory" in block else []
        found += [block["element"]] if block.get("dispatch_action") else []
    return found


def action_ids(shown: Message | View) -> list[str]:
    """What can be pressed; an overflow menu's offers count as what they stand for."""
    return [action for element in elements(shown) for action in _actions(element)]


def _actions(element: dict[str, Any]) -> list[str]:
    if element["type"] != "overflow":
        return [element["action_id"]]
    return [option["value"].partition(":")[0] for option in element["options"]]


def labels(shown: Message | View) -> list[str]:
    return [element["text"]["text"] for element in elements(shown) if element["type"] == "button"]


def offers(shown: Message | View) -> list[str]:
    """What the overflow menus offer."""
    menus = [element for element in elements(shown) if element["type"] == "overflow"]
    return [option["text"]["text"] for menu in menus for option in menu["options"]]


def markup(text: str, *, verbatim: bool) -> list[Markup]:
    """Everything that is not plain text to Slack: mentions, links, dates, code, emoji, quotations, styles."""
    found: list[Markup] = []
    rest, end = [], 0
    for match in TOKEN.finditer(text):
        rest.append(text[end : match.start()])
        end = match.end()
        kind = str(match.lastgroup)
        found.append((kind, re.split(r"[|^]", match["angle"])[0] if kind == "angle" else ""))
        rest.append("\ufffc" if kind == "angle" else " ")
    plain = "".join([*rest, text[end:]])
    if not verbatim:
        found += [("autolink", "") for _ in [*URL.finditer(plain), *BROADCAST.finditer(plain)]]
    return found + [(kind, "") for mark, kind in STYLES.items() for _ in _styled(plain, mark)]


def _styled(text: str, mark: str) -> list[str]:
    """Generous: whatever any Slack client might take for a style."""
    m = re.escape(mark)
    return re.findall(rf"(?<![A-Za-z0-9]){m}(?=[^\s{m}])[^{m}\n]*{m}(?![A-Za-z0-9])", text)


def skeleton(shown: Message | View) -> list[Markup]:
    """The markup of all mrkdwn in the message, in order."""
    found: list[Markup] = []
    for text in texts(blocks_of(shown)):
        if text["type"] == "mrkdwn":
            found += markup(text["text"], verbatim=text.get("verbatim", False))
    return found


def complaints(shown: Message | View) -> list[str]:
    """What Slack would refuse, as the sandbox knows it; slack_sdk's own checks run while the message is made."""
    if isinstance(shown, View):
        return block_kit.check_view(shown.to_dict(), str(shown.type))
    return block_kit.check_blocks(shown.payload()["blocks"], block_kit.MESSAGE)
