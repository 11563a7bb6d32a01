"""What channels hear, when, and who is called when nobody there takes it up."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Delivery, Digest, Escalation, Subscription, Topic, Wishes
from storage.tables.base import Row


class SubscriptionRow(Row):
    __tablename__ = "subscriptions"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    made_by: Mapped[str] = mapped_column(String(32))
    made_at: Mapped[datetime]
    broken_reason: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(String(32))
    topics: Mapped[list[str] | None]
    delivery: Mapped[str] = mapped_column(String(16), default=Delivery.INSTANT, server_default=Delivery.INSTANT)
    digest_hour: Mapped[int | None]
    zone: Mapped[str | None] = mapped_column(String(64))
    changed_by: Mapped[str | None] = mapped_column(String(32))
    changed_at: Mapped[datetime | None]
    tag: Mapped[str | None] = mapped_column(String(64))

    def to_record(self) -> Subscription:
        # A newer version that runs beside us may know more topics and deliveries: told at once is told for sure.
        topics = None if self.topics is None else tuple(topic for topic in Topic if topic in self.topics)
        delivery = Delivery(self.delivery) if self.delivery in set(Delivery) else Delivery.INSTANT
        wishes = Wishes(self.owner, topics, delivery, self.digest_hour, self.zone, self.tag)
        return Subscription(
            self.channel, self.made_by, self.made_at, self.broken_reason, wishes, self.changed_by, self.changed_at
        )


class DigestRow(Row):
    """One per channel and local day, whoever looks whether it is due and however often."""

    __tablename__ = "digests"
    __table_args__ = (Index("uq_digests_channel_day", "channel", "day", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    day: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime]
    until: Mapped[datetime]
    zone: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str | None] = mapped_column(String(32))
    topics: Mapped[list[str] | None]
    tag: Mapped[str | None] = mapped_column(String(64))

    def to_record(self) -> Digest:
        topics = None if self.topics is None else tuple(topic for topic in Topic if topic in self.topics)
        wishes = Wishes(self.owner, topics, Delivery.DIGEST, zone=self.zone, tag=self.tag)
        return Digest(self.id, self.channel, date.fromisoformat(self.day), self.since, self.until, wishes)


class EscalationRow(Row):
    __tablename__ = "escalations"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    lead: Mapped[str] = mapped_column(String(32))
    minutes: Mapped[int]
    zone: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[str] = mapped_column(String(32))
    made_at: Mapped[datetime]

    def to_record(self) -> Escalation:
        return Escalation(self.channel, self.lead, self.minutes, self.zone, self.made_by, self.made_at)
