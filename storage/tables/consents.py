"""The links for growers, and every way through one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.records import Consent, ConsentState
from storage.tables.base import Row


class ConsentRow(Row):
    __tablename__ = "consents"
    __table_args__ = (
        Index(
            "ix_consents_due",
            "remind_at",
            sqlite_where=text("remind_at IS NOT NULL"),
            postgresql_where=text("remind_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    grower_id: Mapped[str] = mapped_column(ForeignKey("growers.id"), index=True)
    grower_name: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(32))
    asked_by_name: Mapped[str] = mapped_column(Text)
    channel: Mapped[str | None] = mapped_column(String(32))
    code_word: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    begun_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(Text)
    account_email: Mapped[str | None] = mapped_column(Text)
    granted_scopes: Mapped[list[str]]
    replaces_credential: Mapped[str | None] = mapped_column(String(64))
    incident_id: Mapped[str | None] = mapped_column(String(32))
    sent_to: Mapped[str | None] = mapped_column(String(32))
    message_channel: Mapped[str | None] = mapped_column(String(32))
    message_ts: Mapped[str | None] = mapped_column(String(32))
    authorization_code: Mapped[str | None] = mapped_column(Text)
    returned_at: Mapped[datetime | None]
    refresh_token: Mapped[str | None] = mapped_column(Text)
    exchanged_at: Mapped[datetime | None]
    handing_over: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(8))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    revoked_by: Mapped[str | None] = mapped_column(String(32))
    renewal_asked_at: Mapped[datetime | None]
    remind_at: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(default=0, server_default="0")
    reminders_stopped_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
    made_by: Mapped[str | None] = mapped_column(String(32))

    def to_record(self) -> Consent:
        return Consent(
            id=self.id,
            grower_id=self.grower_id,
            grower_name=self.grower_name,
            asked_by=self.asked_by,
            asked_by_name=self.asked_by_name,
            channel=self.channel,
            code_word=self.code_word,
            created_at=self.created_at,
            expires_at=self.expires_at,
            state=ConsentState(self.state),
            begun_at=self.begun_at,
            finished_at=self.finished_at,
            trouble=self.trouble,
            account_email=self.account_email,
            granted_scopes=tuple(self.granted_scopes),
            replaces_credential=self.replaces_credential,
            incident_id=self.incident_id,
            sent_to=self.sent_to,
            message_channel=self.message_channel,
            message_ts=self.message_ts,
            opened_at=self.opened_at,
            language=self.language,
            time_zone=self.time_zone,
            revoked_by=self.revoked_by,
            renewal_asked_at=self.renewal_asked_at,
            remind_at=self.remind_at,
            reminders=self.reminders,
            reminders_stopped_at=self.reminders_stopped_at,
            replaced_at=self.replaced_at,
            made_by=self.made_by,
        )


class ConsentLinkRow(Row):
    """A link to a consent besides its first: made because the first cannot be shown again, which is only hashed."""

    __tablename__ = "consent_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), index=True)
    made_at: Mapped[datetime]


class AttemptRow(Row):
    """One press of "Continue to FieldView": its `state`, bound to one browser, usable once."""

    __tablename__ = "consent_attempts"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), index=True)
    browser_hash: Mapped[str] = mapped_column(String(64), index=True)
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    took_code: Mapped[bool | None]
    """Whether this press led to the approval that was taken; nothing where nobody noted it."""
