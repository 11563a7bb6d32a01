"""What somebody asked for in Slack, in our own terms, whatever Slack called it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.views import View

from bot.errors import UsageError
from bot.messages import Message
from storage.records import Grower

_QUOTED = re.compile(r"""^["“”„'‘’«](?P<inside>.*)["“”'‘’»]$""")
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


@dataclass(frozen=True)
class Call:
    """One slash command: `text` is what was typed behind the command's word, tidied."""

    user: str
    team: str | None
    channel: str
    text: str
    request_id: str

    def one(self, what: str, usage: str) -> str:
        """Everything typed, as one thing. Raises UsageError when there is nothing."""
        if not self.text:
            raise UsageError(f"Which {what}?", usage)
        return self.text

    def with_number(self, what: str, usage: str, default: int) -> tuple[str, int]:
        """A thing, and a number at the end if there is one. Raises UsageError."""
        typed = self.one(what, usage)
        match = re.fullmatch(r"(?P<thing>.+?)\s+(?P<number>\d{1,4})(?:\s*(?:d|days?))?", typed)
        if match is None:
            return typed, default
        return unquoted(match["thing"]), int(match["number"])

    def channel_named(self) -> str:
        """The channel that was named, or the one this was typed in. Raises UsageError."""
        if not self.text:
            return self.channel
        match = _CHANNEL.fullmatch(self.text)
        if match is None:
            raise UsageError("Name a channel with #, or nothing for this one.", "/fieldview subscribe #channel")
        return match[1]


@dataclass(frozen=True)
class Click:
    """One press of a button or choice in a menu; `value` is the button's value or the chosen option's."""

    user: str
    team: str | None
    channel: str | None
    action: str
    block: str
    value: str
    request_id: str
    trigger_id: str
    is_ephemeral: bool


@dataclass(frozen=True)
class Submission:
    """A modal sent in: `values` by block id."""

    user: str
    team: str | None
    view: str
    values: Mapping[str, str]
    private_metadata: str
    request_id: str


@dataclass(frozen=True)
class Reply:
    """What to answer. `about` goes into the audit trail; `replace` puts the answer in place of the pressed message;
    `modal` opens instead of a message; `public` is said for everybody in `public_channel`."""

    message: Message | None = None
    about: Grower | None = None
    replace: bool = False
    modal: View | None = None
    public: Message | None = None
    public_channel: str | None = None
    detail: Mapping[str, Any] | None = None


def tidy(text: str) -> str:
    """Slack's text as it was typed: entities undone (but not in mentions), spaces folded, outer quotes gone."""
    folded = " ".join(text.replace("\u00a0", " ").split())
    if not re.fullmatch(r"<[@#!][^>]*>|<mailto:[^>]*>", folded):
        for entity, letter in _ENTITIES:
            folded = folded.replace(entity, letter)
    return unquoted(folded)


def unquoted(text: str) -> str:
    match = _QUOTED.fullmatch(text)
    return match["inside"].strip() if match else text
