"""links that can be shown again, and what became of them"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("consents", sa.Column("sealed_link", sa.Text(), nullable=True))
    op.add_column("consents", sa.Column("opened_at", moment, nullable=True))
    op.add_column("consents", sa.Column("language", sa.String(length=8), nullable=True))
    op.add_column("consents", sa.Column("time_zone", sa.String(length=64), nullable=True))
    op.add_column("consents", sa.Column("revoked_by", sa.String(length=32), nullable=True))
    op.add_column("consents", sa.Column("renewal_asked_at", moment, nullable=True))
    op.add_column("consents", sa.Column("remind_at", moment, nullable=True))
    op.add_column("consents", sa.Column("reminders", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("consents", sa.Column("reminders_stopped_at", moment, nullable=True))
    op.create_index(
        "ix_consents_due",
        "consents",
        ["remind_at"],
        sqlite_where=sa.text("remind_at IS NOT NULL"),
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    )
