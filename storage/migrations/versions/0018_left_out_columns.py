"""columns of a list that nobody looked at"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    with op.batch_alter_table("bulks") as batch:
        batch.add_column(sa.Column("left_out", sa.JSON(), nullable=True))
