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
    sa.Column("summary", sa.Text(), comment="of the body, where words are looked for"),
)
FILL = {
    "sqlite": "CASE WHEN json_extract(body, '$.again.id') IS NULL THEN json_extract(body, '$.first.{0}') ELSE json_extract(body, '$.again.{0}') END",
    "postgresql": "CASE WHEN body #>> '{{again,id}}' IS NULL THEN body #>> '{{first,{0}}}' ELSE body #>> '{{again,{0}}}' END",
}
SUMMARY = {"sqlite": "json_extract(body, '$.summary')", "postgresql": "body ->> 'summary'"}


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
    dialect = op.get_bind().dialect.name
    team, channel = (FILL[dialect].format(place) for place in ("team", "channel"))
    op.execute(f"UPDATE findings SET team = {team}, channel = {channel}, summary = {SUMMARY[dialect]}")
    op.create_index("ix_findings_places", "findings", ["alert", "standing", "channel", "team"])
    op.create_index("ix_findings_customer_time", "findings", ["customer", "time"])


def downgrade() -> None:
    op.drop_index("ix_findings_customer_time", "findings")
    op.drop_index("ix_findings_places", "findings")
    for column in reversed(PLACES):
        op.drop_column("findings", column.name)
    op.drop_table("stream_progress")
