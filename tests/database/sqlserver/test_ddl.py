"""What administrators of SQL Server count on: scripts for any client, rows found by indexes, triggers, collations, counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlglot import exp
from structlog.testing import capture_logs

from etl.audit.job import job_run
from etl.audit.states import Job
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, load_contract, load_contracts
from etl.database import PRODUCTS, Product, insert_row
from etl.database.schema.audit_tables import SHARED, etl_source, metadata
from etl.database.schema.ddl import script
from etl.database.schema.migrations import require_current
from etl.database.schema.views import common_views
from etl.database.sqlserver.checks import SNAPSHOT
from etl.database.sqlserver.product import SQLServer, prepare_dialect
from etl.errors import ConfigurationError
from etl.settings import PROJECT_ROOT, Settings
from tests.support.golden import FOLDER
from tests.support.tsql import TSQLConnection, TSQLEngine, parse

DDL = PROJECT_ROOT / "sql" / "ddl" / "sqlserver.sql"
VIEWS = sorted((PROJECT_ROOT / "sql" / "views" / "sqlserver").glob("*.sql"))
OWN = [DDL, *VIEWS, *(file for file in sorted((FOLDER / "sqlserver").glob("*.sql")) if file.stem != "dashboards")]
"""All but what Superset sends."""
COLLATION = "Latin1_General_100_BIN2"


def batches(file: Path) -> list[str]:
    return [batch.strip() for batch in file.read_text("utf-8").split("\nGO\n") if batch.strip()]


# --- the script ------------------------------------------------------------------------------------------------------


def test_the_script_sets_what_filtered_indexes_need_before_it_makes_anything() -> None:
    """QUOTED_IDENTIFIER takes effect when a batch is parsed, so it is set in a separate one."""
    first, *others = batches(DDL)
    wanted = [
        "ANSI_NULLS",
        "ANSI_PADDING",
        "ANSI_WARNINGS",
        "ARITHABORT",
        "CONCAT_NULL_YIELDS_NULL",
        "QUOTED_IDENTIFIER",
    ]
    assert first.splitlines() == [*(f"SET {name} ON;" for name in wanted), "SET NUMERIC_ROUNDABORT OFF;"]
    assert any(" WHERE " in batch for batch in others if batch.startswith("CREATE INDEX"))


def test_the_script_makes_nothing_where_tables_would_come_into_another_schema() -> None:
    found = batches(DDL)
    made = next(place for place, batch in enumerate(found) if batch.startswith("CREATE "))
    (check,) = (batch for batch in found[:made] if batch.startswith("IF SCHEMA_NAME() <> 'dbo'"))
    assert "RAISERROR(" in check
    assert "SET NOEXEC ON;" in check
    assert found[-1] == "SET NOEXEC OFF"


def test_the_script_says_where_sessions_would_wait_for_each_other() -> None:
    assert any("is_read_committed_snapshot_on = 0" in batch and "PRINT" in batch for batch in batches(DDL))


def test_a_script_for_postgresql_holds_nothing_of_it(settings: Settings) -> None:
    text = script(PRODUCTS[0], load_contracts(settings).values())
    assert text.startswith("CREATE TABLE ")
    assert "LOCK_ESCALATION" not in text


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_user_with_another_default_schema_is_refused(engine: TSQLEngine) -> None:
    """Its tables would be made there, beside those that others use."""
    connection: Any = TSQLConnection(engine)
    engine.dialect.default_schema_name = "sales"
    with pytest.raises(ConfigurationError, match="default schema is sales") as raised:
        require_current(connection)
    assert "DEFAULT_SCHEMA = dbo" in str(raised.value.remedy)


@pytest.mark.parametrize(("is_on", "warned"), [(1, False), (0, True), (None, False)])
def test_a_job_says_where_it_will_wait_for_others(
    is_on: int | None, warned: bool, engine: TSQLEngine, home: Settings, contract: Contract
) -> None:
    """What only resembles SQL Server may answer NULL."""
    engine.answers[SNAPSHOT] = is_on
    with capture_logs() as said, job_run(home, contract, Job.MERGE, "c-1", {}):
        pass
    warnings = [entry["event"] for entry in said if entry["log_level"] == "warning"]
    assert any("READ_COMMITTED_SNAPSHOT is off" in warning for warning in warnings) == warned


class Driver:
    """A driver like pyodbc of a server in which a trigger reports its own rows before the key is returned."""

    paramstyle = "qmark"
    version = "5.0.0"
    Error = Exception
    SQL_WVARCHAR = -9
    said: list[str]

    class Cursor:
        rowcount = 1
        description: list[tuple[Any, ...]] | None

        def __init__(self, said: list[str]) -> None:
            self.said = said
            self.results: list[list[tuple[Any, ...]] | None] = []

        def execute(self, statement: str, _: object = ()) -> None:
            self.said.append(statement)
            self.results = [None, None, [(42,)]]
            self.description = None

        def nextset(self) -> bool:
            self.results.pop(0)
            self.description = [("", None, None, None, None, None, None)] if self.results[0] else None
            return True

        def fetchall(self) -> list[tuple[Any, ...]]:
            return self.results[0] or []

        def setinputsizes(self, _: object) -> None: ...

        def close(self) -> None: ...

    def __init__(self) -> None:
        self.said = []

    def connect(self, *_: object, **__: object) -> Driver:
        return self

    def cursor(self) -> Driver.Cursor:
        return self.Cursor(self.said)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def test_the_key_of_a_new_row_is_returned_where_triggers_are_on_its_table() -> None:
    """OUTPUT without INTO fails there (error 334), and @@IDENTITY would be that of a trigger's own row."""
    driver = Driver()
    engine = create_engine("mssql+pyodbc://u:p@h/d?driver=x", module=driver, _initialize=False)
    prepare_dialect(engine.dialect)
    values = {"feed": "f", "name": "n", "identity": "i", "first_seen": datetime.now(UTC)}
    with engine.begin() as connection:
        assert insert_row(connection, etl_source, values) == 42
    assert driver.said[-1].startswith("INSERT INTO etl_source ")
    assert driver.said[-1].endswith("; select scope_identity()")


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_no_statement_fails_because_of_a_trigger(file: Path) -> None:
    assert not re.search(r"\bOUTPUT\b", file.read_text("utf-8"))


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("etl_file", ["log_id"]),
        ("etl_rejected_row", ["log_id"]),
        ("etl_rejected_row", ["replayed_by"]),
        ("etl_rejected_row", ["status", "reason"]),
        ("etl_rejected_row", ["feed", "status", "reason"]),
        ("etl_anomaly", ["log_id"]),
        ("etl_quality", ["log_id"]),
        ("etl_quality_score", ["log_id"]),
        ("etl_set_aside", ["log_id"]),
    ],
)
def test_rows_of_a_load_are_found_without_those_of_other_feeds(table: str, columns: list[str]) -> None:
    found = metadata.tables[table]
    indexes = [list(index.columns.keys()) for index in found.indexes if index.dialect_kwargs.get("mssql_where") is None]
    keys = [*indexes, list(found.primary_key.columns.keys())]
    assert any(key[: len(columns)] == columns for key in keys)


