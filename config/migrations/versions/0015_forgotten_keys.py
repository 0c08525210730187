"""The role `insight` remembers whom it forgot, and whose contacts are special."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "forgotten_keys",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of tenant/customer: nobody is to be named here"),
        sa.Column("time", TIME, nullable=False, comment="what is not later is not to be known again"),
        sa.PrimaryKeyConstraint("digest", name="pk_forgotten_keys"),
    )
    op.add_column("contact_marks", sa.Column("customer", sa.Text(), comment="whose contact it is; null: noted before this was"))
    op.create_index("ix_contact_marks_customer", "contact_marks", ["customer"])


def downgrade() -> None:
    op.drop_index("ix_contact_marks_customer", "contact_marks")
    op.drop_column("contact_marks", "customer")
    op.drop_table("forgotten_keys")
