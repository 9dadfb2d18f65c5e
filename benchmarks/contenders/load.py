"""Load an archive of clean rows into an existing table; prints seconds and rows as JSON.

`python load.py copy|adbc|to_sql|dlt-arrow FILE TABLE`, the database's URL in DATABASE_URL. FILE is an archive as 3_merge
writes it; for `copy` it holds the table's own columns, without a header.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

URL = os.environ["DATABASE_URL"]
COLUMNS = ["sensor_id", "temperature", "humidity", "timestamp"]


def arrow(file):
    import pyarrow as pa
    from pyarrow import csv

    types = {"sensor_id": pa.int32(), "temperature": pa.float64(), "humidity": pa.float64()}
    options = csv.ConvertOptions(
        include_columns=COLUMNS, column_types={**types, "timestamp": pa.timestamp("us")}, strings_can_be_null=True
    )
    table = csv.read_csv(file, convert_options=options)
    return table.set_column(3, "timestamp", table["timestamp"].cast(pa.timestamp("us", "UTC")))


def copy(file, table):
    import psycopg2

    with psycopg2.connect(URL) as connection, connection.cursor() as cursor, Path(file).open("rb") as source:
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", source, 1 << 18)
        return cursor.rowcount


def adbc(file, table):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(URL) as connection, connection.cursor() as cursor:
        rows = cursor.adbc_ingest(table, arrow(file), mode="append")
        connection.commit()
        return rows


def to_sql(file, table):
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(URL.replace("postgresql://", "postgresql+psycopg2://"))
    frame = pd.read_csv(file, usecols=COLUMNS, parse_dates=["timestamp"])
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC")
    frame.to_sql(table, engine, if_exists="append", index=False, chunksize=10_000)
    return len(frame)


def dlt_arrow(file, table):
    import dlt

    pipeline = dlt.pipeline("load", destination=dlt.destinations.postgres(URL), dataset_name="public")
    rows = arrow(file)
    pipeline.run(dlt.resource([rows], name=table, write_disposition="append"))
    return rows.num_rows


TOOLS = {"copy": copy, "adbc": adbc, "to_sql": to_sql, "dlt-arrow": dlt_arrow}
MODULES = {
    "copy": ["psycopg2"],
    "adbc": ["adbc_driver_postgresql.dbapi", "pyarrow.csv"],
    "to_sql": ["pandas", "sqlalchemy.dialects.postgresql.psycopg2"],
    "dlt-arrow": ["dlt.destinations.impl.postgres.postgres", "dlt.normalize", "dlt.load", "pyarrow.csv"],
}
"""Modules that take long to import; the import is not timed."""

if __name__ == "__main__":
    tool, file, table = sys.argv[1:]
    for module in MODULES[tool]:
        import_module(module)
    began = time.perf_counter()
    rows = TOOLS[tool](file, table)
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": rows}))
