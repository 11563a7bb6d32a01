"""lists of growers that become links, and their lines"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "bulks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulks")),
    )
    op.create_index(op.f("ix_bulks_made_at"), "bulks", ["made_at"], unique=False)

    op.create_table(
        "bulk_lines",
        sa.Column("bulk_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("typed", sa.Text(), nullable=False),
        sa.Column("fate", sa.String(length=16), nullable=False),
        sa.Column("grower_id", sa.String(length=64), nullable=True),
        sa.Column("grower_name", sa.Text(), nullable=True),
        sa.Column("consent_id", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("bulk_id", "number", name=op.f("pk_bulk_lines")),
    )
    for column in ("grower_id", "consent_id"):
        op.create_index(op.f(f"ix_bulk_lines_{column}"), "bulk_lines", [column], unique=False)
