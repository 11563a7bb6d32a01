"""who made a link that was handed over"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("consents", sa.Column("made_by", sa.String(length=32), nullable=True))
