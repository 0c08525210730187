"""A finding or a brief of before a customer was forgotten, which arrives late, is not stored."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "forgotten_customers",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of tenant/customer: nobody is to be named here"),
        sa.Column("kind", sa.Text(), nullable=False, comment="on which topic that was told: alerts, briefs"),
        sa.Column(
            "source_offset", sa.BigInteger(), nullable=False, comment="in the customer's partition of touchpoints, of the record by which it was forgotten"
        ),
        sa.Column("time", TIME, nullable=False, comment="when that was noted"),
        sa.PrimaryKeyConstraint("digest", "kind", name="pk_forgotten_customers"),
    )
    op.create_index("ix_forgotten_customers_time", "forgotten_customers", ["time"])


def downgrade() -> None:
    op.drop_table("forgotten_customers")
