"""links that can be shown again, and what became of them"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("consents", sa.Column("opened_at", moment, nullable=True))
    op.add_column("consents", sa.Column("language", sa.String(length=8), nullable=True))
    op.add_column("consents", sa.Column("time_zone", sa.String(length=64), nullable=True))
    op.add_column("consents", sa.Column("revoked_by", sa.String(length=32), nullable=True))
    op.add_column("consents", sa.Column("renewal_asked_at", moment, nullable=True))
    op.add_column("consents", sa.Column("remind_at", moment, nullable=True))
    op.add_column("consents", sa.Column("reminders", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("consents", sa.Column("reminders_stopped_at", moment, nullable=True))
    # The first link's hash stays in consents.token_hash, where an older replica looks for it.
    op.create_table(
        "consent_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("consent_id", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["consent_id"], ["consents.id"], name=op.f("fk_consent_links_consent_id_consents")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_consent_links")),
    )
    op.create_index(op.f("ix_consent_links_consent_id"), "consent_links", ["consent_id"], unique=False)
    op.create_index(
        "ix_consents_due",
        "consents",
        ["remind_at"],
        sqlite_where=sa.text("remind_at IS NOT NULL"),
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    )
