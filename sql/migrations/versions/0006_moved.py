"""Where archives and landing files are that were moved away."""

import sqlalchemy as sa
from alembic import op

from etl.database import MOMENT, text_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moved_to = sa.Column("moved_to", text_of(1000), comment="where `prune --to` has put it, without login")
    op.add_column("etl_file", moved_to)
    op.add_column("etl_file", sa.Column("moved_at", MOMENT))
