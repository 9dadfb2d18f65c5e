"""Who decided what about a quarantined row, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("etl_rejected_row", "replayed_by", comment="the log_id of the replay that loaded it")
    op.add_column("etl_rejected_row", sa.Column("decided_at", sa.DateTime(timezone=True)))
    op.add_column("etl_rejected_row", sa.Column("note", sa.String(400), comment="who discarded or changed it, and why"))
