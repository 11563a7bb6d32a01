"""By which words growers are grouped, said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.messages.pieces import Message, called, paragraphs, quiet, section
from bot.messages.text import code, count, listing
from bot.reports import Tagged

LISTED = 30

_HOW = "`/fieldview tag <grower> add north, organic` gives a grower tags, `remove` takes them away."


def tags(all_of_them: Mapping[str, int]) -> Message:
    """Every tag there is, and how many growers have it."""
    if not all_of_them:
        head = "No grower has a tag yet."
        return Message(head, (section(f"*{head}*", "A tag groups growers: by region, crop, contract.", _HOW),))
    head = f"Growers are grouped by {count(len(all_of_them), 'tag')}."
    lines = [f"• {code(tag)}: {count(number, 'grower')}" for tag, number in list(all_of_them.items())[:LISTED]]
    more = len(all_of_them) - LISTED
    rest = f"…and {count(more, 'more', 'more')}." if more > 0 else None
    return Message(head, (section(f"*{head}*"), *paragraphs(*lines, rest), quiet(_HOW)))


def tagged(now: Tagged) -> Message:
    """To whoever asked or changed it."""
    name = called(now.grower)
    told = f"has {_named(now.tags)}" if now.tags else "has no tags"
    changed = [
        f"New: {_spans(now.added)}." if now.added else None,
        f"Taken away: {_spans(now.removed)}." if now.removed else None,
        f"Not there before: {_spans(now.unmet)}." if now.unmet else None,
    ]
    plain = f"{name} has {count(len(now.tags), 'tag')}." if now.tags else f"{name} has no tags."
    return Message(plain, (section(f"*{name}* {told}.", *changed), quiet(_HOW)))


def tags_line(own: Sequence[str]) -> str:
    """A grower's tags among its particulars."""
    return f"*Tags:* {', '.join(map(code, own))}"


def _named(own: Sequence[str]) -> str:
    return f"the {'tag' if len(own) == 1 else 'tags'} {_spans(own)}"


def _spans(own: Sequence[str]) -> str:
    return listing([code(tag) for tag in own])
