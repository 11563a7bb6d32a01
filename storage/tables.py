"""The tables. Every row class has `to_record()`; nothing outside storage ever holds a row."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, MetaData, String, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from storage.records import (
    AccessRule,
    Announcement,
    AnnouncementKind,
    AuditCheckpoint,
    AuditEntry,
    Bulk,
    BulkLine,
    BulkState,
    Care,
    Cause,
    Connection,
    Consent,
    ConsentState,
    CredentialStatus,
    Delivery,
    Digest,
    Disconnection,
    DisconnectionState,
    Escalation,
    FirstData,
    Freshness,
    Grower,
    Handover,
    Incident,
    LeafEvent,
    LineFate,
    Moved,
    NoteKind,
    Notice,
    Role,
    SealedEntry,
    Silence,
    SilenceEnd,
    SilenceKind,
    Storm,
    StormKind,
    Subscription,
    Sweep,
    ThreadNote,
    Topic,
    Transition,
    Wishes,
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases: SQLite has no time zones, so they are added on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's own name


class GrowerRow(Row):
    __tablename__ = "growers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    slack_user: Mapped[str | None] = mapped_column(String(32), index=True)
    folded_name: Mapped[str] = mapped_column(Text, index=True)
    folded_email: Mapped[str | None] = mapped_column(Text, index=True)
    folded_external_id: Mapped[str | None] = mapped_column(Text, index=True)
    gone_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(32), index=True)
    channel: Mapped[str | None] = mapped_column(String(32))

    def to_record(self) -> Grower:
        return Grower(
            id=self.id,
            name=self.name,
            email=self.email,
            external_id=self.external_id,
            slack_user=self.slack_user,
            gone_at=self.gone_at,
            owner=self.owner,
            channel=self.channel,
        )


class ConnectionRow(Row):
    __tablename__ = "connections"

    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    cause: Mapped[str | None] = mapped_column(String(32))
    raw_status: Mapped[str | None] = mapped_column(Text)
    credential_id: Mapped[str | None] = mapped_column(String(64))
    missing_scopes: Mapped[list[str]]
    changed_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    connected_at: Mapped[datetime | None]
    account_email: Mapped[str | None] = mapped_column(Text)
    disconnecting_at: Mapped[datetime | None]
    completing_consent: Mapped[str | None] = mapped_column(String(32))

    def to_record(self) -> Connection:
        return Connection(
            grower_id=self.grower_id,
            status=CredentialStatus(self.status),
            changed_at=self.changed_at,
            checked_at=self.checked_at,
            cause=Cause(self.cause) if self.cause else None,
            raw_status=self.raw_status,
            credential_id=self.credential_id,
            missing_scopes=tuple(self.missing_scopes),
            connected_at=self.connected_at,
            account_email=self.account_email,
            disconnecting_at=self.disconnecting_at,
            completing_consent=self.completing_consent,
        )


class CredentialOwnerRow(Row):
    """Whose every credential ever seen was: Leaf's alerts name nothing else, and may come when it is gone."""

    __tablename__ = "credential_owners"

    credential_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"))


class TransitionRow(Row):
    __tablename__ = "transitions"
    __table_args__ = (Index("ix_transitions_grower_id_at", "grower_id", "at"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(32))
    raw_status: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(16))

    def to_record(self) -> Transition:
        return Transition(
            grower_id=self.grower_id,
            at=self.at,
            before=CredentialStatus(self.before) if self.before else None,
            after=CredentialStatus(self.after),
            cause=Cause(self.cause) if self.cause else None,
            raw_status=self.raw_status,
            source=self.source,
        )


