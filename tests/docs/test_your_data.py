"""docs/your-data.md: its examples are drafted as the page says; `tests/integration/test_your_data.py` runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl.contract.document import SUFFIX
from etl.contract.reader import read_contract
from tests.support.examples_page import EXAMPLES, Example, bash, draft_of, examples, make_clone

FROM_FILES = [example for example in examples() if "--from-topic" not in example.drafting]
UPDATE = bool(os.environ.get("ETL_TEST_UPDATE_GOLDEN"))


@pytest.mark.parametrize("example", FROM_FILES, ids=lambda example: example.folder.name)
def test_an_example_is_drafted_and_fits_its_sample(example: Example, tmp_path: Path) -> None:
    make_clone(tmp_path)
    final = draft_of(example, tmp_path, os.environ)
    if UPDATE:
        example.contract.write_text(final, "utf-8")
    assert final == example.contract.read_text("utf-8"), "draft and decisions do not give the contract of the example"
    for command in example.running.splitlines():
        if " feeds try " in command:
            assert "The contract fits the sample." in bash(command, tmp_path, os.environ)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.folder.name)
def test_the_contract_of_an_example_can_be_used(example: Example) -> None:
    contract = read_contract(example.contract)
    assert f" FROM {contract.table} " in example.query
    assert len(example.rows) > 1, "the page has no rows of it"


def test_every_example_is_on_the_page() -> None:
    assert {example.folder for example in examples()} == {file.parent for file in EXAMPLES.glob(f"*/*{SUFFIX}")}
