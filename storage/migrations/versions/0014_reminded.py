"""when the team was last reminded of an alert that nobody takes up"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