class ConsentRow(Row):
    __tablename__ = "consents"
    __table_args__ = (
        Index(
            "ix_consents_due",
            "remind_at",
            sqlite_where=text("remind_at IS NOT NULL"),
            postgresql_where=text("remind_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(32))
    asked_by_name: Mapped[str] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(String(32))
    code_word: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    begun_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(Text)
    account_email: Mapped[str | None] = mapped_column(Text)
    granted_scopes: Mapped[list[str]]
    replaces_credential: Mapped[str | None] = mapped_column(String(64))
    incident_id: Mapped[str | None] = mapped_column(String(32))
    sent_to: Mapped[str | None] = mapped_column(String(32))
    message_channel: Mapped[str | None] = mapped_column(String(32))
    message_ts: Mapped[str | None] = mapped_column(String(32))
    authorization_code: Mapped[str | None] = mapped_column(Text)
    returned_at: Mapped[datetime | None]
    refresh_token: Mapped[str | None] = mapped_column(Text)
    exchanged_at: Mapped[datetime | None]
    handing_over: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(8))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    revoked_by: Mapped[str | None] = mapped_column(String(32))
    renewal_asked_at: Mapped[datetime | None]
    remind_at: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(default=0, server_default="0")
    reminders_stopped_at: Mapped[datetime | None]

    def to_record(self) -> Consent:
        return Consent(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            asked_by=self.asked_by,
            asked_by_name=self.asked_by_name,
            channel=self.channel,
            code_word=self.code_word,
            created_at=self.created_at,
            expires_at=self.expires_at,
            state=ConsentState(self.state),
            begun_at=self.begun_at,
            finished_at=self.finished_at,
            trouble=self.trouble,
            account_email=self.account_email,
            granted_scopes=tuple(self.granted_scopes),
            replaces_credential=self.replaces_credential,
            incident_id=self.incident_id,
            sent_to=self.sent_to,
            message_channel=self.message_channel,
            message_ts=self.message_ts,
            opened_at=self.opened_at,
            language=self.language,
            time_zone=self.time_zone,
            revoked_by=self.revoked_by,
            renewal_asked_at=self.renewal_asked_at,
            remind_at=self.remind_at,
            reminders=self.reminders,
            reminders_stopped_at=self.reminders_stopped_at,
        )


class ConsentLinkRow(Row):
    """A link to a consent besides its first: made because the first cannot be shown again, which is only hashed."""

    __tablename__ = "consent_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), index=True)
    made_at: Mapped[datetime]


class AttemptRow(Row):
    """One press of "Continue to FieldView": its `state`, bound to one browser, usable once."""

    __tablename__ = "consent_attempts"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), index=True)
    browser_hash: Mapped[str] = mapped_column(String(64), index=True)
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    took_code: Mapped[bool | None]
    """Whether this press led to the approval that was taken; nothing where nobody noted it."""


class IncidentRow(Row):
    __tablename__ = "incidents"
    __table_args__ = (
        # One open incident per grower, whoever finds the failure and however often.
        Index(
            "uq_incidents_open",
            "grower_id",
            unique=True,
            sqlite_where=text("recovered_at IS NULL"),
            postgresql_where=text("recovered_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(32))
    opened_at: Mapped[datetime]
    raw_status: Mapped[str | None] = mapped_column(Text)
    missing_scopes: Mapped[list[str]]
    recovered_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(32))
    repaired_by_consent: Mapped[str | None] = mapped_column(String(32))
    told_at: Mapped[datetime | None] = mapped_column(index=True)
    flapping_since: Mapped[datetime | None]
    summarised_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(32))
    acknowledged_at: Mapped[datetime | None]
    assigned_to: Mapped[str | None] = mapped_column(String(32))
    assigned_by: Mapped[str | None] = mapped_column(String(32))
    assigned_at: Mapped[datetime | None]
    assignment_reason: Mapped[str | None] = mapped_column(Text)
    snoozed_by: Mapped[str | None] = mapped_column(String(32))
    snoozed_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None] = mapped_column(index=True)
    snooze_reason: Mapped[str | None] = mapped_column(Text)
    woken_at: Mapped[datetime | None]
    escalated_to: Mapped[str | None] = mapped_column(String(32))
    escalated_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]

    def to_record(self) -> Incident:
        return Incident(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            status=CredentialStatus(self.status),
            cause=Cause(self.cause),
            opened_at=self.opened_at,
            raw_status=self.raw_status,
            missing_scopes=tuple(self.missing_scopes),
            recovered_at=self.recovered_at,
            ended_by=self.ended_by,
            repaired_by_consent=self.repaired_by_consent,
            care=Care(**{part.name: getattr(self, part.name) for part in fields(Care)}),
            told_at=self.told_at,
            flapping_since=self.flapping_since,
            summarised_at=self.summarised_at,
        )


