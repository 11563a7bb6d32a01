"""tags that a list gives its growers"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("bulk_lines", sa.Column("tags", sa.JSON(), nullable=True))
    op.add_column("bulk_lines", sa.Column("tagged", sa.Boolean(), nullable=True))
