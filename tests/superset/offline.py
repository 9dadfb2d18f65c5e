"""What Superset would ask a database, without one: run by Superset's own Python, with a job from stdin.

The job: `datasets` as the assets have them, by uuid; `questions`, each a dataset's uuid and queries as the pages send them;
`types`, names of columns' types; `connect`, whether to try the connection. The answer: `sent`, for each question the statements
that reach the driver, made by Superset's own engine spec for the dialect; `types`, what Superset takes each for; `read`, what it
makes of values as ODBC gives them; `connected`, how a connection turned out, and the time limit of its statements.

The settings are those of superset_config.py, but for the metadata, which are an SQLite that is thrown away. Where the driver is
missing a stand-in tells the dialect what SQLAlchemy wants to know of it.
"""

# mypy: ignore-errors

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_DATETIMEOFFSET = -155
"""ODBC's SQL_SS_TIMESTAMPOFFSET."""
SETTINGS = Path(__file__).parents[2] / "superset" / "superset_config.py"


def _settings(folder: str) -> str:
    """A file that takes over superset_config.py."""
    return f"""
from importlib import util
spec = util.spec_from_file_location("etl_superset_config", {str(SETTINGS)!r})
module = util.module_from_spec(spec)
spec.loader.exec_module(module)
globals().update({{name: value for name, value in vars(module).items() if name.isupper()}})
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/metadata.db"
SQLALCHEMY_ENGINE_OPTIONS = {{}}
"""


def _without_driver(url: Any, options: dict[str, Any], *_: Any) -> tuple[Any, dict[str, Any]]:
    """Superset's hook for the engine of a database."""
    name = url.get_driver_name()
    try:
        import_module(name)
    except ImportError:
        cursor = SimpleNamespace(nextset=None)
        options["module"] = SimpleNamespace(
            __name__=name, paramstyle="qmark", version="5.0", Error=Exception, Cursor=cursor
        )
    return url, options


def _database() -> Any:
    """The assets' database, as an import and `manage.py` leave it."""
    from superset.models.core import Database

    from superset import db

    told = json.loads((Path(os.environ["ETL_HOME"]) / ".services" / "superset" / "connections.json").read_text("utf-8"))
    database = Database(database_name="etl", extra=json.dumps({"engine_params": told["engine_params"]}))
    database.set_sqlalchemy_uri(told["data"]["url"])
    db.session.add(database)
    return database


def _dataset(database: Any, file: dict[str, Any]) -> Any:
    from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn

    from superset import db

    table = SqlaTable(table_name=file["table_name"], schema=file["schema"], sql=file["sql"], database=database)
    table.main_dttm_col = file["main_dttm_col"]
    wanted = ("column_name", "type", "is_dttm", "expression", "groupby", "filterable", "python_date_format")
    table.columns = [TableColumn(**{name: column[name] for name in wanted}) for column in file["columns"]]
    table.metrics = [SqlMetric(metric_name=m["metric_name"], expression=m["expression"]) for m in file["metrics"]]
    db.session.add(table)
    db.session.flush()
    return table


def _sent(table: Any, queries: list[dict[str, Any]]) -> list[str]:
    from superset.common.query_context_factory import QueryContextFactory
    from superset.sql.parse import SQLScript

    context = QueryContextFactory().create(datasource={"id": table.id, "type": "table"}, queries=queries)
    texts = [table.get_query_str_extended(query.to_dict()).sql for query in context.queries]
    engine = table.database.db_engine_spec.engine
    # Superset parses every statement and writes it again.
    return ["\n".join(part.format() for part in SQLScript(text, engine).statements) for text in texts]


def _read(database: Any) -> dict[str, Any]:
    """What becomes of a datetimeoffset as ODBC hands it over (SQL_SS_TIMESTAMPOFFSET_STRUCT), of a decimal and of NULL."""
    from sqlalchemy.dialects.mssql.pyodbc import dialect
    from superset.utils import json as superset_json
    from superset.utils.core import extract_dataframe_dtypes

    converters: dict[int, Any] = {}
    dialect().on_connect()(SimpleNamespace(add_output_converter=converters.__setitem__))
    moment = converters[_DATETIMEOFFSET](struct.pack("<6hI2h", 2026, 1, 1, 9, 5, 0, 123_456_000, 0, 0))
    kinds = {"moment": datetime, "number": Decimal}
    frame = database.load_into_dataframe(
        [(name, kind, None, None, None, None, True) for name, kind in kinds.items()],
        [(moment, Decimal("1.50")), (None, None)],
    )
    rows = frame.to_dict(orient="records")
    told = json.loads(superset_json.dumps(rows, default=superset_json.json_int_dttm_ser, ignore_nan=True))
    return {"rows": told, "types": [kind.name for kind in extract_dataframe_dtypes(frame)]}


def _types(database: Any, names: list[str]) -> dict[str, str | None]:
    specs = {name: database.db_engine_spec.get_column_spec(name) for name in names}
    return {name: spec and spec.generic_type.name for name, spec in specs.items()}


def _connected(database: Any) -> dict[str, Any]:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    limits: list[Any] = []

    @event.listens_for(Engine, "connect")
    def look(connection: Any, _: Any) -> None:
        # The metadata's connections have none.
        if hasattr(connection, "timeout"):
            limits.append(connection.timeout)

    try:
        with database.get_raw_connection():
            error = None
    except Exception as raised:  # noqa: BLE001 - of whatever driver
        error = str(raised)
    return {"error": error, "statement_seconds": limits}


def _run(job: dict[str, Any]) -> dict[str, Any]:
    from superset.app import create_app

    app = create_app()
    app.config["DB_CONNECTION_MUTATOR"] = _without_driver
    with app.test_request_context():
        from flask_appbuilder import Model

        from superset import db

        Model.metadata.create_all(db.engine)
        database = _database()
        tables = {uuid: _dataset(database, file) for uuid, file in job["datasets"].items()}
        return {
            "sent": [_sent(tables[dataset], queries) for dataset, queries in job["questions"]],
            "types": _types(database, job["types"]),
            "read": _read(database),
            "connected": _connected(database) if job["connect"] else None,
        }


def main() -> None:
    """Do the job from stdin."""
    job = json.load(sys.stdin)
    # Superset prints what it likes; only the answer goes to stdout.
    answer = os.dup(1)
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "superset_config.py"
        settings.write_text(_settings(folder), "utf-8")
        os.environ |= {"SUPERSET_CONFIG_PATH": str(settings), "SUPERSET_HOME": folder}
        found = _run(job)
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(found, out)


if __name__ == "__main__":
    main()
