"""The values that leave storage: frozen, complete, and free of secrets unless their name says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What somebody may do: each role may do what the ones before it may."""

    GROWER = "grower"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return self.rank >= needed.rank


MEMBERS = "members"
"""The subject of the rule for all full members of the workspace."""


@dataclass(frozen=True)
class AccessRule:
    """Gives a role: `subject` is the id of a user group, a private channel or a person in Slack, or MEMBERS."""

    subject: str
    role: Role
    made_by: str | None = None
    made_at: datetime | None = None


class CredentialStatus(StrEnum):
    """What the credential at Leaf means for the team, whatever word Leaf used for it."""

    HEALTHY = "healthy"
    BROKEN = "broken"
    LIMITED = "limited"
    PENDING = "pending"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    ABSENT = "absent"


class Cause(StrEnum):
    """Why a connection is not healthy, which decides who must act."""

    GROWER_MUST_ACT = "grower-must-act"
    SCOPE_MISSING = "scope-missing"
    REMOVED_AT_LEAF = "removed-at-leaf"
    FIELDVIEW_DOWN = "fieldview-down"
    LEAF_DOWN = "leaf-down"
    OUR_CONFIGURATION = "our-configuration"
    UNKNOWN_STATUS = "unknown-status"


@dataclass(frozen=True)
class Grower:
    """A Leaf user: `id` is Leaf's id. `gone_at` is set when Leaf no longer has it.

    `owner` is the member of the team who looks after it; `channel` hears of it besides the subscribed ones.
    """

    id: str
    name: str
    email: str | None = None
    external_id: str | None = None
    slack_user: str | None = None
    gone_at: datetime | None = None
    owner: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Connection:
    """What we know of one grower's FieldView credential at Leaf, and since when it is so.

    `completing_consent` is a consent that Leaf accepted and whose first healthy reading is still to come.
    """

    grower_id: str
    status: CredentialStatus
    changed_at: datetime
    checked_at: datetime
    cause: Cause | None = None
    raw_status: str | None = None
    credential_id: str | None = None
    missing_scopes: tuple[str, ...] = ()
    connected_at: datetime | None = None
    account_email: str | None = None
    disconnecting_at: datetime | None = None
    completing_consent: str | None = None


@dataclass(frozen=True)
class Transition:
    """One change of a connection's status. `source` names what found it: sweep, alert, consent, disconnect, status."""

    grower_id: str
    at: datetime
    before: CredentialStatus | None
    after: CredentialStatus
    cause: Cause | None
    raw_status: str | None
    source: str


class ConsentState(StrEnum):
    """Where a consent stands. OPEN may have been begun any number of times; the last four are final.

    HELD: FieldView agreed, but for another account than before or for another grower's, and somebody has to say whether
    that is right.
    """

    OPEN = "open"
    EXCHANGING = "exchanging"
    HELD = "held"
    DELIVERING = "delivering"
    CONNECTED = "connected"
    DECLINED = "declined"
    REVOKED = "revoked"
    FAILED = "failed"


class Trouble(StrEnum):
    """Why a consent is not through yet, kept in `Consent.trouble`."""

    DENIED = "denied-at-fieldview"
    CODE_REFUSED = "code-refused"
    ANSWER_LOST = "answer-lost"
    FIELDVIEW_DOWN = "fieldview-down"
    OUR_CONFIGURATION = "our-configuration"
    LEAF_DOWN = "leaf-down"
    LEAF_REFUSED = "leaf-refused"
    OTHER_ACCOUNT = "other-account"
    SOMEBODY_ELSES = "somebody-elses-account"
    UNDECIDED = "nobody-decided"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True)
class Consent:
    """One consent link and what became of it. The link's token is never here.

    `opened_at` is a hint: when a browser that looked like a person's first showed the page. `language` is the one that
    the team chose for the grower, `time_zone` the grower's in Slack, or else that of whoever asked. `remind_at` is when
    the next thing falls due by the clock, `reminders` how many of them have been.
    """

    id: str
    grower_id: str
    grower_name: str
    asked_by: str
    asked_by_name: str
    channel: str | None
    code_word: str
    created_at: datetime
    expires_at: datetime
    state: ConsentState = ConsentState.OPEN
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    trouble: str | None = None
    account_email: str | None = None
    granted_scopes: tuple[str, ...] = ()
    replaces_credential: str | None = None
    incident_id: str | None = None
    sent_to: str | None = None
    message_channel: str | None = None
    message_ts: str | None = None
    opened_at: datetime | None = None
    language: str | None = None
    time_zone: str | None = None
    revoked_by: str | None = None
    renewal_asked_at: datetime | None = None
    remind_at: datetime | None = None
    reminders: int = 0
    reminders_stopped_at: datetime | None = None


