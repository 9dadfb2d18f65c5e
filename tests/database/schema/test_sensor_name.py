"""A sensor has one name, whether Python or the database makes it."""

from __future__ import annotations

import pytest
from sqlalchemy import literal, select

from etl.database import DOUBLE
from etl.database.schema.sensor_name import SENSOR_LENGTH, sensor_name, sensor_name_in_sql
from tests.support.tsql import TSQLConnection, TSQLEngine


@pytest.mark.parametrize("values", [("7",), (7,), ("hall", 3), ("a/b", "c d"), ("x" * 150, "y" * 150)])
def test_python_and_the_database_name_a_sensor_alike(values: tuple[object, ...]) -> None:
    found = TSQLConnection(TSQLEngine()).scalar(select(sensor_name_in_sql(map(literal, values))))
    # DuckDB, which carries out the statement, does not cut texts off.
    assert found[:SENSOR_LENGTH] == sensor_name(values)
    assert len(sensor_name(values)) <= SENSOR_LENGTH


def test_a_name_that_is_not_cut_off_has_no_length() -> None:
    assert "200" not in str(sensor_name_in_sql([literal("a"), literal(1.5, DOUBLE)], length=None))
