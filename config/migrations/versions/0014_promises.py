"""Know what was promised to whom, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0011"
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


def downgrade() -> None:
    op.drop_index("ix_promises_outcome_due", "promises")
    op.drop_index("ix_promises_open", "promises")
    op.drop_index("ix_promises_customer", "promises")
    op.drop_table("promises")
