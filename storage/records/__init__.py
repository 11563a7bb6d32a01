"""The values that leave storage: frozen, complete, and free of secrets unless their name says so."""

from __future__ import annotations

from storage.records.audit import AuditCheckpoint, AuditEntry, SealedEntry
from storage.records.bulks import Bulk, BulkLine, BulkState, LineFate
from storage.records.channels import (
    EVERYBODYS,
    EVERYTHING,
    About,
    Delivery,
    Digest,
    Escalation,
    Subscription,
    Topic,
    Whose,
    Wishes,
)
from storage.records.connections import (
    Cause,
    Connection,
    CredentialStatus,
    Disconnection,
    DisconnectionState,
    LeafEvent,
    Sweep,
    Transition,
)
from storage.records.consents import Consent, ConsentState, Trouble
from storage.records.freshness import FirstData, Freshness, Silence, SilenceEnd, SilenceKind
from storage.records.growers import Grower
from storage.records.incidents import Affected, Care, Incident, Storm, StormKind, StormTally
from storage.records.outbox import Announcement, AnnouncementKind, NoteKind, Notice, ThreadNote
from storage.records.team import MEMBERS, AccessRule, Handover, Moved, Role

__all__ = [
    "EVERYBODYS",
    "EVERYTHING",
    "MEMBERS",
    "About",
    "AccessRule",
    "Affected",
    "Announcement",
    "AnnouncementKind",
    "AuditCheckpoint",
    "AuditEntry",
    "Bulk",
    "BulkLine",
    "BulkState",
    "Care",
    "Cause",
    "Connection",
    "Consent",
    "ConsentState",
    "CredentialStatus",
    "Delivery",
    "Digest",
    "Disconnection",
    "DisconnectionState",
    "Escalation",
    "FirstData",
    "Freshness",
    "Grower",
    "Handover",
    "Incident",
    "LeafEvent",
    "LineFate",
    "Moved",
    "NoteKind",
    "Notice",
    "Role",
    "SealedEntry",
    "Silence",
    "SilenceEnd",
    "SilenceKind",
    "Storm",
    "StormKind",
    "StormTally",
    "Subscription",
    "Sweep",
    "ThreadNote",
    "Topic",
    "Transition",
    "Trouble",
    "Whose",
    "Wishes",
]
