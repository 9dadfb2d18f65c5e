"""Who decided what about a quarantined row, and why."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT, text_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Alembic leaves out comments of new tables and columns by itself where there are none, and not this one.
    if op.get_context().dialect.supports_comments:
        op.alter_column("etl_rejected_row", "replayed_by", comment="the log_id of the replay that loaded it")
    op.add_column("etl_rejected_row", sa.Column("decided_at", MOMENT))
    op.add_column("etl_rejected_row", sa.Column("note", text_of(400), comment="who discarded or changed it, and why"))
