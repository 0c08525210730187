"""Find alerts by the rules that judged them as fast as by place: rule, team and channel of findings in one index."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_findings_places", "findings")
    op.create_index("ix_findings_places", "findings", ["alert", "standing", "rule", "channel", "team"])


def downgrade() -> None:
    op.drop_index("ix_findings_places", "findings")
    op.create_index("ix_findings_places", "findings", ["alert", "standing", "channel", "team"])
