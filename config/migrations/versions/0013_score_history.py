"""Scores once an hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "score_history",
        sa.Column("score", sa.Text(), nullable=False, comment="key of scores"),
        sa.Column("hour", TIME, nullable=False, comment="wall clock, a whole hour: the figures are those of a moment in it"),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("samples", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("score", "hour", name="pk_score_history"),
    )
    op.create_index("ix_score_history_hour", "score_history", ["hour"])


def downgrade() -> None:
    op.drop_table("score_history")