def test_no_change_locks_a_table_that_feeds_share() -> None:
    kept = re.findall(r"ALTER TABLE (\w+) SET \(LOCK_ESCALATION = DISABLE\)", DDL.read_text("utf-8"))
    assert kept == sorted(SHARED)
    assert "etl_rejected_row" in SHARED


def _migrated(product: Product, number: str) -> str:
    """The statements of one migration."""
    (file,) = (PROJECT_ROOT / "sql" / "migrations" / "versions").glob(f"{number}_*.py")
    module = import_module(f"sql.migrations.versions.{file.stem}")
    written = StringIO()
    told = {"as_sql": True, "output_buffer": written, "literal_binds": True}
    with Operations.context(MigrationContext.configure(dialect=product.offline(), opts=told)):
        module.upgrade()
    return written.getvalue()


def test_a_database_that_is_there_gets_the_same() -> None:
    said = _migrated(SQLServer(), "0009")
    for batch in said.split("GO\n"):
        assert parse(batch) or not batch.strip()
    for statement in (batch for batch in batches(DDL) if "LOCK_ESCALATION" in batch):
        assert statement in said
    for name in ("ix_etl_file_log_id", "ix_etl_rejected_row_replayed_by", "ix_etl_rejected_row_status"):
        (made,) = (batch for batch in batches(DDL) if batch.startswith(f"CREATE INDEX {name} "))
        assert made in said
    assert "ON etl_log (feed, log_id) WHERE by_hand = 1" in said
    assert "DROP VIEW IF EXISTS v_etl_cycles" in said


