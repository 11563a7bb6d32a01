"""channels that want to hear of growers with one tag"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("tag", sa.String(length=64), nullable=True))
    op.add_column("digests", sa.Column("tag", sa.String(length=64), nullable=True))
