"""What somebody asked for in Slack, in our own terms, whatever Slack called it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from slack_sdk.models.views import View

from bot.directory import unquoted
from bot.errors import UsageError
from bot.journal import Deed
from bot.messages import Message
from storage.records import Grower, Role

_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")
_SPECIAL = re.compile(r"(<[@#!][^<>]*>)")
_LINK = re.compile(r"<(?:(?:mailto|tel):)?([^<>|@#!][^<>|]*)(?:\|([^<>]+))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_WITH_MENTIONS = re.compile(
    r"(?P<thing>.+?)(?: <@(?P<person>[UW][A-Z0-9]{1,30})(?:\|[^<>]{0,200})?>)?"
    r"(?: <#(?P<channel>[CG][A-Z0-9]{1,30})(?:\|[^<>]{0,200})?>)?"
)
_WITH_NUMBER = re.compile(r"(?P<thing>.+?) (?P<number>[0-9]{1,4}) ?(?:d|days?)?", re.IGNORECASE)


AT_HOME = "home:"


@dataclass
class Subject:
    """Whom a request turned out to be about: noted as soon as it is known, so that the audit trail has it also when
    the rest fails."""

    grower: Grower | None = None


@dataclass
class Asker:
    """What the gate found out of whoever asks; nothing is less than a viewer that it lets in."""

    role: Role = Role.VIEWER


@dataclass(frozen=True)
class Request:
    """Who asks, from which channel; part of every command, click and submission.

    `home` is how the App Home looked that this came from; None elsewhere.
    """

    user: str
    team: str | None
    channel: str | None
    request_id: str
    subject: Subject = field(default_factory=Subject, kw_only=True)
    asker: Asker = field(default_factory=Asker, kw_only=True)
    home: str | None = field(default=None, kw_only=True)

    via: ClassVar[str] = ""

    def deed(self, action: str) -> Deed:
        """What an audit row needs to know of this request, for a service that writes it with the effect."""
        return Deed(self.user, self.via, action, self.request_id, self.channel)

    @property
    def origin(self) -> str:
        """What a form remembers of where it was opened from: a channel, the Home as it looked, or nothing."""
        return self.channel or ("" if self.home is None else f"{AT_HOME}{self.home}")

    def about(self, grower: Grower) -> Grower:
        """Note whom this is about."""
        self.subject.grower = grower
        return grower


@dataclass(frozen=True)
class Call(Request):
    """One slash command: `word` is the command's name, `text` what was typed behind it, tidied."""

    via = "command"

    word: str
    text: str
    trigger_id: str = ""

    def one(self, what: str, usage: str) -> str:
        """Everything typed, as one thing. Raises UsageError when there is nothing."""
        if not unquoted(self.text):
            raise UsageError(f"Which {what}?", usage)
        return self.text

    def with_number(self, what: str, usage: str, default: int) -> tuple[str, int]:
        """A thing, and a number at the end if there is one. Raises UsageError."""
        typed = self.one(what, usage)
        match = _WITH_NUMBER.fullmatch(typed)
        return (match["thing"], int(match["number"])) if match else (typed, default)

    def with_mentions(self, what: str, usage: str) -> tuple[str, str | None, str | None]:
        """A thing, and behind it a person and a channel if they are there. Raises UsageError."""
        match = _WITH_MENTIONS.fullmatch(self.one(what, usage))
        return (match["thing"], match["person"], match["channel"]) if match else (self.text, None, None)

    def channel_named(self, usage: str) -> str:
        """The channel that was named, or the one this was typed in. Raises UsageError."""
        if not self.text:
            return self.channel or ""
        match = _CHANNEL.fullmatch(self.text)
        if match is None:
            raise UsageError("Name a channel with #, or nothing for this one.", usage)
        return match[1]


@dataclass(frozen=True)
class Click(Request):
    """One press of a button or choice in a menu; `value` is the button's value or the chosen option's.

    `message` is the timestamp of the message that was pressed in, empty in a view; `modal` is the id of the modal,
    `values` is what is filled in there by block id, and `metadata` what it remembers. `chosen_at` is Slack's timestamp.
    """

    via = "button"

    action: str
    block: str
    value: str
    trigger_id: str
    is_ephemeral: bool
    message: str = ""
    modal: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""
    chosen_at: str = ""


@dataclass(frozen=True)
class Submission(Request):
    """A modal sent in: `values` by block id; `channel` is the one it was opened from, `opened_for` what it is about.

    `texts` are the values with their line breaks, `files` the ids of files that were chosen.
    """

    via = "form"

    view: str
    values: Mapping[str, str]
    opened_for: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shortcut(Request):
    """A shortcut of the workspace, or of a message: then `author` is who wrote that message, empty for a bot.

    `message` is that message's timestamp, `offers` are the actions and values of its buttons and menus.
    """

    via = "shortcut"

    shortcut: str
    trigger_id: str
    author: str = ""
    message: str = ""
    offers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Typing(Request):
    """So much was typed into a menu that is filled meanwhile."""

    via = "menu"

    action: str
    typed: str


@dataclass(frozen=True)
class Opened(Request):
    """The bot's own page, opened."""

    via = "home"


@dataclass(frozen=True)
class Reply:
    """What to answer. `replace` puts the answer in place of the pressed message; `modal` opens instead of a message,
    `filled` in it as soon as that is known, `refresh` in place of the modal that was pressed in;
    `public` is said for everybody in `public_channel`; `detail` goes into the audit trail, unless
    a service wrote the row already, together with the effect. `shows` says that the App Home tells
    what was done without words; `home` is how it shall look next."""

    message: Message | None = None
    replace: bool = False
    modal: View | None = None
    filled: Callable[[], Awaitable[View]] | None = None
    refresh: View | None = None
    public: Message | None = None
    public_channel: str | None = None
    detail: Mapping[str, Any] | None = None
    shows: bool = False
    home: str | None = None


def command_and_rest(typed: str) -> tuple[str, str]:
    """The command's word as it was typed, and what stands behind it, tidied; both may be empty."""
    word, *rest = clean(typed).split(None, 1) or [""]
    visible = "".join(letter for letter in word if unicodedata.category(letter) != "Cf")
    return visible, tidy(rest[0]) if rest else ""


def tidy(text: str) -> str:
    """Slack's text as it was typed: spaces folded, links as their words, entities undone except in mentions."""
    folded = " ".join(clean(text).split())
    pieces = _SPECIAL.split(_LINK.sub(lambda link: link[2] or link[1], folded))
    return "".join(piece if _SPECIAL.fullmatch(piece) else _without_entities(piece) for piece in pieces)


def clean(text: str) -> str:
    """The text without what no database keeps and nobody types: control characters and halves of surrogate pairs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def _without_entities(text: str) -> str:
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    return text
