"""SQL Server's script for administrators, and what its files of statements must not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlglot import exp

from etl.contract.reader import load_contracts
from etl.database import PRODUCTS, Product
from etl.database.schema.ddl import script
from etl.database.schema.tables.audit_tables import SHARED
from etl.database.sqlserver.product import SQLServer
from etl.jobs.load.derived import registry
from etl.settings import PROJECT_ROOT, Settings
from tests.support.golden import FOLDER
from tests.support.tsql import parse

DDL = PROJECT_ROOT / "sql" / "ddl" / "sqlserver.sql"
VIEWS = sorted((PROJECT_ROOT / "sql" / "views" / "sqlserver").glob("*.sql"))
OWN = [DDL, *VIEWS, *(file for file in sorted((FOLDER / "sqlserver").glob("*.sql")) if file.stem != "dashboards")]
"""All but what Superset sends."""


def batches(file: Path) -> list[str]:
    return [batch.strip() for batch in file.read_text("utf-8").split("\nGO\n") if batch.strip()]


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
    text = script(PRODUCTS[0], load_contracts(settings).values(), registry.tables)
    assert text.startswith("CREATE TABLE ")
    assert "LOCK_ESCALATION" not in text


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_no_statement_fails_because_of_a_trigger(file: Path) -> None:
    assert not re.search(r"\bOUTPUT\b", file.read_text("utf-8"))


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
        if isinstance(found, exp.Cast) and not found.to.is_type(*exp.DataType.TEXT_TYPES):
            return False
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
