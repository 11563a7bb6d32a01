"""what a channel wants to hear, and when"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("owner", sa.String(length=32), nullable=True))
    op.add_column("subscriptions", sa.Column("topics", sa.JSON(), nullable=True))
    op.add_column(
        "subscriptions", sa.Column("delivery", sa.String(length=16), nullable=False, server_default="instant")
    )
    op.add_column("subscriptions", sa.Column("digest_hour", sa.Integer(), nullable=True))
    op.add_column("subscriptions", sa.Column("zone", sa.String(length=64), nullable=True))
    op.add_column("subscriptions", sa.Column("changed_by", sa.String(length=32), nullable=True))
    op.add_column("subscriptions", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
