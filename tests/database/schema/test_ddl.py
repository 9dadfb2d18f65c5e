"""The scripts for database administrators."""

from __future__ import annotations

import pytest

from etl.contract.reader import load_contracts
from etl.database.schema.ddl import script
from etl.jobs.load.derived import registry
from etl.settings import PROJECT_ROOT, Settings


@pytest.mark.parametrize("name", ["postgresql", "sqlserver"])
def test_the_scripts_for_administrators_are_those_of_today(name: str, settings: Settings) -> None:
    from etl.database import product_named

    committed = (PROJECT_ROOT / "sql" / "ddl" / f"{name}.sql").read_text("utf-8")
    written = script(product_named(name), load_contracts(settings).values(), registry.tables)
    assert written == committed, "make them again: make ddl"
