"""audit entries whose personal words can be erased, and checkpoints that replace old ones"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

KEPT = (
    *("seq", "at", "actor", "via", "action", "outcome", "request_id", "channel", "target", "detail"),
    *("previous", "mac", "commitment"),
)
"""Columns that no erasure touches."""

ERASES = (
    "OLD.commitment IS NOT NULL AND NEW.target_name IS NULL AND NEW.typed IS NULL AND NEW.salt IS NULL AND "
    + " AND ".join(f"NEW.{column} IS OLD.{column}" for column in KEPT)
)
IS_REPLACED = "OLD.seq <= (SELECT coalesce(max(seq), 0) FROM audit_checkpoints)"


def upgrade() -> None:
    for column, kind in (("typed", sa.Text()), ("salt", sa.String(length=64)), ("commitment", sa.String(length=64))):
        op.add_column("audit", sa.Column(column, kind, nullable=True))
    op.create_index("ix_audit_actor_seq", "audit", ["actor", "seq"], unique=False)
    op.create_index(op.f("ix_audit_request_id"), "audit", ["request_id"], unique=False)
    op.create_table(
        "audit_checkpoints",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_checkpoints")),
    )
    protect()


def protect() -> None:
    """Entries may lose their personal words and nothing else; only what a checkpoint replaces may be deleted."""
    if op.get_bind().dialect.name == "sqlite":
        for deed, allowed in (("update", ERASES), ("delete", IS_REPLACED)):
            op.execute(f"DROP TRIGGER audit_refuses_{deed}")
            op.execute(_sqlite_trigger("audit", deed, f"WHEN NOT ({allowed}) "))
        for deed in ("update", "delete"):
            op.execute(_sqlite_trigger("audit_checkpoints", deed, ""))
        return
    op.execute("DROP TRIGGER audit_refuses_change ON audit")
    op.execute(
        "CREATE FUNCTION audit_keeps_its_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN IF {IS_REPLACED} THEN RETURN OLD; END IF; "
        "ELSIF OLD.commitment IS NOT NULL AND NEW.target_name IS NULL AND NEW.typed IS NULL AND NEW.salt IS NULL "
        "AND to_jsonb(NEW) - '{target_name,typed,salt}'::text[] = to_jsonb(OLD) - '{target_name,typed,salt}'::text[] "
        "THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_keeps_its_entries()"
    )
    for table, deeds in (("audit", "TRUNCATE"), ("audit_checkpoints", "UPDATE OR DELETE OR TRUNCATE")):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_emptying BEFORE {deeds} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )


def _sqlite_trigger(table: str, deed: str, when: str) -> str:
    return (
        f"CREATE TRIGGER {table}_refuses_{deed} BEFORE {deed.upper()} ON {table} {when}"
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )
