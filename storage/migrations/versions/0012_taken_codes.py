"""which press of "Continue to FieldView" brought the approval that was taken"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("consent_attempts", sa.Column("took_code", sa.Boolean(), nullable=True))
