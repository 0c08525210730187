"""Note which dead letters were written back, and who saw one unmasked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "dead_letter_acts",
        sa.Column("topic", sa.Text(), nullable=False, comment="with the two that follow: the dead letter"),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column(
            "act", sa.Text(), nullable=False, comment="replayed: written back to its topic; viewed: shown unmasked"
        ),
        sa.Column("time", TIME, nullable=False, comment="wall clock"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), comment="why it was shown unmasked"),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", "act", "time", name="pk_dead_letter_acts"),
    )


def downgrade() -> None:
    op.drop_table("dead_letter_acts")