class StormRow(Row):
    __tablename__ = "storms"
    __table_args__ = (Index("ix_storms_kind_last_at", "kind", "last_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[datetime]
    last_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    growers: Mapped[int] = mapped_column(default=0)

    def to_record(self) -> Storm:
        return Storm(
            self.id, StormKind(self.kind), self.began_at, self.last_at, self.told_at, self.over_at, self.growers
        )


class StormIncidentRow(Row):
    """Which incidents a storm is made of. A table of its own: an incident's row may be locked by whoever ends it."""

    __tablename__ = "storm_incidents"

    incident_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    storm_id: Mapped[str] = mapped_column(String(32), index=True)


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

    def to_record(self) -> Subscription:
        # A newer version that runs beside us may know more topics and deliveries: told at once is told for sure.
        topics = None if self.topics is None else tuple(topic for topic in Topic if topic in self.topics)
        delivery = Delivery(self.delivery) if self.delivery in set(Delivery) else Delivery.INSTANT
        wishes = Wishes(self.owner, topics, delivery, self.digest_hour, self.zone)
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

    def to_record(self) -> Digest:
        topics = None if self.topics is None else tuple(topic for topic in Topic if topic in self.topics)
        wishes = Wishes(self.owner, topics, Delivery.DIGEST, zone=self.zone)
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


class HandoverRow(Row):
    __tablename__ = "handovers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    giver: Mapped[str] = mapped_column(String(32))
    taker: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    moved: Mapped[dict[str, Any]]

    def to_record(self) -> Handover:
        moved = Moved(**{name: tuple(ids) for name, ids in self.moved.items()})
        return Handover(self.id, self.giver, self.taker, self.by, self.at, moved)


class AccessRuleRow(Row):
    __tablename__ = "access_rules"

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    made_by: Mapped[str] = mapped_column(String(32))
    made_at: Mapped[datetime]

    def to_record(self) -> AccessRule:
        return AccessRule(self.subject, Role(self.role), self.made_by, self.made_at)


class AnnouncementRow(Row):
    """The outbox: whatever has `shown < wanted` and has not given up is still owed to somebody."""

    __tablename__ = "announcements"
    __table_args__ = (
        Index("uq_announcements_message", "kind", "subject", "channel", unique=True),
        Index(
            "ix_announcements_owed",
            "created_at",
            sqlite_where=text("shown < wanted AND gave_up_reason IS NULL"),
            postgresql_where=text("shown < wanted AND gave_up_reason IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(32))
    wanted: Mapped[int]
    shown: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    posted_channel: Mapped[str | None] = mapped_column(String(32))
    ts: Mapped[str | None] = mapped_column(String(32))
    attempted_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(128))
    claimed_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    reposts: Mapped[int] = mapped_column(default=0)
    gave_up_reason: Mapped[str | None] = mapped_column(Text)
    shown_at: Mapped[datetime | None]
    prompt: Mapped[int] = mapped_column(default=0, server_default="0")
    owed_since: Mapped[datetime | None]

    def to_record(self) -> Announcement:
        return Announcement(
            id=self.id,
            kind=AnnouncementKind(self.kind),
            subject=self.subject,
            channel=self.channel,
            wanted=self.wanted,
            shown=self.shown,
            created_at=self.created_at,
            posted_channel=self.posted_channel,
            ts=self.ts,
            failures=self.failures,
            reposts=self.reposts,
            gave_up_reason=self.gave_up_reason,
            shown_at=self.shown_at,
            prompt=self.prompt,
            attempted_at=self.attempted_at,
        )


class ThreadNoteRow(Row):
    """What is told in the threads of every message about a subject; a THREAD announcement counts how far."""

    __tablename__ = "thread_notes"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    what: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    by: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[dict[str, Any]]

    def to_record(self) -> ThreadNote:
        return ThreadNote(NoteKind(self.what), self.at, self.by, self.detail)


class DisconnectionRow(Row):
    __tablename__ = "disconnections"
    __table_args__ = (
        # One under way per grower, whoever asks and however often.
        Index(
            "uq_disconnections_open",
            "grower_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    credential_id: Mapped[str] = mapped_column(String(64))
    asked_by: Mapped[str] = mapped_column(String(32))
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    agreed_by: Mapped[str | None] = mapped_column(String(32))
    ended_by: Mapped[str | None] = mapped_column(String(32))
    ended_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(Text)

    def to_record(self) -> Disconnection:
        return Disconnection(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            credential_id=self.credential_id,
            asked_by=self.asked_by,
            asked_at=self.asked_at,
            due_at=self.due_at,
            state=DisconnectionState(self.state),
            agreed_by=self.agreed_by,
            ended_by=self.ended_by,
            ended_at=self.ended_at,
            trouble=self.trouble,
        )


class LeafEventRow(Row):
    __tablename__ = "leaf_events"
    __table_args__ = (Index("ix_leaf_events_grower_id_at", "grower_id", "at"),)

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    status_code: Mapped[int | None]
    summary: Mapped[str] = mapped_column(Text)

    def to_record(self) -> LeafEvent:
        return LeafEvent(self.id, self.grower_id, self.at, self.status_code, self.summary)


class AuditRow(Row):
    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_target_seq", "target", "seq"), Index("ix_audit_actor_seq", "actor", "seq"))

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Text)
    via: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(32))
    request_id: Mapped[str] = mapped_column(String(64), index=True)
    channel: Mapped[str | None] = mapped_column(String(32))
    target: Mapped[str | None] = mapped_column(String(64))
    target_name: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(64))
    typed: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[str | None] = mapped_column(String(64))
    commitment: Mapped[str | None] = mapped_column(String(64))

    def to_record(self) -> SealedEntry:
        entry = AuditEntry(
            at=self.at,
            actor=self.actor,
            via=self.via,
            action=self.action,
            outcome=self.outcome,
            request_id=self.request_id,
            channel=self.channel,
            target=self.target,
            target_name=self.target_name,
            detail=self.detail,
            typed=self.typed,
            salt=self.salt,
            commitment=self.commitment,
        )
        return SealedEntry(self.seq, entry, self.previous, self.mac)


class AuditHeadRow(Row):
    """The end of the audit chain; locking this one row puts writers in line."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    mac: Mapped[str] = mapped_column(String(64))


class AuditCheckpointRow(Row):
    """What stands for entries that retention removed; the database lets only those be deleted."""

    __tablename__ = "audit_checkpoints"

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    mac: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    seal: Mapped[str] = mapped_column(String(64))

    def to_record(self) -> AuditCheckpoint:
        return AuditCheckpoint(self.seq, self.mac, self.at, self.seal)


class SweepRow(Row):
    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    beat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    page: Mapped[int] = mapped_column(default=0)
    growers: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)

    def to_record(self) -> Sweep:
        return Sweep(
            self.id, self.started_at, self.beat_at, self.finished_at, self.page, self.growers, self.found, self.changed
        )


class BulkRow(Row):
    __tablename__ = "bulks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str | None] = mapped_column(String(32))
    made_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(64))

    def to_record(self) -> Bulk:
        return Bulk(
            id=self.id,
            name=self.name,
            made_by=self.made_by,
            channel=self.channel,
            made_at=self.made_at,
            state=BulkState(self.state),
            finished_at=self.finished_at,
            trouble=self.trouble,
        )


class BulkLineRow(Row):
    """A line as it was given holds what people call growers: it is kept no longer than its list."""

    __tablename__ = "bulk_lines"

    bulk_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    typed: Mapped[str] = mapped_column(Text)
    fate: Mapped[str] = mapped_column(String(16))
    grower_id: Mapped[str | None] = mapped_column(String(64), index=True)
    grower_name: Mapped[str | None] = mapped_column(Text)
    consent_id: Mapped[str | None] = mapped_column(String(32), index=True)
    note: Mapped[str | None] = mapped_column(Text)

    def to_record(self) -> BulkLine:
        return BulkLine(
            number=self.number,
            typed=self.typed,
            fate=LineFate(self.fate),
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            consent_id=self.consent_id,
            note=self.note,
        )


class FreshnessRow(Row):
    """What Leaf last told of a grower's data, and the last time FieldView is known to have served Leaf for them."""

    __tablename__ = "freshness"

    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), primary_key=True)
    synced_at: Mapped[datetime | None]
    farms: Mapped[int]
    fields: Mapped[int]
    read_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    use_read_at: Mapped[datetime | None]

    def to_record(self) -> Freshness:
        return Freshness(
            self.grower_id, self.synced_at, self.farms, self.fields, self.read_at, self.used_at, self.use_read_at
        )


class FirstDataRow(Row):
    __tablename__ = "first_data"

    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), primary_key=True)
    grower_id: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    came_at: Mapped[datetime | None]
    farms: Mapped[int]
    fields: Mapped[int]
    missed_at: Mapped[datetime | None]

    def to_record(self) -> FirstData:
        return FirstData(
            self.consent_id, self.grower_id, self.since, self.came_at, self.farms, self.fields, self.missed_at
        )


