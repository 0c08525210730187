"""Add what decides between two scores of one moment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "scores",
        sa.Column(
            "sequence",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="decides between two of one as_of: it grows with what they were made from",
        ),
    )


def downgrade() -> None:
    op.drop_column("scores", "sequence")
