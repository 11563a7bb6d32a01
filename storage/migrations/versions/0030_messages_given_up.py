"""messages that were given up, found by their channel"""

from alembic import op
from sqlalchemy import text

revision = "0030"
down_revision = "0029"

GIVEN_UP = "gave_up_reason IS NOT NULL"


def upgrade() -> None:
    op.create_index(
        "ix_announcements_given_up",
        "announcements",
        ["channel"],
        sqlite_where=text(GIVEN_UP),
        postgresql_where=text(GIVEN_UP),
    )
