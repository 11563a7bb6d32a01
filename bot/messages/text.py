"""Other people's text made fit to be shown: nothing a grower, Leaf or FieldView wrote formats, mentions or misleads."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

NAME = 80
"""Characters of a name that are shown."""

NAMELESS = "(no name)"

_JOINERS = "\u200c\u200d"
_MARKS_PER_LETTER = 3
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters by their category that show nothing."""

# Slack has no way to escape its marks, so those that could take effect are shown by letters that look like them.
# An underscore between two letters does nothing and stays, so that addresses can be copied.
_MARKS = str.maketrans(
    {
        "*": "\N{ASTERISK OPERATOR}",
        "_": "\N{MODIFIER LETTER LOW MACRON}",
        "~": "\N{TILDE OPERATOR}",
        "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
    }
)
_MARK = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[*~`]")
_EMOJI = re.compile(r":(?=[\w+'-]+(?::|$))")
"""Also at the end, where a colon of ours may follow."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_OUR_MARKUP = re.compile(r"(`[^`\n]+`|<#[CDG][A-Z0-9]+>)")
_SLACK_USER = re.compile(r"[UW][A-Z0-9]+")


def literal(text: str, limit: int = NAME) -> str:
    """For plain_text: one line, no control, direction or piled-up combining characters, cut to `limit` with …."""
    if text.isascii() and text.isprintable():
        # Most of what is shown: none of what is looked for below, which costs a look at every letter.
        return cut(" ".join(text.split()), limit) or NAMELESS
    tidy = " ".join("".join(map(_harmless, text)).split())
    return cut(_unpiled(tidy), limit) if any(map(_is_seen, tidy)) else NAMELESS


def escape(text: str, limit: int = NAME) -> str:
    """For mrkdwn: what `literal` gives, so that it shows as it was written and notifies nobody."""
    safe = _MARK.sub(lambda mark: mark.group().translate(_MARKS), literal(text, limit))
    safe = _EMOJI.sub("\N{RATIO}", safe)
    if safe.startswith(">"):
        # At the head of a line even an escaped > makes a quotation.
        safe = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}" + safe[1:]
    return safe.translate(_ENTITIES)


def code(text: str, limit: int = NAME) -> str:
    """Text as a code span."""
    return f"`{literal(text, limit).translate({ord('`'): _MARKS[ord('`')]}).translate(_ENTITIES)}`"


def sentence(text: str, limit: int = 1500) -> str:
    """A sentence of ours that may hold other people's words: its code spans and channels work, nothing else does."""
    return "".join(map(_part, _OUR_MARKUP.split(cut(text, limit)))).strip()


def _part(part: str) -> str:
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return code(part[1:-1], 300)
    if part.startswith("<#") or not part.strip():
        return part
    inner = escape(part, len(part) + 1)
    return f"{' ' * part[0].isspace()}{inner}{' ' * part[-1].isspace()}"


def unmarked(markup: str) -> str:
    """Our own markup for a notification: code spans as harmless words, channels without their ids."""
    return "".join(map(_without_marks, _OUR_MARKUP.split(markup)))


def _without_marks(part: str) -> str:
    if part.startswith("<#"):
        return "that channel"
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        # What a code span kept from taking effect would do so without it.
        return escape(html.unescape(part[1:-1]), len(part))
    return part


def cut(text: str, limit: int) -> str:
    """At most `limit` characters as Slack's own clients count them (UTF-16), ending in … when something is missing."""
    if utf16(text) <= limit:
        return text
    kept, room = [], limit - 1
    for character in text:
        room -= utf16(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip(" " + _JOINERS) + "…"


def mention(user: str | None, name: str = "") -> str:
    """A person: by Slack id when it is one, else by name."""
    if user and _SLACK_USER.fullmatch(user):
        return f"<@{user}>"
    return escape(name or user or "somebody")


def channel(identifier: str) -> str:
    """A channel by its Slack id."""
    return f"<#{identifier}>" if re.fullmatch(r"[CDG][A-Z0-9]+", identifier) else escape(identifier)


def count(number: int, one: str, many: str | None = None) -> str:
    """ "1 grower", "2,500 growers"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def often(number: int) -> str:
    """ "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def listing(words: Sequence[str], last: str = "and") -> str:
    """ "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def capital(text: str) -> str:
    """The sentence with a capital letter."""
    return text[:1].upper() + text[1:]


def utf16(text: str) -> int:
    """Characters as Slack's own clients count them."""
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    # Joiners spell words in some scripts and hold emoji together; other invisible characters can only mislead.
    return "" if category.startswith("C") and character not in _JOINERS else character


def _is_seen(character: str) -> bool:
    return character not in _JOINERS + _BLANK and unicodedata.category(character)[0] not in "MZ"


def _unpiled(text: str) -> str:
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= _MARKS_PER_LETTER:
            kept.append(character)
    return "".join(kept)
