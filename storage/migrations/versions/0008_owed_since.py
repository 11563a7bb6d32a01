"""since when a message is owed"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("announcements", sa.Column("owed_since", sa.DateTime(timezone=True), nullable=True))
