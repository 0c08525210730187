"""Count findings by day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "finding_days",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False, comment="of the findings, UTC, such as 2026-03-02"),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("seam_from", sa.Text(), nullable=False, comment="empty: none, as in the two columns that follow"),
        sa.Column("seam_to", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("silos", sa.Text(), nullable=False, comment="the JSON array"),
        sa.Column("findings", sa.BigInteger(), nullable=False, comment="how many stand"),
        sa.PrimaryKeyConstraint(
            "tenant", "day", "detector", "severity", "seam_from", "seam_to", "field", "silos", name="pk_finding_days"
        ),
    )
    op.create_index("ix_finding_days_day", "finding_days", ["day"])
    op.create_table(
        "rollups",
        sa.Column("name", sa.Text(), nullable=False, comment="the table that is made from others"),
        sa.Column("refreshed", TIME, comment="wall clock: what was stored before is in it; null: nothing is"),
        sa.PrimaryKeyConstraint("name", name="pk_rollups"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_findings_updated", "findings", ["updated"], postgresql_using="brin")
        op.create_index("ix_findings_time", "findings", ["time"], postgresql_using="brin")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_findings_time", "findings")
        op.drop_index("ix_findings_updated", "findings")
    op.drop_table("rollups")
    op.drop_index("ix_finding_days_day", "finding_days")
    op.drop_table("finding_days")
