"""Note how far the stream is stored, and where each finding happened; find a customer's findings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
PLACES = (
    sa.Column(
        "team", sa.Text(), comment="where it was asked again, else where it was first; as the column that follows"
    ),
    sa.Column("channel", sa.Text()),
)
FILL = {
    "sqlite": "coalesce(json_extract(body, '$.again.{0}'), json_extract(body, '$.first.{0}'))",
    "postgresql": "coalesce(body #>> '{{again,{0}}}', body #>> '{{first,{0}}}')",
}


def upgrade() -> None:
    op.create_table(
        "stream_progress",
        sa.Column("topic", sa.Text(), nullable=False, comment="what the sinks read"),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("log_offset", sa.BigInteger(), nullable=False, comment="of the newest record that is stored"),
        sa.Column("appended", TIME, nullable=False, comment="broker's time of that record"),
        sa.Column("stored", TIME, nullable=False, comment="wall clock: when it was stored"),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_stream_progress"),
    )
    for column in PLACES:
        op.add_column("findings", column)
    fill = FILL[op.get_bind().dialect.name]
    op.execute(f"UPDATE findings SET team = {fill.format('team')}, channel = {fill.format('channel')}")
    op.create_index("ix_findings_customer_time", "findings", ["customer", "time"])


def downgrade() -> None:
    op.drop_index("ix_findings_customer_time", "findings")
    for column in reversed(PLACES):
        op.drop_column("findings", column.name)
    op.drop_table("stream_progress")
