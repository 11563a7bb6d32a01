"""audit entries that nobody puts below the first one, or in the place of another"""

from alembic import op

revision = "0029"
down_revision = "0028"

TAKEN = "EXISTS (SELECT 1 FROM {table} WHERE seq = NEW.seq)"
"""SQLite's REPLACE asks no trigger before it deletes what is in its way, and a NULL becomes a number of its own."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # A CHECK would have SQLite copy the whole trail.
        for table, refused in (("audit", f"NEW.seq <= 0 OR {TAKEN}"), ("audit_checkpoints", TAKEN)):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_insert BEFORE INSERT ON {table} WHEN {refused.format(table=table)} "
                "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )
        return
    # No CHECK here either: what somebody put there already must not keep the program from starting; `audit verify`
    # names it.
    op.execute(
        "CREATE TRIGGER audit_refuses_insert BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.seq <= 0) "
        "EXECUTE FUNCTION audit_is_append_only()"
    )
