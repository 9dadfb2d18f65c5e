"""A few readings of a load, for a plot: bounded whatever the number of rows, sensors and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Table, select

from etl.contract.model import EvolvedContract
from etl.database.schema.tables.audit_tables import etl_quality

if TYPE_CHECKING:
    import pandas as pd

MOST_MEASURES = 12
"""How many measures a notebook draws at most: a figure of six rows."""
MOST_ROWS = 2_000
_SENSORS = 5
_TYPE_RULE = ".type"


def sample_of_load(
    connection: Connection,
    contract: EvolvedContract,
    table: Table | None,
    log_id: int,
    where: ColumnElement[bool] | None = None,
) -> pd.DataFrame:
    """Sensor, time and measures of the newest readings that a few sensors sent.

    :param table: of the feed; None where nothing was loaded.
    :param where: a part of the table (`Stage.whereabouts`), so that not all rows of the load are read; None: all of them.
    """
    import pandas as pd

    measures = contract.measures
    if table is not None and len(measures) > MOST_MEASURES:
        measures = _with_most_values(connection, measures, log_id)
    wanted = {*contract.sensor, contract.message_key, contract.event_time.column, *measures}
    names = [name for name in contract.column_names if name in wanted]
    if table is None:
        return pd.DataFrame(columns=names)
    of_load = table.c.log_id == log_id if where is None else where
    key = table.c[contract.message_key]
    # Two queries: the planner has no statistics of rows inserted a moment ago, and would join each with each.
    sensors = connection.scalars(select(key).where(of_load).group_by(key).order_by(key).limit(_SENSORS)).all()
    rows = (
        select(*(table.c[name] for name in names))
        .where(of_load, key.in_(sensors))
        .order_by(table.c[contract.event_time.column].desc())
        .limit(MOST_ROWS)
    )
    return pd.DataFrame(connection.execute(rows).all(), columns=names)


def _with_most_values(connection: Connection, measures: tuple[str, ...], log_id: int) -> tuple[str, ...]:
    """The measures with the most values in a load, by what its quality rules counted; in their order."""
    query = select(etl_quality.c.rule, etl_quality.c.checked).where(
        etl_quality.c.log_id == log_id, etl_quality.c.rule.endswith(_TYPE_RULE)
    )
    values = {row.rule.removesuffix(_TYPE_RULE): row.checked for row in connection.execute(query)}
    chosen = {*sorted(measures, key=lambda name: -values.get(name, 0))[:MOST_MEASURES]}
    return tuple(name for name in measures if name in chosen)
