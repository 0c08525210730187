"""Create findings, alerts with their changes, scores and dead letters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("journey", sa.Text()),
        sa.Column("contact", sa.Text()),
        sa.Column("seam_from", sa.Text()),
        sa.Column("seam_to", sa.Text()),
        sa.Column("field", sa.Text()),
        sa.Column("time", TIME, nullable=False),
        sa.Column("explained_by", sa.Text()),
        sa.Column(
            "alert",
            sa.Text(),
            nullable=False,
            comment="the alert it belongs to; there is none while no finding of that key ever stood",
        ),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.BigInteger(), nullable=False),
        sa.Column("rule_mode", sa.Text(), nullable=False),
        sa.Column(
            "standing",
            sa.Boolean(),
            nullable=False,
            comment="counts for its alert: not withdrawn, not explained, not info, its rule on",
        ),
        sa.Column("body", JSON, nullable=False, comment="the finding without its revision"),
        sa.Column("updated", TIME, nullable=False, comment="wall clock: when this revision was stored"),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
    )
    op.create_index("ix_findings_alert_time", "findings", ["alert", "time"])
    op.create_table(
        "alerts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("seam_from", sa.Text()),
        sa.Column("seam_to", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), comment="why, while resolved"),
        sa.Column(
            "seen_until", TIME, comment="while resolved: last_seen as it was then; only what is later opens it again"
        ),
        sa.Column(
            "judged_rules",
            JSON,
            comment="of a false positive: {rule: version} as judged; the same version does not open it again",
        ),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("occurrences", sa.BigInteger(), nullable=False),
        sa.Column("assignee", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated", TIME, nullable=False, comment="wall clock: when this version was stored"),
        sa.PrimaryKeyConstraint("key", name="pk_alerts"),
    )
    op.create_index("ix_alerts_last_seen_key", "alerts", ["last_seen", "key"])
    op.create_index("ix_alerts_updated", "alerts", ["updated"])
    op.create_table(
        "alert_changes",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="the alert's version after the change"),
        sa.Column("from_state", sa.Text(), comment="null: the alert began"),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("time", TIME, nullable=False, comment="wall clock"),
        sa.PrimaryKeyConstraint("alert", "version", name="pk_alert_changes"),
        sa.ForeignKeyConstraint(["alert"], ["alerts.key"], name="fk_alert_changes_alert"),
    )
    op.create_table(
        "scores",
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="digest of the five columns that follow: two long names are too much for an index",
        ),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("score", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("half_life", sa.BigInteger(), nullable=False, comment="seconds"),
        sa.Column(
            "value",
            sa.Double(),
            nullable=False,
            comment="0..100 at as_of; readers decay the components to their own now",
        ),
        sa.Column("samples", sa.Double(), nullable=False),
        sa.Column("components", JSON, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column(
            "log_offset",
            sa.BigInteger(),
            nullable=False,
            comment="offset in the scores topic: decides between two of one as_of",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_scores"),
    )
    op.create_index("ix_scores_scope_score_tenant", "scores", ["scope", "score", "tenant"])
    op.create_table(
        "dead_letters",
        sa.Column("topic", sa.Text(), nullable=False, comment="where the refused record was read"),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("time", TIME, nullable=False, comment="broker's time of the dead letter"),
        sa.Column("letter_topic", sa.Text(), nullable=False, comment="where its bytes are, while the topic keeps them"),
        sa.Column("letter_partition", sa.Integer(), nullable=False),
        sa.Column("letter_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name="pk_dead_letters"),
    )
    op.create_index("ix_dead_letters_time", "dead_letters", ["time"])


def downgrade() -> None:
    for table in ("dead_letters", "scores", "alert_changes", "alerts", "findings"):
        op.drop_table(table)
