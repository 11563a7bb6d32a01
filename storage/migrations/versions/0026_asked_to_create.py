"""whether Leaf was asked to create a grower, or somebody only was about to"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("creations", sa.Column("asked", sa.Boolean(), nullable=True))
