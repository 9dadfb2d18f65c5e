"""What SQL Server cannot hold is refused with a clear error, and what is not refused keeps all limits."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.schema import CreateTable

from etl.contract.model import EventTime, EvolvedContract, Windows
from etl.contract.reader import Column, Contract, load_contracts
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database import in_batches, product_named
from etl.database.schema.ddl import script
from etl.database.schema.feed_table import feed_table, require_fits
from etl.database.schema.tables.all_tables import metadata
from etl.database.schema.windows import window_tables
from etl.database.sqlserver.limits import CLUSTERED_KEY_BYTES, COLUMNS, KEY_BYTES, PARAMETERS, ROW_BYTES
from etl.database.sqlserver.product import offline_dialect
from etl.errors import ContractError
from etl.jobs.load.derived import registry
from etl.settings import Settings

SQL_SERVER = product_named("sqlserver")
_BYTES = {"INTEGER": 4, "BIGINT": 8, "SMALLINT": 2, "FLOAT(53)": 8, "BIT": 1, "DATETIMEOFFSET(6)": 10}


def tables(contract: Contract) -> list[Any]:
    return [feed_table(EvolvedContract.of(contract)), *window_tables(contract)]


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    lengths = st.one_of(st.none(), st.integers(1, 1200), st.sampled_from([4000, 4001, 8000]))
    texts = draw(st.lists(lengths, min_size=1, max_size=8))
    more = draw(st.sampled_from([0, 0, 0, 300, 400, 1020]))
    columns = [Column("at", "timestamp", required=True), Column("value", "double")]
    columns += [
        Column(f"t{place}", "text", required=place < 3, max_length=length) for place, length in enumerate(texts)
    ]
    columns += [Column(f"m{place}", draw(st.sampled_from(["text", "double"]))) for place in range(more)]
    key = tuple(f"t{place}" for place in range(draw(st.integers(1, min(3, len(texts))))))
    return Contract(
        feed="generated",
        source=KafkaTopic("generated"),
        table="generated",
        columns=tuple(columns),
        primary_key=(*key, "at"),
        event_time=EventTime("at"),
        sensor=key,
        windows=Windows((("5m", 300),), key, ("value",)),
    )


def declared(ddl: str) -> dict[str, int | None]:
    """Bytes of each column, read from the statement itself; None: without a bound."""
    found: dict[str, int | None] = {}
    for line in ddl.splitlines():
        if match := re.match(r"\s*(\w+) (NVARCHAR\((\w+)\)|[A-Z]+(?:\(\d+\))?)", line):
            name, kind, length = match.groups()
            found[name] = None if length == "max" else 2 * int(length) if length else _BYTES.get(kind)
    return found


@hypothesis_settings(max_examples=100, deadline=None)
@given(contracts())
def test_a_contract_is_refused_exactly_where_it_breaks_a_limit(contract: Contract) -> None:
    broken = False
    for table in tables(contract):
        ddl = str(CreateTable(table).compile(dialect=offline_dialect()))
        sizes = declared(ddl)
        keys = [
            (re.search(r"UNIQUE \((.*)\)", ddl), KEY_BYTES),
            (re.search(r"PRIMARY KEY \((.*)\)", ddl), CLUSTERED_KEY_BYTES),
        ]
        indexes = [([column.name for column in index.columns], KEY_BYTES) for index in table.indexes]
        indexes += [(found[1].split(", "), most) for found, most in keys if found]
        for names, most in indexes:
            bytes_of_key = [sizes[name] for name in names]
            broken |= None in bytes_of_key or sum(size or 0 for size in bytes_of_key) > most
        broken |= len(sizes) > COLUMNS
        # A fixed column keeps its place, a text at least a pointer of 24 bytes; 2 more of its offset.
        fixed = sum(
            _BYTES[kind] for kind in re.findall(r"^\s*\w+ (INTEGER|BIGINT|FLOAT\(53\)|DATETIMEOFFSET\(6\)) ", ddl, re.M)
        )
        moved = sum(
            min(24, size or 24) + 2 for size in (sizes[n] for n in re.findall(r"^\s*(\w+) NVARCHAR", ddl, re.M))
        )
        broken |= 9 + (len(sizes) + 7) // 8 + fixed + moved > ROW_BYTES
    if broken:
        with pytest.raises(ContractError, match="SQL Server cannot hold table"):
            require_fits(SQL_SERVER, contract, tables(contract))
    else:
        require_fits(SQL_SERVER, contract, tables(contract))
    require_fits(product_named("postgresql"), contract, tables(contract))


def test_an_error_names_contract_table_key_and_remedy(contract: Contract) -> None:
    columns = tuple(replace(c, type="text", max_length=900) if c.name == "sensor_id" else c for c in contract.columns)
    with pytest.raises(ContractError) as caught:
        require_fits(SQL_SERVER, replace(contract, columns=columns), tables(replace(contract, columns=columns)))
    assert caught.value.cause == (
        "sensor_readings.odcs.yaml: SQL Server cannot hold table sensor_data: the key uq_sensor_data (sensor_id, timestamp)"
        " takes 1,810 bytes, two for each character; 1,700 are possible."
    )
    assert "smaller" in caught.value.remedy
    with pytest.raises(ContractError):
        script(SQL_SERVER, [replace(contract, columns=columns)], registry.tables)


def test_the_packaged_feeds_and_the_audit_tables_keep_all_limits(settings: Settings) -> None:
    for contract in load_contracts(settings).values():
        require_fits(SQL_SERVER, contract, tables(contract))
    assert [limit for table in metadata.sorted_tables for limit in SQL_SERVER.broken_limits(table)] == []


def test_long_lists_are_bound_in_parts() -> None:
    assert [len(part) for part in in_batches(range(2500))] == [1000, 1000, 500]
    assert PARAMETERS > 1000 + 50
