"""when a message was last shown, and which version must not wait"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("announcements", sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("announcements", sa.Column("prompt", sa.Integer(), nullable=False, server_default="0"))
