"""A connection that stopped working, what the team does about it, and the trouble of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from storage.records.connections import Cause, CredentialStatus
from storage.records.growers import Grower


@dataclass(frozen=True)
class Care:
    """What the team does about an incident. A snooze without `snoozed_until` lasts until the connection works again.

    `snooze_told_to` hears when the snooze is over: whoever snoozed it, or to whom that was handed over.
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
    snooze_told_to: str | None = None
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

    `owners` look after those still broken, whoever has most of them first; `leads` were told of so many whom nobody
    took up.
    """

    growers: int
    broken: Mapping[Cause, int]
    ended: Mapping[str, int]
    first: Sequence[Affected] = ()
    owners: Sequence[str] = ()
    leads: Mapping[str, int] = field(default_factory=dict)

    @property
    def still_broken(self) -> int:
        return sum(self.broken.values())

    @property
    def is_whole(self) -> bool:
        """Whether none of them works again yet."""
        return self.still_broken >= self.growers
