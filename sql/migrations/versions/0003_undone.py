"""When a load was undone: in the ledger, so that the archive can be loaded again, and in the log."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("etl_file", "etl_log"):
        op.add_column(table, sa.Column("undone_at", MOMENT, comment="when what it loaded was removed"))
