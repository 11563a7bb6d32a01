"""storms, and incidents that come and go"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "storms",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("growers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storms")),
    )
    op.create_index("ix_storms_kind_last_at", "storms", ["kind", "last_at"], unique=False)

    op.create_table(
        "storm_incidents",
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("storm_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_storm_incidents")),
    )
    op.create_index(op.f("ix_storm_incidents_storm_id"), "storm_incidents", ["storm_id"], unique=False)

    for column in ("told_at", "flapping_since", "summarised_at"):
        op.add_column("incidents", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_incidents_told_at"), "incidents", ["told_at"], unique=False)
