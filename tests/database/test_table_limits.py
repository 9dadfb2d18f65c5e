"""A table that a product cannot hold is refused with the limit, and with what to change in the contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.contract.model import Column, Contract, EvolvedContract
from etl.database import product_named
from etl.database.schema.feed_table import feed_table, require_fits
from etl.errors import ContractError


def wide(contract: Contract, measures: int, kind: Column) -> EvolvedContract:
    more = tuple(replace(kind, name=f"m{number:04d}") for number in range(measures))
    return EvolvedContract.of(replace(contract, columns=(*contract.columns, *more)))


def refused(server: str, contract: EvolvedContract) -> ContractError:
    with pytest.raises(ContractError) as caught:
        require_fits(product_named(server), contract, [feed_table(contract)])
    return caught.value


@pytest.mark.parametrize(("server", "limit"), [("postgresql", 1_600), ("sqlserver", 1_024)])
def test_1700_measures_are_refused_with_the_limit_and_a_remedy(contract: Contract, server: str, limit: int) -> None:
    error = refused(server, wide(contract, 1_700, Column("m", "double")))
    assert error.cause.endswith(f"table sensor_data: 1,710 columns; {limit:,} are possible.")
    assert "`explode`" in error.remedy


@pytest.mark.parametrize("server", ["postgresql", "sqlserver"])
def test_the_view_of_readings_must_fit_too(contract: Contract, server: str) -> None:
    most = product_named(server).most_columns
    table = len(feed_table(EvolvedContract.of(contract)).columns)
    short = Column("m", "boolean")
    fitting = wide(contract, most - table - 3, short)
    require_fits(product_named(server), fitting, [feed_table(fitting)])
    error = refused(server, wide(contract, most - table - 2, short))
    assert error.cause.endswith(f"view v_sensor_data: {most + 1:,} columns; {most:,} are possible.")


def test_rows_that_fill_no_page_are_refused_with_smaller_types_as_a_remedy(contract: Contract) -> None:
    error = refused("postgresql", wide(contract, 1_500, Column("m", "double")))
    assert "a row with all its values takes at least 12," in error.cause
    assert "i16 or i32" in error.remedy
    fitting = wide(contract, 1_500, Column("m", "integer", bits=32))
    require_fits(product_named("postgresql"), fitting, [feed_table(fitting)])


def test_names_that_are_too_long_have_a_remedy_of_their_own(contract: Contract) -> None:
    assert refused("postgresql", EvolvedContract.of(replace(contract, table="t" * 64))).remedy == "Use shorter names."
