"""A whole list of growers that somebody wants links for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BulkState(StrEnum):
    """WAITING: not planned before everybody at Leaf is known. PLANNED: nothing is done before somebody says so.
    The last three are final."""

    WAITING = "waiting"
    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class LineFate(StrEnum):
    """What is to become of a line, or became of it: only TO_INVITE is still to be done. UNPLANNED: nobody knows yet."""

    UNPLANNED = "unplanned"
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
    """A list of growers that somebody wants links for. `trouble` is why the list with the links could not be sent, or
    that whoever made it may make links no more; `left_out` are the headings of columns that nobody looked at."""

    id: str
    name: str
    made_by: str
    channel: str | None
    made_at: datetime
    state: BulkState = BulkState.PLANNED
    finished_at: datetime | None = None
    trouble: str | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class BulkLine:
    """One line of such a list, by its number in the file. `note` says what is wrong with it, where something is.

    `consent_id` is there as soon as a link is: what is left then is to bring it to the grower. `words` are what may say
    who is meant, kept until the line is planned. `tags` are those that the grower gets, and has got once
    `tagged`; until the line is planned, what was written for them.
    """

    number: int
    typed: str
    fate: LineFate
    grower_id: str | None = None
    grower_name: str | None = None
    consent_id: str | None = None
    note: str | None = None
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tagged: bool = False
