"""Connections that somebody wants ended, with time to undo it.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disconnections",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("grower_id", sa.String(length=64), nullable=False),
        sa.Column("grower_name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("agreed_by", sa.String(length=32), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["grower_id"], ["growers.id"], name=op.f("fk_disconnections_grower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disconnections")),
    )
    op.create_index(op.f("ix_disconnections_grower_id"), "disconnections", ["grower_id"], unique=False)
    op.create_index(
        "uq_disconnections_open",
        "disconnections",
        ["grower_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
