"""Scores that ended keep as of when, so that an earlier one which comes later does not stand again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "ended_scores",
        sa.Column("key", sa.Text(), nullable=False, comment="digest, as in scores: nobody is to be named here"),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("log_offset", sa.BigInteger(), nullable=False, comment="offset in the scores topic of the record that ended it"),
        sa.PrimaryKeyConstraint("key", name="pk_ended_scores"),
    )


def downgrade() -> None:
    op.drop_table("ended_scores")
