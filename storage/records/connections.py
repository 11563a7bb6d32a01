"""What is known of the credential at Leaf, how it was found out, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    """Why a connection is not healthy, which decides who must act. A word of a newer version that runs beside us counts
    as unknown."""

    GROWER_MUST_ACT = "grower-must-act"
    SCOPE_MISSING = "scope-missing"
    REMOVED_AT_LEAF = "removed-at-leaf"
    FIELDVIEW_DOWN = "fieldview-down"
    LEAF_DOWN = "leaf-down"
    STAYS_PENDING = "stays-pending"
    OUR_CONFIGURATION = "our-configuration"
    UNKNOWN_STATUS = "unknown-status"

    @classmethod
    def _missing_(cls, value: object) -> Cause:
        return cls.UNKNOWN_STATUS


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
    """One change of a connection's status. `source` names what found it: sweep, alert, consent, disconnect, status,
    gone."""

    grower_id: str
    at: datetime
    before: CredentialStatus | None
    after: CredentialStatus
    cause: Cause | None
    raw_status: str | None
    source: str


@dataclass(frozen=True)
class LeafEvent:
    """One answer FieldView gave to Leaf, archived. `summary` is Leaf's body text with secrets struck out."""

    id: str
    grower_id: str
    at: datetime
    status_code: int | None
    summary: str


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
