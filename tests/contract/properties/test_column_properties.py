"""What a contract can say about one column."""

from __future__ import annotations

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from etl.errors import ContractError
from tests.contract.draft.drafting import lines, questions, read_draft, text_of_draft

TIMES = [f"2025-06-15T00:{minute:02}:00Z" for minute in range(30)]
TEXT = text_of_draft(lines(time=TIMES, v=[f"{n}.5" for n in range(30)]), csv=CsvDialect())


def test_a_file_of_one_sensor_asks_for_its_name_and_has_a_key() -> None:
    (question,) = questions(TEXT)
    assert question.place == "schema[0].properties[2].customProperties.constant"
    assert "the name of the one sensor that all readings are of" in question.text
    found = read_draft(TEXT.replace("value: TODO", "value: attic"))
    assert (found.sensor, found.primary_key) == (("sensor_name",), ("sensor_name", "time"))
    assert found.column("sensor_name").constant == "attic"
    assert found.read_names == ("time", "v")


@pytest.mark.parametrize("value", ['""', "5", '" attic "', "[a]"])
def test_a_constant_is_a_text(value: str) -> None:
    with pytest.raises(ContractError, match="constant"):
        read_draft(TEXT.replace("value: TODO", f"value: {value}"))


def test_a_unit_may_have_a_superscript() -> None:
    records = lines(id=["a", "b"], time=TIMES[:2], v=["21.5 m³", "22.5 m³"])
    found = read_draft(text_of_draft(records, csv=CsvDialect())).column("v")
    assert found.number is not None
    assert found.number.suffix == "m³"
