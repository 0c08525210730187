"""Who may come into the console, by what, and what they did there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.String().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), comment="its Argon2id hash; null: enters by links alone"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("teams", JSON, comment="null: alerts of all teams, else of these alone"),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False, comment="digest of what the browser holds"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("seen", TIME, nullable=False, comment="to the minute"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["name"], ["users.name"], name="fk_sessions_name"),
    )
    op.create_index("ix_sessions_name", "sessions", ["name"])
    op.create_table(
        "login_links",
        sa.Column(
            "id", sa.Text(), nullable=False, comment="digest of what the link holds; the row goes when it is used"
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_links"),
        sa.ForeignKeyConstraint(["name"], ["users.name"], name="fk_login_links_name"),
    )
    op.create_table(
        "api_tokens",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rights", JSON, nullable=False),
        sa.Column("teams", JSON, comment="as of users"),
        sa.Column("created", TIME, nullable=False),
        sa.Column("seen", TIME, comment="to the minute"),
        sa.PrimaryKeyConstraint("name", name="pk_api_tokens"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "console_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("time", TIME, nullable=False, comment="wall clock"),
        sa.Column("actor", sa.Text(), nullable=False, comment="as given where nobody was let in"),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("address", sa.Text(), comment="where it came from; null: the command line"),
        sa.PrimaryKeyConstraint("id", name="pk_console_audit"),
    )
    op.create_index("ix_console_audit_time", "console_audit", ["time"])


def downgrade() -> None:
    for table in ("console_audit", "api_tokens", "login_links", "sessions", "users"):
        op.drop_table(table)
