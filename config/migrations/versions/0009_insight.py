"""Know customers, the corridor, what happened where, and whom to invite."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "finding_days",
        sa.Column(
            "weight", sa.Double(), nullable=False, server_default="0", comment="sum of moment weights, of customers whose revenue is not known"
        ),
    )
    op.add_column(
        "finding_days",
        sa.Column(
            "revenue", sa.Double(), nullable=False, server_default="0", comment="sum of moment weight x billed revenue, of all others"
        ),
    )
    op.add_column("rollups", sa.Column("basis", sa.Text(), comment="the weights and rates that it was made with"))
    op.create_table(
        "place_days",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False, comment="of the findings, UTC"),
        sa.Column("place", sa.Text(), nullable=False, comment="of the corridor: voice/billing, or a channel where nobody works"),
        sa.Column("team", sa.Text(), nullable=False, comment="empty: none"),
        sa.Column("face", sa.Text(), nullable=False, comment="sales or service"),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False, comment="how many stand"),
        sa.PrimaryKeyConstraint("tenant", "day", "place", "team", "face", "detector", "severity", name="pk_place_days"),
    )
    op.create_index("ix_place_days_day", "place_days", ["day"])
    op.create_table(
        "place_hits",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("contacts", sa.BigInteger(), nullable=False, comment="how many contacts had a finding there that stands"),
        sa.PrimaryKeyConstraint("tenant", "day", "place", name="pk_place_hits"),
    )
    op.create_index("ix_place_hits_day", "place_hits", ["day"])
    op.create_table(
        "customers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("billed", sa.Double(), comment="revenue as last told, in its currency"),
        sa.Column("billed_currency", sa.Text(), comment="null: that of the installation; as the other one"),
        sa.Column("forecast", sa.Double()),
        sa.Column("forecast_currency", sa.Text()),
        sa.Column("segment", sa.Text()),
        sa.Column("satisfaction", sa.Double(), comment="mean of the last answers, 0..1"),
        sa.Column("answers", sa.BigInteger(), nullable=False, comment="how many are known"),
        sa.Column("seen", TIME, comment="of the newest touchpoint"),
        sa.Column("state", JSON, nullable=False, comment="what the observer knows of the customer"),
        sa.PrimaryKeyConstraint("tenant", "customer", name="pk_customers"),
    )
    op.create_table(
        "day_counts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False, comment="of the touchpoints, UTC"),
        sa.Column("kind", sa.Text(), nullable=False, comment="move, visit, promise, answer, refused, declined or late"),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="from which place (empty: a journey begins); the team; what became of it; the pattern; the rule",
        ),
        sa.Column("other", sa.Text(), nullable=False, comment="to which place; sales or service; the metric; why not"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sum", sa.Double(), nullable=False, comment="of answers: of their shares of the scale"),
        sa.PrimaryKeyConstraint("tenant", "day", "kind", "name", "other", name="pk_day_counts"),
    )
    op.create_index("ix_day_counts_kind_day", "day_counts", ["kind", "day"])
    op.create_table(
        "contact_marks",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="intent: a moment of truth; sales: a team sold in it"),
        sa.Column("name", sa.Text(), nullable=False, comment="the intent; the team"),
        sa.PrimaryKeyConstraint("tenant", "contact", "kind", "name", name="pk_contact_marks"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_time", "invitations", ["time"])
    op.create_table(
        "observed",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False, comment="what is before it has been counted"),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_observed"),
    )


def downgrade() -> None:
    op.drop_table("observed")
    op.drop_index("ix_invitations_time", "invitations")
    op.drop_table("invitations")
    op.drop_table("contact_marks")
    op.drop_index("ix_day_counts_kind_day", "day_counts")
    op.drop_table("day_counts")
    op.drop_table("customers")
    op.drop_index("ix_place_hits_day", "place_hits")
    op.drop_table("place_hits")
    op.drop_index("ix_place_days_day", "place_days")
    op.drop_table("place_days")
    op.drop_column("rollups", "basis")
    op.drop_column("finding_days", "revenue")
    op.drop_column("finding_days", "weight")
