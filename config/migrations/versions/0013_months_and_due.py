"""Add up months, value customers, and know when each is to be asked by time alone, in which partition, and whose alias it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    _summarise("SET (autosummarize = on)")
    op.add_column("rollups", sa.Column("mean", sa.Double(), comment="billed revenue of a customer, of those who are known; null: of none"))
    op.add_column("rollups", sa.Column("valued", TIME, comment="wall clock: when that was"))
    # What was counted has no months yet: the next question counts it anew.
    op.execute("UPDATE rollups SET basis = NULL")
    op.execute(
        'INSERT INTO day_counts (tenant, day, kind, name, other, "count", "sum") '
        'SELECT tenant, substr(day, 1, 7), kind, name, other, sum("count"), sum("sum") FROM day_counts GROUP BY tenant, substr(day, 1, 7), kind, name, other'
    )
    op.add_column("customers", sa.Column("alias_of", sa.Text(), comment="the key of the customer whom this one stands for; null: for itself"))
    op.add_column("customers", sa.Column("partition", sa.Integer(), comment="of the touchpoints under this key; null: none were read"))
    op.add_column("customers", sa.Column("due", TIME, comment="when a rule of invitations may ask without a touchpoint; null: none does"))
    op.create_index("ix_customers_partition_due", "customers", ["partition", "due"])
    op.create_index("ix_customers_billed_currency", "customers", ["billed_currency"])
    op.create_index("ix_customers_forecast_currency", "customers", ["forecast_currency"])
    op.add_column("observed", sa.Column("clock", TIME, comment="of the newest record, by its own time; null: none was read"))


def _summarise(how: str) -> None:
    """Let PostgreSQL summarise the indexes of findings as they grow: what waits for a vacuum is read whole at every question."""
    if op.get_bind().dialect.name == "postgresql":
        for name in ("ix_findings_updated", "ix_findings_time"):
            op.execute(f"ALTER INDEX {name} {how}")


def downgrade() -> None:
    _summarise("RESET (autosummarize)")
    op.drop_column("observed", "clock")
    op.drop_index("ix_customers_forecast_currency", "customers")
    op.drop_index("ix_customers_billed_currency", "customers")
    op.drop_index("ix_customers_partition_due", "customers")
    op.drop_column("customers", "due")
    op.drop_column("customers", "partition")
    op.drop_column("customers", "alias_of")
    for table in ("day_counts", "finding_days", "place_days", "place_hits"):
        op.execute(f"DELETE FROM {table} WHERE length(day) = 7")  # names of ours
    op.drop_column("rollups", "valued")
    op.drop_column("rollups", "mean")
