"""What a message is, and the few shapes all of them are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

from bot.messages.words import plain
from storage.records import Grower

SECTION = 3000
HEADER = 150
LABEL = 75
MENU = 100


@dataclass(frozen=True)
class Message:
    """A Slack message: `text` alone reads well in a notification, `blocks` are what is seen."""

    text: str
    blocks: tuple[Block, ...]

    def payload(self) -> dict[str, Any]:
        """As chat.postMessage takes it. Links are never unfurled: a preview would be one more visitor."""
        blocks = [block.to_dict() for block in self.blocks]
        return {"text": self.text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def said(text: str, *blocks: Block) -> Message:
    return Message(text, blocks)


def header(text: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=text if len(text) <= HEADER else text[: HEADER - 1] + "…"))


def section(*lines: str) -> SectionBlock:
    """One paragraph per line, in Slack's formatting; what does not fit is cut at a line."""
    kept, size = [], 0
    for line in lines:
        size += len(line) + 1
        if size > SECTION - 2:
            kept.append("…")
            break
        kept.append(line)
    return SectionBlock(text=MarkdownTextObject(text="\n".join(kept)))


def context(*lines: str) -> ContextBlock:
    return ContextBlock(elements=[MarkdownTextObject(text="\n".join(lines)[:SECTION])])


def button(label: str, action: str, value: str, *, style: str | None = None, **more: Any) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=label), action_id=action, value=value, style=style, **more)


def actions(*elements: InteractiveElement) -> ActionsBlock:
    return ActionsBlock(elements=list(elements))


def grower_menu(action: str, placeholder: str, growers: Sequence[Grower]) -> StaticSelectElement:
    """A menu of growers, at most 100; twins are told apart by their e-mail or externalId."""
    options = [Option(value=grower.id, label=label(grower)) for grower in growers[:MENU]]
    return StaticSelectElement(action_id=action, placeholder=PlainTextObject(text=placeholder), options=options)


def label(grower: Grower) -> str:
    particulars = [word for word in (grower.email, grower.external_id) if word]
    if not particulars:
        return plain(grower.name, LABEL)
    tail = plain(" · ".join(particulars), LABEL // 2)
    return f"{plain(grower.name, LABEL - len(tail) - 3)} · {tail}"
