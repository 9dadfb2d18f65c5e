"""What a contract can say about one column."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import Column, NumberFormat
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


def with_number(csv: dict[str, str], **properties: str) -> Column:
    """A column of numbers with these custom properties, in files of this dialect."""
    document = yaml.safe_load(TEXT.replace("value: TODO", "value: attic"))
    document["servers"][0]["customProperties"] = [{"property": "csv", "value": csv}]
    (column,) = (item for item in document["schema"][0]["properties"] if item["name"] == "v")
    column["customProperties"] = [{"property": name, "value": value} for name, value in properties.items()]
    return read_draft(yaml.safe_dump(document)).column("v")


_GERMAN = {"decimal": ",", "thousands": ".", "delimiter": ";"}
_COMMA = {"decimal": ",", "delimiter": ";"}


@pytest.mark.parametrize(
    ("csv", "properties", "number"),
    [
        (_GERMAN, {}, NumberFormat(",", ".")),
        (_GERMAN, {"unitSuffix": "l"}, NumberFormat(",", ".", "l")),
        (_COMMA, {"thousands": "."}, NumberFormat(",", ".")),
        (_COMMA, {"thousands": ","}, NumberFormat(".", ",")),
        (_COMMA, {"decimal": "."}, NumberFormat(".")),
        (_GERMAN, {"decimal": "."}, NumberFormat(".")),
        (_GERMAN, {"thousands": ""}, NumberFormat(",")),
        (_GERMAN, {"decimal": ".", "thousands": ","}, NumberFormat(".", ",")),
        ({"thousands": "'"}, {"decimal": ","}, NumberFormat(",", "'")),
        ({"delimiter": ";"}, {"unitSuffix": "l"}, NumberFormat(".", "", "l")),
    ],
)
def test_a_mark_that_a_column_does_not_name_is_that_of_the_feed(
    csv: dict[str, str], properties: dict[str, str], number: NumberFormat
) -> None:
    assert with_number(csv, **properties).number == number


@pytest.mark.parametrize("properties", [{"thousands": "."}, {"decimal": ",", "thousands": ","}])
def test_two_equal_marks_are_refused(properties: dict[str, str]) -> None:
    with pytest.raises(ContractError, match=r"customProperties\.thousands: '.' is the decimal mark, too"):
        with_number({"delimiter": ";"}, **properties)


@pytest.mark.parametrize("options", [{"timezone": True}, {"defaultTimezone": "Europe/Berlin"}])
def test_a_zone_under_the_options_of_a_time_is_refused_rather_than_ignored(options: dict[str, Any]) -> None:
    document = yaml.safe_load(TEXT.replace("value: TODO", "value: attic"))
    document["schema"][0]["properties"][0]["logicalTypeOptions"] = options
    with pytest.raises(ContractError, match=f"'{next(iter(options))}' is not supported for timestamp") as raised:
        read_draft(yaml.safe_dump(document))
    assert "the custom property `timezone`, or write eventTime.timezone" in raised.value.remedy


def test_a_column_comes_from_one_place() -> None:
    document = yaml.safe_load(TEXT.replace("value: TODO", "value: attic"))
    document["schema"][0]["properties"][2]["customProperties"].append({"property": "from", "value": "key"})
    with pytest.raises(ContractError, match=r"constant: cannot be combined with `from`"):
        read_draft(yaml.safe_dump(document))
