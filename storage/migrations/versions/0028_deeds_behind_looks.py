"""deeds found behind millions of looks"""

from alembic import op
from sqlalchemy import text

revision = "0028"
down_revision = "0027"

NO_MERE_LOOK = (
    "outcome <> 'done' OR action NOT IN ('status', 'events', 'history', 'health', 'help', 'home', 'find-grower',"
    " 'links', 'snoozes', 'storm', 'subscriptions')"
)


def upgrade() -> None:
    op.create_index(
        "ix_audit_deeds", "audit", ["seq"], sqlite_where=text(NO_MERE_LOOK), postgresql_where=text(NO_MERE_LOOK)
    )
