"""What the tables of windows were computed with, so that they are computed again when a contract says otherwise.

Of tables that are there already nothing is known: they are taken for what the contract says.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "what its tables of windows were computed with, by table and size"
    op.add_column("etl_feed", sa.Column("windows", sa.JSON, comment=comment))
