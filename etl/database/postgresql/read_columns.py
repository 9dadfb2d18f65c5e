"""Many numbers read from PostgreSQL: each column as one array, in the server's binary format.

COPY returns row by row, for which Python needs a multiple of the server's own time. An array is one value, and NumPy reads it
in place. Format: `array_send` of the server's src/backend/utils/adt/arrayfuncs.c, and the `…send` of each element type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, literal_column, select

from etl.database.postgresql.connection import driver_of
from etl.errors import PermanentError

_HEADER = np.dtype([("dimensions", ">i4"), ("has_null", ">i4"), ("kind", ">i4"), ("length", ">i4"), ("first", ">i4")])
# Types by their OID, see src/include/catalog/pg_type.dat.
_ELEMENTS = {16: "u1", 20: ">i8", 21: ">i2", 23: ">i4", 701: ">f8", 1184: ">i8"}
_MICROS_TO_2000 = 946_684_800_000_000
"""From 1970, where Arrow's time begins, to PostgreSQL's."""


def read_columns(connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
    """The result of a query, see `Product.read`."""
    rows = query.subquery("rows")
    arrays = [
        func.array_agg(func.coalesce(column, literal_column("'NaN'")) if pa.types.is_floating(field.type) else column)
        for column, field in zip(rows.c, schema, strict=True)
    ]
    statement = select(*arrays).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    with driver_of(connection).cursor(binary=True) as cursor:
        cursor.execute(str(statement).encode())
        return _arrow_table(cursor, schema)


def _arrow_table(cursor: psycopg.Cursor[Any], schema: pa.Schema) -> pa.Table:
    result = cursor.pgresult
    values = [result.get_value(0, place) if result else None for place in range(len(schema))]
    if any(value is None for value in values):
        return schema.empty_table()
    columns = [_arrow_column(value, field) for value, field in zip(values, schema, strict=True) if value is not None]
    return pa.Table.from_arrays(columns, schema=schema)


def _arrow_column(value: bytes, field: pa.Field) -> pa.Array:
    header = np.frombuffer(value, _HEADER, 1)[0]
    element = _ELEMENTS.get(int(header["kind"]))
    if header["has_null"] or element is None:
        problem = "holds NULL" if element else f"is of a type (OID {header['kind']}) that is no number"
        raise PermanentError(
            f"Column {field.name!r} of a result {problem}.",
            remedy="Nothing was committed. This is a defect: report it with the feed's contract.",
        )
    elements = np.frombuffer(value, [("bytes", ">i4"), ("value", element)], offset=_HEADER.itemsize)["value"]
    return _as_arrow(elements, field.type)


def _as_arrow(elements: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        numbers = elements.astype(np.float64)
        return pa.array(numbers, mask=np.isnan(numbers))
    if pa.types.is_timestamp(kind):
        return pa.array(elements.astype(np.int64) + _MICROS_TO_2000).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(elements.astype(bool))
    return pa.array(elements.astype(np.int64))
