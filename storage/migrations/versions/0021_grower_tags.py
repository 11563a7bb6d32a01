"""words by which growers are grouped"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "grower_tags",
        sa.Column("grower_id", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["grower_id"], ["growers.id"], name=op.f("fk_grower_tags_grower_id")),
        sa.PrimaryKeyConstraint("grower_id", "tag", name=op.f("pk_grower_tags")),
    )
    op.create_index(op.f("ix_grower_tags_tag"), "grower_tags", ["tag"], unique=False)
