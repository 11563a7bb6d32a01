"""The words of the grower's pages: one catalogue per language, and how foreign text is made fit to be shown."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from bot.messages.speech import KINDS, speech

_CATALOGUES = Path(__file__).parent / "templates"
_LONGEST_NAME = 80
_MARKS_PER_LETTER = 3


def plain(name: str, limit: int = _LONGEST_NAME) -> str:
    """The name on one line, cut to `limit` characters, without control, bidi and stacked combining characters."""
    tidy = " ".join("".join(map(_harmless, name)).split())
    tidy = _unstacked(tidy)
    return tidy if len(tidy) <= limit else tidy[: limit - 1].rstrip() + "…"


def _harmless(character: str) -> str:
    # Joiners are ordinary spelling in some scripts and in emoji; every other format character can only mislead here.
    if character in "\u200c\u200d":
        return character
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category.startswith("C") else character


def _unstacked(text: str) -> str:
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= _MARKS_PER_LETTER:
            kept.append(character)
    return "".join(kept)


def every_wording() -> dict[str, Wording]:
    """All languages that have a catalogue, under its file's name, in the order of their own names."""
    wordings = {path.stem: Wording(path.stem) for path in _CATALOGUES.glob("*.toml")}
    return dict(sorted(wordings.items(), key=lambda item: item[1].own_name))


class Wording:
    """Every sentence of one language, read from its catalogue. Raises FileNotFoundError for a language we lack."""

    def __init__(self, language: str) -> None:
        with (_CATALOGUES / f"{language}.toml").open("rb") as file:
            self._sentences: dict[str, Any] = tomllib.load(file)
        self._speech = speech(language)
        self.language: str = self._sentences["language"]
        self.own_name: str = self._sentences["own_name"]

    def say(self, key: str, /, **values: str) -> Markup:
        """The sentence at a dotted key; values are escaped unless they are Markup already. KeyError without it."""
        return Markup(self._at(key)).format(**values)  # noqa: S704 the catalogue is ours

    def say_all(self, key: str, /, **values: str) -> list[Markup]:
        """The list of sentences at a dotted key."""
        return [Markup(sentence).format(**values) for sentence in self._at(key)]  # noqa: S704 the catalogue is ours

    def name(self, name: str) -> Markup:
        """A name, tidied and set apart so that its writing direction disturbs nothing around it."""
        return Markup("<bdi>{}</bdi>").format(self.plain_name(name))

    def plain_name(self, name: str) -> str:
        """The same without markup, for places that take none; a name with nothing visible in it gets a stand-in."""
        return plain(name) or str(self._at("nameless"))

    def until(self, expires: datetime, now: datetime, zone: tzinfo | None = None) -> Markup:
        """How long a link works, for somebody in that zone."""
        return escape(self._speech.until(expires, now, zone))

    def partly(self, left_out: Sequence[str]) -> Markup:
        """That only a part is shared, and what to do differently this time."""
        return escape(self._speech.partly(left_out))

    def date(self, at: datetime, zone: tzinfo) -> Markup:
        """The day in that zone."""
        return escape(self._speech.date(at, zone))

    def reads(self, scopes: tuple[str, ...]) -> list[Markup]:
        """What FieldView's scopes allow, in a farmer's words; a scope we have no words for is shown as it is."""
        known = [words for scope, words in KINDS.items() if scope in scopes]
        other = [scope for scope in scopes if scope not in KINDS]
        return [self.say(f"reads.{words}") for words in dict.fromkeys(known)] + [
            self.say("reads.other", scope=self.name(scope)) for scope in other
        ]

    def _at(self, key: str) -> Any:
        found: Any = self._sentences
        for part in key.split("."):
            found = found[part]
        return found


def only_reads(scopes: tuple[str, ...]) -> bool:
    """Whether we may promise that nothing is changed: every scope is one of the six that we know to be reading."""
    return all(scope in KINDS for scope in scopes)
