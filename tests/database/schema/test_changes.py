"""The statements for contracts that were edited, on SQL Server."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.contract.model import EvolvedContract
from etl.contract.reader import parse_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database.schema.comparison.compare import require_possible
from etl.errors import ContractError
from etl.jobs.load.tables import ensure_feed
from etl.settings import Settings
from tests.support.edits import DOCUMENT, READING, column
from tests.support.golden import as_script, require_golden
from tests.support.tsql import TSQLConnection, TSQLEngine, parse
from tests.support.tsqlfeed import Feed


class Recorder(TSQLConnection):
    """Asks the database, and changes nothing in it: DuckDB alters no column of which there is an index."""

    def carry_out(self, tsql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        if "sys.sql_expression_dependencies" in tsql:
            assert parse(tsql)
            upon = [
                ("v_tanks", "tanks"),
                ("v_tanks_latest", "tanks_1h"),
                ("v_etl_windows", "tanks_5m"),
                ("mine", "v_tanks"),
            ]
            return ["name", "relation", "definition"], [(name, relation, _DEFINITION) for name, relation in upon]
        if tsql.startswith("SELECT") and "INTO [#" not in tsql:
            return super().carry_out(tsql, parameters)
        assert tsql.startswith("EXEC sp_refreshview ") or parse(tsql), tsql
        return [], []


_DEFINITION = "CREATE VIEW any AS\nSELECT CAST('other' AS NVARCHAR(64)) AS feed"
_EDITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "a required column added": lambda d, c: d["schema"][0]["properties"].append(
        column("volt", "number", required=True)
    ),
    "a required column made optional": lambda d, c: c["rssi"].pop("required"),
    "a required column removed": lambda d, c: d["schema"][0]["properties"].remove(c["rssi"]),
    "i16 to number": lambda d, c: c["pulses"].update(logicalType="number", logicalTypeOptions={}),
    "i32 to i64": lambda d, c: c["rssi"].update(logicalTypeOptions={}),
    "a longer text": lambda d, c: c["note"].update(logicalTypeOptions={"maxLength": 40}),
    "a longer text of the key": lambda d, c: c["device"].update(logicalTypeOptions={"maxLength": 40}),
    "another sensor": lambda d, c: d["customProperties"].append({"property": "sensor", "value": "site"}),
    "other windows": lambda d, c: d["customProperties"][1]["value"].update(
        sizes=["5m", "1d"], measures=["level", "rssi"]
    ),
}


def test_the_statements_of_edited_contracts_are_as_committed(
    engine: TSQLEngine, home: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "tanks.odcs.yaml"
    contract = replace(parse_contract(yaml.safe_dump(DOCUMENT), file), source=KafkaTopic("tanks"))
    Feed(engine, home, contract).load([READING])
    tables, views, script_ = engine.tables, engine.views, []
    for edit, change in _EDITS.items():
        edited = copy.deepcopy(DOCUMENT)
        change(edited, {item["name"]: item for item in edited["schema"][0]["properties"]})
        engine.forget()
        engine.tables, engine.views = dict(tables), dict(views)
        contract = replace(parse_contract(yaml.safe_dump(edited), file), source=KafkaTopic("tanks"))
        ensure_feed(Recorder(engine), EvolvedContract.of(contract))  # type: ignore[arg-type]
        # Views are the same in other files.
        changes = [text for text in engine.recorded() if not text.startswith(("SELECT", "CREATE VIEW"))]
        script_ += [f"-- {edit}\n{changes[0]}", *changes[1:]]
    require_golden("sqlserver/edits.sql", as_script(script_))


def test_what_is_refused_on_sql_server_is_reported_with_the_statements(
    engine: TSQLEngine, home: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "tanks.odcs.yaml"
    contract = replace(parse_contract(yaml.safe_dump(DOCUMENT), file), source=KafkaTopic("tanks"))
    Feed(engine, home, contract).load([READING])
    connection = TSQLConnection(engine)
    other_key = replace(contract, primary_key=("device", "time", "pulses"))
    narrower = replace(contract, columns=tuple(replace(c, bits=16, type="integer") for c in contract.columns[3:4]))
    narrower = replace(contract, columns=(*contract.columns[:3], *narrower.columns, *contract.columns[4:]))
    for wrong, said in (
        (other_key, "ALTER TABLE tanks ADD CONSTRAINT uq_tanks UNIQUE (device, time, pulses);"),
        (narrower, "column 'level' of table 'tanks' is FLOAT(53); the contract says SMALLINT."),
    ):
        with pytest.raises(ContractError) as raised:
            require_possible(connection, EvolvedContract.of(wrong))  # type: ignore[arg-type]
        assert said in str(raised.value)
