"""What messages are made of: Slack's blocks, kept within Slack's limits (docs.slack.dev/reference/block-kit)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    ExternalDataSelectElement,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
    SectionBlock,
    StaticSelectElement,
)

from bot.messages.charts import Chart
from bot.messages.text import escape, literal
from storage.records import Grower

SECTION = 3000
HEADING = 150
LABEL = 75
OPTIONS = 100
OPTION_VALUE = 150


@dataclass(frozen=True)
class Message:
    """A message to Slack: `text` alone for notifications and screen readers, `blocks` for everybody else."""

    text: str
    blocks: tuple[Block, ...]

    def without_charts(self) -> Message | None:
        """The same with charts drawn in characters, for a Slack that does not know the block; None without any."""
        simple = [block.in_characters() if isinstance(block, Chart) else block for block in self.blocks]
        return replace(self, blocks=tuple(simple)) if simple != list(self.blocks) else None

    def payload(self) -> dict[str, Any]:
        """What chat.postMessage and its like take. Links are never unfurled: a preview would open them."""
        blocks = [block.to_dict() for block in self.blocks]
        return {"text": self.text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def heading(text: str) -> HeaderBlock:
    """A title; names in it need no escaping, as nothing in it is markup."""
    return HeaderBlock(text=PlainTextObject(text=literal(text, HEADING), emoji=False))


def section(*lines: str | None) -> SectionBlock:
    """Lines of mrkdwn; None is no line. Whole lines are left out where Slack's limit asks for it."""
    return SectionBlock(text=_mrkdwn("\n".join(_fitting([line for line in lines if line is not None], SECTION))))


def row(element: InteractiveElement, *lines: str) -> SectionBlock:
    """Lines with a button at their right: one of a list's."""
    return SectionBlock(text=_mrkdwn("\n".join(_fitting(lines, SECTION))), accessory=element)


def paragraphs(*lines: str | None) -> list[SectionBlock]:
    """The same for any number of lines: as many blocks as it takes, none for no lines."""
    groups: list[list[str]] = []
    room = 0
    for line in (line for line in lines if line is not None):
        room -= len(line) + 1
        if room < 2:
            groups.append([])
            room = SECTION - len(line) - 1
        groups[-1].append(line)
    return [section(*group) for group in groups]


def quiet(*lines: str | None) -> ContextBlock:
    """Small print."""
    return ContextBlock(elements=[_mrkdwn("\n".join(_fitting([line for line in lines if line is not None], 2000)))])


def copyable(text: str) -> RichTextBlock:
    """Text to be copied as it is: nothing in it is markup, and no link in it is made clickable."""
    parts = [RichTextElementParts.Text(text=text)]
    return RichTextBlock(elements=[RichTextPreformattedElement(elements=parts)])


def actions(*elements: InteractiveElement | None) -> ActionsBlock:
    """Buttons and menus in a row; None is none."""
    return ActionsBlock(elements=[element for element in elements if element is not None])


def button(
    label: str, action: str, value: str | None, *, style: str | None = None, url: str | None = None
) -> ButtonElement:
    """A button. `style` is "primary" or "danger"; `url` opens in the browser as well."""
    shown = PlainTextObject(text=literal(label, LABEL), emoji=False)
    return ButtonElement(text=shown, action_id=action, value=value, style=style, url=url)


MORE = "more"
"""The action id of every overflow menu; what was chosen names the action it stands for, as `action:value`."""


def more(*offers: tuple[str, str, str] | None) -> OverflowMenuElement:
    """What has no room among a message's buttons: (label, action, value) each, at most Slack's five; None is none."""
    options = [
        Option(value=f"{action}:{value}", text=PlainTextObject(text=literal(label, LABEL), emoji=False))
        for label, action, value in (offer for offer in offers if offer is not None)
        if len(f"{action}:{value}") <= OPTION_VALUE
    ]
    return OverflowMenuElement(action_id=MORE, options=options)


def grower_menu(growers: Sequence[Grower], action: str, placeholder: str) -> StaticSelectElement:
    """A menu of growers whose options tell twins apart; at most Slack's hundred."""
    shown = PlainTextObject(text=literal(placeholder, 150), emoji=False)
    return StaticSelectElement(action_id=action, placeholder=shown, options=grower_options(growers))


def grower_search(action: str, placeholder: str) -> ExternalDataSelectElement:
    """A menu that is filled while somebody types."""
    shown = PlainTextObject(text=literal(placeholder, 150), emoji=False)
    return ExternalDataSelectElement(action_id=action, placeholder=shown, min_query_length=0, focus_on_load=True)


def menu(action: str, placeholder: str, names: Mapping[str, str], *, chosen: str | None = None) -> StaticSelectElement:
    """A menu of values and what they are called, perhaps with one that is chosen already."""
    options = {value: Option(value=value, text=_label(name)) for value, name in names.items()}
    return StaticSelectElement(
        action_id=action,
        placeholder=_label(placeholder),
        options=list(options.values()),
        initial_option=options[chosen] if chosen else None,
    )


def _label(text: str) -> PlainTextObject:
    return PlainTextObject(text=literal(text, LABEL), emoji=False)


def particulars(grower: Grower) -> list[str]:
    """What tells a grower from others of the same name. Who has none at Leaf is called by their e-mail already."""
    return [text for text in (grower.email, grower.external_id) if text and text != grower.name]


def apart(grower: Grower) -> str | None:
    """The one thing that tells a grower from another who is called the same; None for whoever is the only one."""
    return (particulars(grower) or [f"Leaf id {grower.id}"])[0] if grower.has_namesake else None


def named(grower: Grower) -> str:
    """The grower with e-mail and externalId, escaped."""
    return " · ".join(filter(None, [f"*{escape(grower.name)}*", told_apart(grower)]))


def called(grower: Grower | None, name: str | None = None) -> str:
    """The name for where nothing stands below it, escaped: with what tells apart growers who are called the same."""
    plain = escape(name or (grower.name if grower else ""))
    told_apart_by = apart(grower) if grower else None
    return f"{plain} ({escape(told_apart_by, 60)})" if told_apart_by else plain


def told_apart(grower: Grower | None) -> str | None:
    """E-mail and externalId for below a name, escaped; without either, the Leaf id where another is called the same."""
    if grower is None:
        return None
    return " · ".join(escape(text, 60) for text in particulars(grower) or filter(None, [apart(grower)])) or None


def grower_options(growers: Sequence[Grower]) -> list[Option]:
    """Growers to choose from, told apart; at most Slack's hundred."""
    growers = growers[:OPTIONS]
    twins = Counter((grower.name, *particulars(grower)) for grower in growers)
    return [
        _option(grower, is_twin=twins[grower.name, *particulars(grower)] > 1)
        for grower in growers
        if len(grower.id) <= OPTION_VALUE
    ]


def _option(grower: Grower, *, is_twin: bool) -> Option:
    told_apart_by = [f"Leaf id {grower.id}"] if is_twin else particulars(grower)
    below = PlainTextObject(text=literal(" · ".join(told_apart_by), LABEL), emoji=False) if told_apart_by else None
    name = PlainTextObject(text=literal(grower.name, LABEL), emoji=False)
    return Option(value=grower.id, text=name, description=below)


def _mrkdwn(text: str) -> MarkdownTextObject:
    # Verbatim: names that look like links or channels stay names.
    return MarkdownTextObject(text=text, verbatim=True)


def _fitting(lines: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 2:
            return [*kept, "…"]
        kept.append(line)
    return kept
