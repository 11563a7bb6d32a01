"""Whether a healthy connection brings anything: its data, the first of it, and silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
