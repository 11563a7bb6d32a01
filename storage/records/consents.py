"""A link for a grower, and what becomes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class ConsentState(StrEnum):
    """Where a consent stands. OPEN may have been begun any number of times; the last four are final.

    HELD: FieldView agreed, but for another account than before, for another grower's or for one that nobody here knows,
    and somebody has to say whether that is right.
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
    """Why a consent is not through yet, or never will be, kept in `Consent.trouble`."""

    DENIED = "denied-at-fieldview"
    CODE_REFUSED = "code-refused"
    ANSWER_LOST = "answer-lost"
    FIELDVIEW_DOWN = "fieldview-down"
    OUR_CONFIGURATION = "our-configuration"
    LEAF_DOWN = "leaf-down"
    LEAF_REFUSED = "leaf-refused"
    OTHER_ACCOUNT = "other-account"
    SOMEBODY_ELSES = "somebody-elses-account"
    UNFAMILIAR_ACCOUNT = "unfamiliar-account"
    UNDECIDED = "nobody-decided"
    UNDELIVERED = "undelivered"
    WORKS_WITHOUT = "works-without"
    DISCONNECTED = "disconnected"
    GONE = "gone"


@dataclass(frozen=True)
class Consent:
    """One consent link and what became of it. The link's token is never here.

    `opened_at` is a hint: when a browser that looked like a person's first showed the page. `language` is the one that
    the team chose for the grower, `time_zone` the grower's in Slack, or else that of whoever asked. `remind_at` is when
    the next thing falls due by the clock, `reminders` how many of them have been. `replaced_at` is when a newer link,
    or a connection through another, took this one's place while it was in use: what was begun may be finished, and
    nothing is begun any more. `made_by` is who made it, when `asked_by` is a colleague who took it over since.
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
    replaced_at: datetime | None = None
    made_by: str | None = None

    @property
    def maker(self) -> str:
        """Who made the link, whoever answers for it now."""
        return self.made_by or self.asked_by

    @property
    def zone(self) -> ZoneInfo | None:
        """`time_zone`; None without one, and for one that is not known here."""
        try:
            return ZoneInfo(self.time_zone) if self.time_zone else None
        except (ZoneInfoNotFoundError, ValueError):
            return None

    @property
    def growers_zone(self) -> ZoneInfo | None:
        """The zone where it is the grower's own: of who is not written to in Slack, only the asker's is known."""
        return self.zone if self.sent_to else None

    @property
    def doubt_mark(self) -> str:
        """Which account is asked about, and why: short, so that a button can say what was seen when it is pressed."""
        return hashlib.sha256(f"{self.account_email}\n{self.trouble}".encode()).hexdigest()[:12]