@dataclass(frozen=True)
class Care:
    """What the team does about an incident. A snooze without `snoozed_until` lasts until the connection works again.

    `woken_at` is when the last snooze ended, `escalated_at` when a lead was told that nobody had taken it up,
    `reminded_at` when that was last brought to mind.
    """

    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assigned_to: str | None = None
    assigned_by: str | None = None
    assigned_at: datetime | None = None
    assignment_reason: str | None = None
    snoozed_by: str | None = None
    snoozed_at: datetime | None = None
    snoozed_until: datetime | None = None
    snooze_reason: str | None = None
    woken_at: datetime | None = None
    escalated_to: str | None = None
    escalated_at: datetime | None = None
    reminded_at: datetime | None = None

    def is_snoozed(self, now: datetime) -> bool:
        """Whether nobody wants to be bothered with it at this moment."""
        return self.snoozed_by is not None and (self.snoozed_until is None or now < self.snoozed_until)


@dataclass(frozen=True)
class Incident:
    """A connection that stopped working, until it works again. `recovered_at` is None while it is open.

    `told_at` is when channels had to hear of it, None while it concerns the operators alone. `flapping_since` is set
    while it comes and goes, `summarised_at` is when that was last summed up.
    """

    id: str
    grower_id: str
    grower_name: str
    status: CredentialStatus
    cause: Cause
    opened_at: datetime
    raw_status: str | None = None
    missing_scopes: tuple[str, ...] = ()
    recovered_at: datetime | None = None
    ended_by: str | None = None
    repaired_by_consent: str | None = None
    care: Care = Care()
    told_at: datetime | None = None
    flapping_since: datetime | None = None
    summarised_at: datetime | None = None


class StormKind(StrEnum):
    """Whose trouble it is: that of many growers at once, of FieldView, or of Leaf."""

    GROWERS = "growers"
    FIELDVIEW = "fieldview"
    LEAF = "leaf"


@dataclass(frozen=True)
class Storm:
    """Trouble of many that has one message in common. `last_at` is when it last grew or was seen.

    `told_at` is None while nobody needs to hear of it yet, `over_at` while it lasts; `growers` counts whom an ill
    provider concerned at its worst.
    """

    id: str
    kind: StormKind
    began_at: datetime
    last_at: datetime
    told_at: datetime | None = None
    over_at: datetime | None = None
    growers: int = 0


@dataclass(frozen=True)
class Affected:
    """A grower whom a storm has broken, why, and since when."""

    grower: Grower
    cause: Cause
    since: datetime


@dataclass(frozen=True)
class StormTally:
    """How a storm stands: all its growers, those still broken by cause, the others by what ended it, and some names.

    `owners` look after those still broken, whoever has most of them first.
    """

    growers: int
    broken: Mapping[Cause, int]
    ended: Mapping[str, int]
    first: Sequence[Affected] = ()
    owners: Sequence[str] = ()

    @property
    def still_broken(self) -> int:
        return sum(self.broken.values())


class BulkState(StrEnum):
    """PLANNED: nothing is done before somebody says so. The last three are final."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class LineFate(StrEnum):
    """What is to become of a line, or became of it: only TO_INVITE is still to be done."""

    TO_INVITE = "to-invite"
    SENT = "sent"
    TO_SHARE = "to-share"
    HAS_LINK = "has-link"
    CONNECTED = "connected"
    TWICE = "twice"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Bulk:
    """A list of growers that somebody wants links for. `trouble` is why the list with the links could not be sent."""

    id: str
    name: str
    made_by: str
    channel: str | None
    made_at: datetime
    state: BulkState = BulkState.PLANNED
    finished_at: datetime | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class BulkLine:
    """One line of such a list, by its number in the file. `note` says what is wrong with it, where something is.

    `consent_id` is there as soon as a link is: what is left then is to bring it to the grower.
    """

    number: int
    typed: str
    fate: LineFate
    grower_id: str | None = None
    grower_name: str | None = None
    consent_id: str | None = None
    note: str | None = None


class DisconnectionState(StrEnum):
    """WAITING for a second person, SCHEDULED until the time to undo is over, ENDING at Leaf; the rest is final."""

    WAITING = "waiting"
    SCHEDULED = "scheduled"
    ENDING = "ending"
    DONE = "done"
    UNDONE = "undone"
    LAPSED = "lapsed"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True)
class Disconnection:
    """Somebody wants a connection ended. `due_at` is when it happens, or when waiting for a second person ends.

    Only the credential of `credential_id` is meant: a newer one stays.
    """

    id: str
    grower_id: str
    grower_name: str
    credential_id: str
    asked_by: str
    asked_at: datetime
    due_at: datetime
    state: DisconnectionState
    agreed_by: str | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    trouble: str | None = None


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
class About:
    """What a piece of news is about, and whose the grower is; an illness of Leaf or FieldView is everybody's."""

    topic: Topic
    owner: str | None = None
    is_everybodys: bool = False


