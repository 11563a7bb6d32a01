"""Numbers one can see: Slack's chart, and the same in characters for a Slack that draws none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block, RichTextBlock, RichTextElementParts, RichTextPreformattedElement

BAR = 20
"""Characters of the longest bar; a phone shows no more in one line."""


class Chart(Block):
    """A bar chart, at most two in a message (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).

    `title` has at most 50 characters; `bars` are at most 20, each a label of its own of at most 20 characters.
    `counted` says in at most 20 characters what is counted. slack_sdk has no model for the block yet.
    """

    type = "data_visualization"

    def __init__(self, title: str, counted: str, bars: Sequence[tuple[str, int]]) -> None:
        super().__init__(type=self.type)
        self._title, self._counted, self._bars = title, counted, bars

    def to_dict(self, *_: Any) -> dict[str, Any]:
        points = [{"label": label, "value": number} for label, number in self._bars]
        chart = {
            "type": "bar",
            "series": [{"name": self._counted, "data": points}],
            "axis_config": {"categories": [label for label, _ in self._bars]},
        }
        return {"type": self.type, "title": self._title, "chart": chart}

    def in_characters(self) -> RichTextBlock:
        """Bars of characters below the title: these every client, theme and eye reads."""
        widest, most = max(len(label) for label, _ in self._bars), max(number for _, number in self._bars)
        scale = BAR / most if most > BAR else 1.0
        lines = [f"{label:{widest}}  {'█' * math.ceil(number * scale)} {number:,}" for label, number in self._bars]
        drawn = RichTextElementParts.Text(text="\n".join([self._title, *lines]))
        return RichTextBlock(elements=[RichTextPreformattedElement(elements=[drawn])])
