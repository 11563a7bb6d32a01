"""The trail of who did what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
