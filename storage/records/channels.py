"""What a channel hears, when, and who is called when nobody there takes it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Topic(StrEnum):
    """What a channel may choose to hear of, the most urgent first."""

    BROKEN = "broken"
    PARTLY = "partly"
    SILENT = "silent"
    ILL = "ill"
    CONNECTED = "connected"


class Delivery(StrEnum):
    """When a channel hears of what it wants to hear of."""

    INSTANT = "instant"
    DIGEST = "digest"
    BOTH = "both"


@dataclass(frozen=True)
class Whose:
    """Whose growers: those one colleague looks after, those with one tag, or, without either, everybody's."""

    owner: str | None = None
    tag: str | None = None

    def covers(self, other: Whose) -> bool:
        """Whether a grower of the other is among them."""
        return self.owner in (None, other.owner) and self.tag in (None, other.tag)


EVERYBODYS = Whose()


@dataclass(frozen=True)
class About:
    """What a piece of news is about, and whose the grower is; without, as an illness of Leaf, it is everybody's."""

    topic: Topic
    whose: Whose | None = None


@dataclass(frozen=True)
class Wishes:
    """What a channel wants to hear, and when. Without `owner` and `tag` it is of all growers; `topics` None is
    everything.

    A digest comes once a day at `digest_hour` in `zone` (IANA's).
    """

    owner: str | None = None
    topics: tuple[Topic, ...] | None = None
    delivery: Delivery = Delivery.INSTANT
    digest_hour: int | None = None
    zone: str | None = None
    tag: str | None = None

    @property
    def whose(self) -> Whose:
        """Of whose growers it is."""
        return Whose(self.owner, self.tag)

    @property
    def hears_at_once(self) -> bool:
        return self.delivery is not Delivery.DIGEST

    @property
    def has_digest(self) -> bool:
        return self.delivery is not Delivery.INSTANT

    @property
    def is_of_all(self) -> bool:
        """Whether nothing is left out."""
        return self.whose == EVERYBODYS and self.topics is None

    def hears_of(self, topic: Topic) -> bool:
        """Whether this is among the kinds that the channel wants to hear of, at once or in its digest."""
        return self.topics is None or topic in self.topics

    def covers(self, about: About) -> bool:
        """Whether this is among what the channel wants to hear, at once or in its digest."""
        return self.hears_of(about.topic) and (about.whose is None or self.whose.covers(about.whose))


EVERYTHING = Wishes()
"""What a channel hears for which nobody has chosen."""


@dataclass(frozen=True)
class Subscription:
    """A channel that wants alerts. `broken_reason` is Slack's word for why it cannot be reached any more.

    `changed_by` is who last chose what it hears, None while it is as at first.
    """

    channel: str
    made_by: str
    made_at: datetime
    broken_reason: str | None = None
    wishes: Wishes = EVERYTHING
    changed_by: str | None = None
    changed_at: datetime | None = None

    @property
    def works(self) -> bool:
        return self.broken_reason is None

    @property
    def hears_everything(self) -> bool:
        """Whether nothing escapes the channel, and nothing waits for a digest."""
        return self.works and self.wishes.is_of_all and self.wishes.hears_at_once


@dataclass(frozen=True)
class Digest:
    """What one channel is told once on `day` (local to its wishes' zone): what happened from `since` to `until`."""

    id: str
    channel: str
    day: date
    since: datetime
    until: datetime
    wishes: Wishes


@dataclass(frozen=True)
class Escalation:
    """In this channel an alert that nobody takes up for so many working minutes goes to the lead. `zone` is IANA's."""

    channel: str
    lead: str
    minutes: int
    zone: str
    made_by: str
    made_at: datetime