def test_views_that_have_not_changed_keep_their_rights() -> None:
    assert "DROP VIEW" not in _migrated(PRODUCTS[0], "0009")


# --- views and counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [DDL, *VIEWS], ids=lambda file: file.name)
def test_texts_of_views_compare_with_those_of_tables(file: Path) -> None:
    """A text that comes from no table has the database's collation: joined with one of our columns it is error 468."""
    for batch in batches(file):
        if "CREATE VIEW" in batch:
            (view,) = parse(batch)
            assert list(_without_collation(view)) == []


def _without_collation(view: exp.Expr) -> Iterator[str]:
    for query in view.find_all(exp.Select):
        union = query.parent if isinstance(query.parent, exp.SetOperation) else None
        for place, column in enumerate(query.expressions):
            beside = union.expression.find(exp.Select) if union and union.this is query else None
            beside = union.this.find(exp.Select) if union and union.expression is query else beside
            others = [beside.expressions[place]] if beside else []
            if _is_made_up(column) and all(_is_made_up(other) for other in others):
                yield column.sql("tsql")


def _is_made_up(column: exp.Expr) -> bool:
    """Whether an expression is a text that has its collation from no column, and from no COLLATE."""
    found = column.unalias()
    while isinstance(found, exp.Cast | exp.Paren):
        found = found.this
    if isinstance(found, exp.Case):
        return all(_is_made_up(branch.args["true"]) for branch in found.args["ifs"])
    if isinstance(found, exp.Column):
        query = found.parent_select
        return not found.table and query is not None and query.find(exp.Values) is not None
    return isinstance(found, exp.JSONExtractScalar | exp.JSONExtract) or (
        isinstance(found, exp.Literal) and found.is_string
    )


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_counts_do_not_end_at_two_thousand_million(file: Path) -> None:
    assert not re.search(r"\bCOUNT\s*\(", file.read_text("utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("database", PRODUCTS, ids=lambda product: product.name)
def test_the_newest_readings_are_looked_for_once_whatever_they_measure(database: Product, settings: Settings) -> None:
    contract = load_contract("environment_telemetry", settings)
    assert contract.windows is not None
    assert len(contract.windows.measures) > 1
    latest = dict(common_views([EvolvedContract.of(contract)]))["v_etl_latest"]
    text = str(latest.compile(dialect=database.offline(), compile_kwargs={"literal_binds": True}))
    assert len(re.findall(f"FROM {contract.table}\\b", text)) == 2
    assert text.count("max(") == 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TSQLEngine:
    found = TSQLEngine()
    monkeypatch.setattr(SQLServer, "make_engine", lambda *_: found)
    connection = TSQLConnection(found)
    for statement in batches(DDL):
        if statement.startswith(("CREATE TABLE etl_", "CREATE TABLE alembic", "INSERT")):
            connection.carry_out(statement, [])
    return found


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url="mssql+pyodbc://etl:secret@nowhere/etl")
