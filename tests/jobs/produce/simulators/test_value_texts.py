from __future__ import annotations

import pytest

from etl.contract.model import NumberFormat
from etl.jobs.produce.simulators.value_texts import Value, number_value


@pytest.mark.parametrize(
    ("value", "form", "written"),
    [
        (21.5, None, 21.5),
        (7, None, 7),
        (1022.123, NumberFormat(",", ".", "°C"), "1.022,123 °C"),
        (-1022123, NumberFormat(thousands="'"), "-1'022'123"),
        (0.5, NumberFormat(","), "0,5"),
        (1022, NumberFormat(suffix="W"), "1022 W"),
    ],
)
def test_a_number_is_written_as_the_contract_says(value: float, form: NumberFormat | None, written: Value) -> None:
    assert number_value(value, form) == written
