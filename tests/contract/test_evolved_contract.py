"""Declared contracts and those of a table: told apart by type, and the second made from the first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.contract.model import Column, Contract, EvolvedContract
from etl.database.schema.feed_table import feed_table

NOTE = Column("note", "integer", added=True)


def test_added_columns_come_last_and_take_the_place_of_those_added_before(contract: Contract) -> None:
    once = EvolvedContract.of(contract, [NOTE])
    assert once.column_names == (*contract.column_names, "note")
    assert once.file_columns[: len(once.columns)] == once.column_names
    wider = EvolvedContract.of(once, [replace(NOTE, type="double")])
    assert (wider.column_names, wider.column("note").type) == (once.column_names, "double")
    assert EvolvedContract.of(once).columns == contract.columns


def test_what_is_changed_in_an_evolved_contract_leaves_it_one(contract: Contract) -> None:
    changed: EvolvedContract = replace(EvolvedContract.of(contract, [NOTE]), on_conflict="keepLast")
    assert isinstance(changed, EvolvedContract)
    assert "note" in feed_table(changed).columns


def test_a_declared_contract_names_no_file_columns_and_makes_no_table(contract: Contract) -> None:
    """mypy refuses both; where it no longer did, it would call these comments unused."""
    with pytest.raises(AttributeError):
        contract.file_columns  # type: ignore[attr-defined]  # noqa: B018
    feed_table(contract)  # type: ignore[arg-type]
