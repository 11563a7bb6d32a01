"""who is told when a snooze is over"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("snooze_told_to", sa.String(length=32), nullable=True))
    op.execute(sa.text("UPDATE incidents SET snooze_told_to = snoozed_by WHERE snoozed_by IS NOT NULL"))
