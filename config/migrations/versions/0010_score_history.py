"""Scores once an hour; accounts of people who come in by an OpenID Connect provider."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "score_history",
        sa.Column("score", sa.Text(), nullable=False, comment="key of scores"),
        sa.Column("hour", TIME, nullable=False, comment="wall clock, a whole hour: the figures are those of a moment in it"),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("samples", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("score", "hour", name="pk_score_history"),
    )
    op.create_index("ix_score_history_hour", "score_history", ["hour"])
    with op.batch_alter_table("users") as users:
        users.add_column(
            sa.Column("subject", sa.Text(), comment="digest of issuer and subject at an OpenID Connect provider; null: of none")
        )
        users.alter_column("password", comment="its Argon2id hash; null: enters by links or a provider alone")
        users.create_unique_constraint("uq_users_subject", ["subject"])


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_constraint("uq_users_subject", type_="unique")
        users.drop_column("subject")
        users.alter_column("password", comment="its Argon2id hash; null: enters by links alone")
    op.drop_table("score_history")
