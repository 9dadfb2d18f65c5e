"""What `doctor` and the jobs say about a database of SQL Server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from etl.audit.job import job_run
from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.database.schema.migrations import require_current
from etl.database.sqlserver.checks import ABOUT, SNAPSHOT, findings
from etl.errors import ConfigurationError
from etl.settings import Settings
from tests.support.tsql import TSQLConnection, TSQLEngine


class Answers:
    """A connection that knows two answers."""

    def __init__(self, about: tuple[Any, ...], granted: int | None) -> None:
        self.about = about
        self.granted = granted

    def exec_driver_sql(self, statement: str) -> Any:
        if statement == ABOUT:
            return _Rows([self.about])
        names = re.findall(r"\('(\w+)', '(\w+)'\)", statement)
        return _Rows([(*name, 1 if name != ("etl_log", "UPDATE") else self.granted) for name in names])


class _Rows(list[Any]):
    def one(self) -> Any:
        (found,) = self
        return found


@pytest.mark.parametrize(
    ("about", "granted", "told"),
    [
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), 1, []),
        (("12.0.2000.8", 5, 160, True, 0, "dbo"), 1, []),
        (("12.0.6433.1", 3, 120, True, 0, "dbo"), 1, ["SQL Server 12.0.6433.1 is too old", "compatibility level 120"]),
        (("16.0.4135.4", 3, 160, False, 0, "dbo"), 1, ["READ_COMMITTED_SNAPSHOT is off"]),
        (("16.0.4135.4", 3, 160, None, 0, None), 1, []),
        (("16.0.4135.4", 3, 160, True, 0, "sales"), 1, ["default schema is sales"]),
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), 0, ["lacks the right to UPDATE on etl_log"]),
        (("16.0.4135.4", 3, 160, True, 0, "dbo"), None, ["audit tables are not there"]),
        (("16.0.4135.4", 3, 160, True, 1, "dbo"), None, []),
    ],
)
def test_the_doctor_says_what_a_database_lacks(about: tuple[Any, ...], granted: int | None, told: list[str]) -> None:
    found = findings(Answers(about, granted))  # type: ignore[arg-type]
    assert len(found) == len(told)
    for (what, remedy), expected in zip(found, told, strict=True):
        assert expected in what
        assert remedy


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
