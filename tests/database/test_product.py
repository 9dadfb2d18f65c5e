"""Nothing outside `etl.database` asks which product answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT

# Superset and the embedded server are PostgreSQL's own matter, and `etl.database` is where products differ.
_ELSEWHERE = ("database", "services")
CODE = [
    file
    for file in sorted((PROJECT_ROOT / "etl").rglob("*.py"))
    if not set(file.relative_to(PROJECT_ROOT / "etl").parts) & set(_ELSEWHERE)
]
_ASKS = re.compile(
    r"dialect\.name|get_backend_name|\bpsycopg\b|\bpyodbc\b|\bmssql_python\b|[=!]= \"(?:postgresql|mssql|sqlserver)\""
)


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.name)
def test_nothing_asks_which_product_answers(file: Path) -> None:
    assert _ASKS.findall(file.read_text("utf-8")) == []
