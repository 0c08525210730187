"""Let operators snooze alerts and name duplicates; note what changes replaced."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SEEN_UNTIL = "while resolved: last_seen as it was then; only what is later opens it again"
ADDED: dict[str, list[sa.Column[Any]]] = {
    "alerts": [
        sa.Column("snoozed_until", TIME, comment="wall clock; null while snoozed: no time ends it"),
        sa.Column(
            "snoozed_severity",
            sa.Text(),
            comment="while snoozed until it gets worse: severity as it was then; null: only time ends it",
        ),
        sa.Column("duplicate_of", sa.Text(), comment="of a duplicate: key of the alert that is worked on instead"),
    ],
    "alert_changes": [
        sa.Column("note", sa.Text()),
        sa.Column("assignee", sa.Text(), comment="after the change, as the two columns that follow"),
        sa.Column("snoozed_until", TIME),
        sa.Column("duplicate_of", sa.Text()),
        sa.Column("before", JSON, comment="of an operator's change: what it replaced, for undo"),
    ],
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_alerts_state_updated", "alerts", ["state", "updated"])
    _comment(SEEN_UNTIL, SEEN_UNTIL.replace("resolved", "resolved or snoozed"))


def downgrade() -> None:
    _comment(SEEN_UNTIL.replace("resolved", "resolved or snoozed"), SEEN_UNTIL)
    op.drop_index("ix_alerts_state_updated", "alerts")
    for table, columns in ADDED.items():
        for column in reversed(columns):
            op.drop_column(table, column.name)


def _comment(before: str, after: str) -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.alter_column("alerts", "seen_until", existing_type=TIME, comment=after, existing_comment=before)
