"""docs/your-data.md: the contracts of its examples; `tests/integration/test_your_data.py` drafts and runs them."""

from __future__ import annotations

import pytest

from etl.contract.document import SUFFIX
from etl.contract.reader import read_contract
from tests.support.examples_page import EXAMPLES, Example, examples


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.folder.name)
def test_the_contract_of_an_example_can_be_used(example: Example) -> None:
    contract = read_contract(example.contract)
    assert f" FROM {contract.table} " in example.query
    assert len(example.rows) > 1, "the page has no rows of it"


def test_every_example_is_on_the_page() -> None:
    assert {example.folder for example in examples()} == {file.parent for file in EXAMPLES.glob(f"*/*{SUFFIX}")}
