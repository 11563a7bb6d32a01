"""what lines say of whom they mean, until everybody at Leaf is known"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("bulk_lines", sa.Column("words", sa.JSON(), nullable=True))
