"""Remember which keys are aliases of customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "customer_aliases",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False, comment="whom it stands for; may be an alias itself"),
        sa.Column("linked", TIME, nullable=False, comment="broker's time: when its timeline went there"),
        sa.PrimaryKeyConstraint("tenant", "alias", name="pk_customer_aliases"),
    )
    op.create_index("ix_customer_aliases_customer", "customer_aliases", ["customer"])
    op.create_index("ix_alerts_customer", "alerts", ["customer"])


def downgrade() -> None:
    op.drop_index("ix_alerts_customer", "alerts")
    op.drop_index("ix_customer_aliases_customer", "customer_aliases")
    op.drop_table("customer_aliases")
