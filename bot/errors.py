"""Everything that may go wrong, as one tree.

BotError                   str(error) is a sentence a person may read: no URL, no token, no body in it
├── UsageError             typed wrong
├── NotAllowed             this person may not do this
├── UnknownGrower          nobody at Leaf answers to that
├── AmbiguousGrower        several do: ask which
├── AlertOver              the connection works again, or was ended: nothing is left to be done about it
├── SomebodyWasFirst       somebody else has just done that, or what excludes it
├── ConsentError           the consent link or the consent itself
│   ├── ConsentUnknown     no such link
│   ├── ConsentExpired     too late
│   ├── ConsentUsed        it has done its work
│   ├── ConsentRevoked     the team withdrew it
│   ├── ConsentDeclined    the grower said no
│   ├── NothingHeld        there is nothing to decide about its account any more
│   ├── OtherAccountHeld   there is, but about another account than the one that was shown
│   └── ConsentForeign     finished in another browser than it was begun in
├── ChannelUnreachable     Slack will never take this message in that place
└── ProviderError          of Leaf, FieldView or Slack
    ├── ProviderUnavailable  timeout, 429, 5xx: try again later, change nothing
    ├── ProviderRefusedUs    401 or 403 to our own login: stop, tell the operators, blame no grower
    ├── ProviderRejected     it understood us and said no: 4xx with a reason
    └── ProviderGibberish    the answer did not parse: the contract moved, tell the operators
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storage.records import Consent, Grower


class BotError(Exception):
    """Root of everything that is expected to go wrong."""

    def __str__(self) -> str:
        return "That did not work."


@dataclass
class UsageError(BotError):
    """What was typed cannot be carried out; `problem` says why, `usage` how it is written."""

    problem: str
    usage: str = ""

    def __str__(self) -> str:
        return f"{self.problem} Write `{self.usage}`." if self.usage else self.problem


@dataclass
class NotAllowed(BotError):
    """This person may not do this. `whom_to_ask` is a phrase like "a workspace admin", `why` a sentence, and `admins`
    are the Slack ids of people who may help."""

    deed: str
    whom_to_ask: str = "a workspace admin"
    why: str = field(default="", kw_only=True)
    admins: Sequence[str] = field(default=(), kw_only=True)

    def __str__(self) -> str:
        return " ".join(filter(None, (f"You may not {self.deed} here.", self.why, f"Ask {self.whom_to_ask}.")))


@dataclass
class UnknownGrower(BotError):
    """Nobody at Leaf answers to what was typed; `similar` are growers with a name close to it.

    `left_over` is what stands behind the name of somebody whom we know: then `similar` are those of that name.
    `rest` is what was typed behind the grower.
    """

    typed: str
    similar: Sequence[Grower] = ()
    left_over: str = ""
    rest: str = ""

    def __str__(self) -> str:
        return f"I know no grower called “{self.typed}”."


@dataclass
class AmbiguousGrower(BotError):
    """Several growers answer to what was typed: the person chooses. `rest` is what was typed behind the grower."""

    typed: str
    matches: Sequence[Grower]
    rest: str = ""

    def __str__(self) -> str:
        return f"Several growers answer to “{self.typed}”."


@dataclass
class AlertOver(BotError):
    """The alert is over: there is nothing left to be done about it. `ended_by` is as in the incident."""

    grower: Grower
    since: datetime
    ended_by: str | None = None

    def __str__(self) -> str:
        return f"{self.grower.name}: this alert is over. Nothing was changed."


@dataclass
class SomebodyWasFirst(BotError):
    """Somebody else has done that: `who` is their Slack id, `did` a phrase like "acknowledged this"."""

    grower: Grower
    who: str
    did: str
    at: datetime | None = None

    def __str__(self) -> str:
        return f"Somebody has {self.did} already. Nothing was changed."


class ConsentError(BotError):
    """The consent link cannot be used, or the consent cannot be completed."""


class ConsentUnknown(ConsentError):
    """No such link. Unknown and malformed look the same from outside."""

    def __str__(self) -> str:
        return "This link is not known."


class ConsentExpired(ConsentError):
    """The link's time is over."""

    def __str__(self) -> str:
        return "This link has expired."


class ConsentUsed(ConsentError):
    """The link has done its work: the grower is connected through it."""

    def __str__(self) -> str:
        return "This link has been used."


class ConsentRevoked(ConsentError):
    """The team withdrew the link, or a newer one replaced it."""

    def __str__(self) -> str:
        return "This link was withdrawn."


class ConsentDeclined(ConsentError):
    """The grower said no."""

    def __str__(self) -> str:
        return "The grower declined."


class NothingHeld(ConsentError):
    """Somebody decided about the account already, or the grower began again."""

    def __str__(self) -> str:
        return "There is nothing to decide any more: somebody was faster, or the grower began again."


@dataclass
class OtherAccountHeld(ConsentError):
    """The question has changed since it was shown to whoever answers it."""

    consent: Consent
    grower: Grower | None = None

    def __str__(self) -> str:
        return "The account has changed since this was shown to you. Nothing was decided."


class ConsentForeign(ConsentError):
    """FieldView's answer came to another browser than the one that began, or carries no valid state."""

    def __str__(self) -> str:
        return "This consent was begun in another browser."


@dataclass
class ChannelUnreachable(BotError):
    """Slack will not take a message there however often it is tried; `reason` is Slack's own word."""

    channel: str
    reason: str

    def __str__(self) -> str:
        return f"I cannot post to <#{self.channel}> ({self.reason})."


@dataclass
class ProviderError(BotError):
    """Leaf, FieldView or Slack did not do its part. `detail` is for logs and holds no secret."""

    provider: str
    detail: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"{self.provider} did not do what was asked."


@dataclass
class ProviderUnavailable(ProviderError):
    """Timeout, 429 or 5xx. `retry_after` in seconds when the provider named it.

    `maybe_done` says that the request may have arrived; `in_doubt` that this would have changed something.
    """

    retry_after: float | None = field(default=None, kw_only=True)
    maybe_done: bool = field(default=False, kw_only=True)
    in_doubt: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        if self.in_doubt:
            return f"{self.provider} did not say whether it was done. Look at the status in a minute."
        return f"{self.provider} is not answering right now. Try again in a minute."


@dataclass
class ProviderRefusedUs(ProviderError):
    """401 or 403 to our own login: the operators must act, no grower is to blame.

    `at_login`: to the login itself, and not only to one request.
    """

    at_login: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        return f"{self.provider} refuses this bot's own login. An operator has to look at its credentials."


@dataclass
class ProviderRejected(ProviderError):
    """The provider understood and said no. `code` is its own short word for why."""

    status: int = field(default=0, kw_only=True)
    code: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"{self.provider} did not accept this{f' ({self.code})' if self.code else ''}."


@dataclass
class ProviderGibberish(ProviderError):
    """The answer did not parse: the contract may have moved, the operators should know."""

    def __str__(self) -> str:
        return f"{self.provider} answered something I do not understand. An operator has to look at it."
