"""The tables. Every row class has `to_record()`; nothing outside storage ever holds a row."""

from __future__ import annotations

from storage.tables.audit import MERE_LOOKS, NO_MERE_LOOK, AuditCheckpointRow, AuditHeadRow, AuditRow
from storage.tables.base import Moment, Row
from storage.tables.bulks import BulkLineRow, BulkRow
from storage.tables.channels import DigestRow, EscalationRow, SubscriptionRow
from storage.tables.connections import (
    ConnectionRow,
    CredentialOwnerRow,
    DisconnectionRow,
    LeafEventRow,
    SweepRow,
    TransitionRow,
)
from storage.tables.consents import AttemptRow, ConsentLinkRow, ConsentRow
from storage.tables.freshness import FirstDataRow, FreshnessRow, SilenceRow
from storage.tables.growers import GrowerRow, GrowerTagRow
from storage.tables.incidents import IncidentRow, StormIncidentRow, StormRow
from storage.tables.outbox import AnnouncementRow, NoticeRow, ThreadNoteRow
from storage.tables.team import AccessRuleRow, HandoverRow
from storage.tables.upkeep import CreationRow, PaceRow, SealedValueRow

__all__ = [
    "MERE_LOOKS",
    "NO_MERE_LOOK",
    "AccessRuleRow",
    "AnnouncementRow",
    "AttemptRow",
    "AuditCheckpointRow",
    "AuditHeadRow",
    "AuditRow",
    "BulkLineRow",
    "BulkRow",
    "ConnectionRow",
    "ConsentLinkRow",
    "ConsentRow",
    "CreationRow",
    "CredentialOwnerRow",
    "DigestRow",
    "DisconnectionRow",
    "EscalationRow",
    "FirstDataRow",
    "FreshnessRow",
    "GrowerRow",
    "GrowerTagRow",
    "HandoverRow",
    "IncidentRow",
    "LeafEventRow",
    "Moment",
    "NoticeRow",
    "PaceRow",
    "Row",
    "SealedValueRow",
    "SilenceRow",
    "StormIncidentRow",
    "StormRow",
    "SubscriptionRow",
    "SweepRow",
    "ThreadNoteRow",
    "TransitionRow",
]
