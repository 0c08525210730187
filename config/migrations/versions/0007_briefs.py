"""Create briefs: the latest of each journey."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "briefs",
        sa.Column("key", sa.Text(), nullable=False, comment="digest of tenant and journey: two long names are too much for an index"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("journey", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text()),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("to_team", sa.Text()),
        sa.Column("time", TIME, nullable=False, comment="of the touchpoint that set it off: the latest brief of a journey stays"),
        sa.Column("log_offset", sa.BigInteger(), nullable=False, comment="offset in the briefs topic: decides between two of one time"),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_briefs"),
    )
    op.create_index("ix_briefs_customer", "briefs", ["customer"])
    op.create_index("ix_briefs_journey", "briefs", ["journey"])


def downgrade() -> None:
    op.drop_table("briefs")