@dataclass(frozen=True)
class Wishes:
    """What a channel wants to hear, and when. Without `owner` it is of all growers; `topics` None is everything.

    A digest comes once a day at `digest_hour` in `zone` (IANA's).
    """

    owner: str | None = None
    topics: tuple[Topic, ...] | None = None
    delivery: Delivery = Delivery.INSTANT
    digest_hour: int | None = None
    zone: str | None = None

    @property
    def hears_at_once(self) -> bool:
        return self.delivery is not Delivery.DIGEST

    @property
    def has_digest(self) -> bool:
        return self.delivery is not Delivery.INSTANT

    @property
    def is_of_all(self) -> bool:
        """Whether nothing is left out."""
        return self.owner is None and self.topics is None

    def covers(self, about: About) -> bool:
        """Whether this is among what the channel wants to hear, at once or in its digest."""
        wanted = self.topics is None or about.topic in self.topics
        return wanted and (self.owner is None or about.is_everybodys or about.owner == self.owner)


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


@dataclass(frozen=True)
class Moved:
    """What changed hands: ids of growers, links, incidents snoozed and assigned, channels subscribed and led."""

    growers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    snoozes: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handover:
    """Everything of `giver` given to `taker`, at the word of `by`."""

    id: str
    giver: str
    taker: str
    by: str
    at: datetime
    moved: Moved


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
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    SNOOZE_OVER = "snooze-over"
    CALLED = "called"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class ThreadNote:
    """One thing that happened to what a message is about. `by` is a Slack user; `detail` holds plain JSON values."""

    what: NoteKind
    at: datetime
    by: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LeafEvent:
    """One answer FieldView gave to Leaf, archived. `summary` is Leaf's body text with secrets struck out."""

    id: str
    grower_id: str
    at: datetime
    status_code: int | None
    summary: str


@dataclass(frozen=True)
class AuditEntry:
    """Who did what, on whom, and how it ended. `at` is aware UTC; `detail` holds plain JSON values without secrets.

    `target_name` and `typed` (what was typed when nobody was found by it) are personal and can be erased: the chain
    holds their `commitment` only, which `salt` opens.
    """

    at: datetime
    actor: str
    via: str
    action: str
    outcome: str
    request_id: str
    channel: str | None = None
    target: str | None = None
    target_name: str | None = None
    detail: str | None = None
    typed: str | None = None
    salt: str | None = None
    commitment: str | None = None


@dataclass(frozen=True)
class SealedEntry:
    """An audit entry at its place in the chain. `mac` covers the entry, its `seq` and the `mac` before it (hex)."""

    seq: int
    entry: AuditEntry
    previous: str
    mac: str


@dataclass(frozen=True)
class AuditCheckpoint:
    """Where the trail begins after old entries were removed: the last of them had this number and `mac`."""

    seq: int
    mac: str
    at: datetime
    seal: str


@dataclass(frozen=True)
class Sweep:
    """One look at all credentials. `finished_at` is None while it runs; `found` counts growers with a credential."""

    id: str
    started_at: datetime
    beat_at: datetime
    finished_at: datetime | None = None
    page: int = 0
    growers: int = 0
    found: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Freshness:
    """What Leaf told of a grower's data at `read_at`: `synced_at` is when it last brought something in, None for never.

    `used_at` is the newest answer of FieldView to Leaf that went well, as read at `use_read_at` from Leaf's events.
    """

    grower_id: str
    synced_at: datetime | None
    farms: int
    fields: int
    read_at: datetime
    used_at: datetime | None = None
    use_read_at: datetime | None = None


@dataclass(frozen=True)
class FirstData:
    """Whether data has come in after a consent: connected `since`, there at `came_at`, still missing at `missed_at`."""

    consent_id: str
    grower_id: str
    since: datetime
    came_at: datetime | None = None
    farms: int = 0
    fields: int = 0
    missed_at: datetime | None = None


class SilenceKind(StrEnum):
    """Healthy by status, and yet: nothing comes in, or nobody has used the permission for so long that it may lapse."""

    STALE = "stale"
    LAPSING = "lapsing"


class SilenceEnd(StrEnum):
    """Why a silence is over. LAPSING: it is told again, as that."""

    DATA = "data"
    RECONNECTED = "reconnected"
    NOT_HEALTHY = "not-healthy"
    LAPSING = "lapsing"
    RULES = "rules"


@dataclass(frozen=True)
class Silence:
    """A healthy connection that brings nothing, told in the message of `round`, until it is over.

    `since` is the last sync; when nothing has come in since the grower connected (`ever` is False), that moment.
    """

    id: str
    grower_id: str
    kind: SilenceKind
    round: str
    since: datetime
    ever: bool
    told_at: datetime
    lapses_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: SilenceEnd | None = None


@dataclass(frozen=True)
class Notice:
    """Something the operators are told once, until it is over: the bot itself needs a person."""

    id: str
    kind: str
    text: str
    raised_at: datetime
    over_at: datetime | None = None