class SilenceRow(Row):
    __tablename__ = "silences"
    __table_args__ = (
        Index(
            "uq_silences_open",
            "grower_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"))
    kind: Mapped[str] = mapped_column(String(16))
    round: Mapped[str] = mapped_column(String(64), index=True)
    since: Mapped[datetime]
    ever: Mapped[bool]
    lapses_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(16))

    def to_record(self) -> Silence:
        return Silence(
            id=self.id,
            grower_id=self.grower_id,
            kind=SilenceKind(self.kind),
            round=self.round,
            since=self.since,
            ever=self.ever,
            told_at=self.told_at,
            lapses_at=self.lapses_at,
            ended_at=self.ended_at,
            ended_by=SilenceEnd(self.ended_by) if self.ended_by else None,
        )


class NoticeRow(Row):
    __tablename__ = "notices"
    __table_args__ = (
        Index(
            "uq_notices_open",
            "kind",
            unique=True,
            sqlite_where=text("over_at IS NULL"),
            postgresql_where=text("over_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(128))
    text: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime]
    over_at: Mapped[datetime | None]

    def to_record(self) -> Notice:
        return Notice(self.id, self.kind, self.text, self.raised_at, self.over_at)


class PaceRow(Row):
    """When the next request of a kind may go out, for all replicas together."""

    __tablename__ = "paces"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    next_at: Mapped[datetime]


class CreationRow(Row):
    """A grower who is being created at Leaf, by a digest of what is known of them."""

    __tablename__ = "creations"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    began_at: Mapped[datetime]


class SealedValueRow(Row):
    """Secrets the program made for itself, encrypted with the operators' keys."""

    __tablename__ = "sealed_values"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
