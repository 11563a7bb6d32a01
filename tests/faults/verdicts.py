"""What really happened to a grower, and how the judgement on the bot is written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.sandbox.leaf.records import OK, LeafUser


@dataclass(eq=False)
class Farm:
    """One grower: breaks once or never, so that every card there is can be told whose and which it is.

    `held`: it stayed broken until somebody was told, or to the end, so it must be told. What broke and was mended
    between two looks may be told or not, but to every channel or to none.
    """

    user: LeafUser
    held: bool = False
    broke_at: datetime | None = None
    consented: bool = False
    """Whether this grower went through a consent."""

    asked: int = 0
    """Status questions about it that were acknowledged."""

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def is_well(self) -> bool:
        return self.user.credential is not None and self.user.credential.status == OK


@dataclass
class Verdict:
    """The counts, and every way in which a promise was not kept."""

    counts: Counter[str] = field(default_factory=Counter)
    broken_promises: list[str] = field(default_factory=list)
    longest_doubt: timedelta = timedelta(0)
    """Of all messages that stand twice: the longest time between Slack taking the first and the kill."""

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] += by

    def fault(self, what: str) -> None:
        self.broken_promises.append(what)
