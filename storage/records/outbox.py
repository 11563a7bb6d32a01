"""What we owe somebody in Slack: living messages, their threads, and notices to the operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AnnouncementKind(StrEnum):
    """What a message of ours is about; together with its subject and channel it names one living message.

    THREAD is what stands below another message: see `storage.outbox.thread_subject`.
    """

    INCIDENT = "incident"
    CONNECTED = "connected"
    CONSENT_OUTCOME = "consent-outcome"
    CONSENT_INVITATION = "consent-invitation"
    CONSENT_REMINDER = "consent-reminder"
    CONSENT_RENEWAL = "consent-renewal"
    OPERATOR_NOTICE = "operator-notice"
    STORM = "storm"
    THREAD = "thread"
    HANDOVER = "handover"
    OWNER = "owner"
    DISCONNECTION = "disconnection"
    SILENCES = "silences"
    NO_DATA_YET = "no-data-yet"
    AUDIT_ANCHOR = "audit-anchor"
    BULK = "bulk"
    DIGEST = "digest"


@dataclass(frozen=True)
class Announcement:
    """One living message: it must show version `wanted` of its subject and shows `shown` (0: not posted yet).

    Versions up to `prompt` are too important to wait for others that may follow.
    """

    id: str
    kind: AnnouncementKind
    subject: str
    channel: str
    wanted: int
    shown: int
    created_at: datetime
    posted_channel: str | None = None
    ts: str | None = None
    failures: int = 0
    reposts: int = 0
    gave_up_reason: str | None = None
    shown_at: datetime | None = None
    prompt: int = 0
    attempted_at: datetime | None = None
    claimed_by: str | None = None

    @property
    def may_stand(self) -> bool:
        """Whether Slack has it, or may have it: nobody wrote down what became of a post."""
        return bool(self.ts) or self.attempted_at is not None

    @property
    def is_owed(self) -> bool:
        """Whether somebody still has to be shown something."""
        return self.shown < self.wanted and self.gave_up_reason is None


class NoteKind(StrEnum):
    """What a reply in a message's thread tells; `ThreadNote.detail` holds what its words need."""

    REASON_CHANGED = "reason-changed"
    FLAPPED = "flapped"
    LINK_SENT = "link-sent"
    LINK_OPENED = "link-opened"
    LINK_DECLINED = "link-declined"
    LINK_FAILED = "link-failed"
    ACCOUNT_HELD = "account-held"
    ACCOUNT_DECIDED = "account-decided"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    SNOOZE_OVER = "snooze-over"
    CALLED = "called"
    RECOVERED = "recovered"
    JOINED = "joined"


@dataclass(frozen=True)
class ThreadNote:
    """One thing that happened to what a message is about. `by` is a Slack user; `detail` holds plain JSON values."""

    what: NoteKind
    at: datetime
    by: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """Something the operators are told once, until it is over: the bot itself needs a person."""

    id: str
    kind: str
    text: str
    raised_at: datetime
    over_at: datetime | None = None
