"""Note what is to be sent to whom, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "receivers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", TIME, nullable=False, comment="wall clock: what was stored or told before is none of its business"),
        sa.Column("since", TIME, nullable=False, comment="wall clock: alerts that changed before have been looked at"),
        sa.Column("holder", sa.Text(), comment="the process that sends to it"),
        sa.Column("held_until", TIME, comment="wall clock: then another process may"),
        sa.PrimaryKeyConstraint("name", name="pk_receivers"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False, comment="the webhook-id: digest of receiver, what, subject and version"),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False, comment="alert or brief"),
        sa.Column("subject", sa.Text(), nullable=False, comment="the alert's key; of a brief, digest of tenant and journey"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="the alert's; of a brief, its offset: never an older one after a newer one",
        ),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="pending, failed (waits for its next try), delivered, dead or superseded"
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created", TIME, nullable=False, comment="wall clock, as the times that follow"),
        sa.Column("queued", TIME, nullable=False, comment="when it was created, or last replayed"),
        sa.Column("due", TIME, nullable=False, comment="while pending or failed: not tried before"),
        sa.Column("updated", TIME, nullable=False),
        sa.Column("error", sa.Text(), comment="why it was not delivered, last"),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    for columns in (["receiver", "state", "due"], ["subject"], ["tenant", "customer"], ["updated"]):
        op.create_index(f"ix_deliveries_{'_'.join(columns)}", "deliveries", columns)


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("receivers")
