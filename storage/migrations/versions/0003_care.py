"""what the team does about an incident, and whose a grower is"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name, kind in (
        ("acknowledged_by", sa.String(length=32)),
        ("acknowledged_at", MOMENT),
        ("assigned_to", sa.String(length=32)),
        ("assigned_by", sa.String(length=32)),
        ("assigned_at", MOMENT),
        ("assignment_reason", sa.Text()),
        ("snoozed_by", sa.String(length=32)),
        ("snoozed_at", MOMENT),
        ("snoozed_until", MOMENT),
        ("snooze_reason", sa.Text()),
        ("woken_at", MOMENT),
        ("escalated_to", sa.String(length=32)),
        ("escalated_at", MOMENT),
    ):
        op.add_column("incidents", sa.Column(name, kind, nullable=True))
    op.create_index("ix_incidents_snoozed_until", "incidents", ["snoozed_until"], unique=False)
    op.add_column("growers", sa.Column("owner", sa.String(length=32), nullable=True))
    op.add_column("growers", sa.Column("channel", sa.String(length=32), nullable=True))
    op.create_index("ix_growers_owner", "growers", ["owner"], unique=False)
    op.create_table(
        "handovers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("giver", sa.String(length=32), nullable=False),
        sa.Column("taker", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handovers")),
    )
    op.create_table(
        "escalations",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("lead", sa.String(length=32), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=32), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_escalations")),
    )
