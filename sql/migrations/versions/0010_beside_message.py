"""A rejected row keeps what its contract takes from beside the message, such as the message's key: a replay needs it. The
filters of the dashboards offer two more reasons.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "values that were not in the message, such as its key"
    # The next `init` or load makes it again.
    op.execute("DROP VIEW IF EXISTS v_etl_choices")
    op.add_column("etl_rejected_row", sa.Column("beside_message", sa.JSON, comment=comment))
