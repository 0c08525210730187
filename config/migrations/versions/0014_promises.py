"""Know what was promised to whom, and what became of it; keep back-tests; count facets without sorting."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "promises",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("promise", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("made", TIME, comment="the latest time; null: only its end is known"),
        sa.Column("due", TIME),
        sa.Column("about", sa.Text()),
        sa.Column("team", sa.Text(), comment="who promised"),
        sa.Column("channel", sa.Text()),
        sa.Column("contact", sa.Text()),
        sa.Column("source", sa.Text(), comment="with the next: the touchpoint that made it"),
        sa.Column("touchpoint", sa.Text()),
        sa.Column("outcome", sa.Text(), comment="kept or cancelled; null: it is open"),
        sa.Column("ended", TIME),
        sa.Column("made_key", JSON, comment="sort keys of that touchpoint, and of the latest one of all"),
        sa.Column("last_key", JSON),
        sa.PrimaryKeyConstraint("tenant", "promise", "customer", name="pk_promises"),
    )
    op.create_index("ix_promises_customer", "promises", ["customer"])
    still = sa.text("outcome IS NULL")
    op.create_index("ix_promises_open", "promises", ["due"], sqlite_where=still, postgresql_where=still)
    op.create_index("ix_promises_outcome_due", "promises", ["outcome", "due"])
    op.create_table(
        "back_tests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("time", TIME, nullable=False, comment="wall clock: when it ended"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("tested", sa.Text(), nullable=False, comment="which rules"),
        sa.Column("against", sa.Text(), nullable=False, comment="which others"),
        sa.Column("touchpoints", sa.BigInteger(), nullable=False, comment="how many both judged"),
        sa.Column("body", JSON, nullable=False, comment="what would appear, vanish and change, as counts: of no customer"),
        sa.PrimaryKeyConstraint("id", name="pk_back_tests"),
    )
    op.create_index("ix_back_tests_time", "back_tests", ["time"])
    if op.get_bind().dialect.name == "sqlite":
        columns = ["state", "detector", "severity", "assignee", "seam_from", "seam_to"]
        unresolved = sa.text("state != 'resolved'")
        op.create_index("ix_alerts_facets", "alerts", columns, sqlite_where=unresolved)
        op.create_index("ix_alerts_places", "alerts", ["key", *columns], sqlite_where=unresolved)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_alerts_places", "alerts")
        op.drop_index("ix_alerts_facets", "alerts")
    op.drop_index("ix_back_tests_time", "back_tests")
    op.drop_table("back_tests")
    op.drop_index("ix_promises_outcome_due", "promises")
    op.drop_index("ix_promises_open", "promises")
    op.drop_index("ix_promises_customer", "promises")
    op.drop_table("promises")
