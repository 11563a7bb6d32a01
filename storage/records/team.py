"""Who may do what, and work that changes hands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


@dataclass(frozen=True)
class Moved:
    """What changed hands: ids of growers, links, incidents snoozed and assigned, channels subscribed and led, and
    lists of growers whose links are still to be made."""

    growers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    snoozes: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handover:
    """Everything of `giver` given to `taker`, at the word of `by`."""

    id: str
    giver: str
    taker: str
    by: str
    at: datetime
    moved: Moved
