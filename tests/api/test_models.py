"""What the OpenAPI document says of a feed's readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from etl.api.app import create_app
from etl.api.models import reading_model
from etl.contract.model import TABLE_COLUMNS, VIEW_COLUMNS, Column, Contract
from etl.contract.reader import load_contract
from etl.settings import Settings


@pytest.fixture
def rooms(settings: Settings) -> Contract:
    return load_contract("room_temperatures", settings)


def test_a_schema_has_the_columns_units_and_limits_of_the_contract(rooms: Contract) -> None:
    schema = reading_model(rooms).model_json_schema()
    columns = schema["properties"]
    assert [*columns][: len(rooms.columns)] == list(rooms.column_names)
    assert columns["temp"]["unit"] == "°C"
    assert (columns["temp"]["minimum"], columns["temp"]["maximum"]) == (-50, 60)
    assert columns["temp"]["description"] == "temperature in °C"
    assert columns["noted_date"]["format"] == "date-time"
    assert (columns["room"]["minLength"], columns["room"]["maxLength"]) == (1, 64)
    assert columns["place"]["pattern"] == "^(?:In|Out)$"
    assert {"type": "null"} not in columns["temp"].get("anyOf", [])


def test_every_column_beside_those_of_the_contract_is_described(rooms: Contract) -> None:
    columns = reading_model(rooms).model_json_schema()["properties"]
    beside = set(columns) - set(rooms.column_names)
    assert beside == {*TABLE_COLUMNS, *VIEW_COLUMNS}
    assert all(columns[name]["description"] for name in beside)


def test_a_reading_may_have_some_of_the_columns_and_others(rooms: Contract) -> None:
    model = reading_model(rooms)
    assert "required" not in model.model_json_schema()
    reading: dict[str, Any] = {
        "id": "r1",
        "room": "Room Admin",
        "noted_date": datetime(2018, 12, 8, 9, tzinfo=UTC),
        "temp": 29.0,
        "place": "In",
        "log_id": 1,
        "source_id": 1,
        "source_partition": 0,
        "source_offset": 7,
        "source_item": 0,
        "lateness_seconds": None,
        "source_name": "file.csv",
        "cycle_id": "c",
        "loaded_at": None,
        "gained": True,
    }
    assert model.model_validate(reading).model_dump(by_alias=True) == reading
    with pytest.raises(ValidationError):
        model.model_validate({**reading, "temp": "warm"})


def test_columns_may_be_called_like_parts_of_a_model(rooms: Contract) -> None:
    names = ("copy", "json", "schema", "model_config", "model_dump", "_5m", "class")
    columns = tuple(Column(name, "double", unit="V") for name in names)
    schema = reading_model(replace(rooms, columns=columns)).model_json_schema()
    assert [*schema["properties"]][: len(names)] == [*names]
    assert schema["properties"]["_5m"]["unit"] == "V"


def test_the_document_says_that_a_reading_is_one_of_the_feeds(settings: Settings) -> None:
    schemas = create_app(settings).openapi()["components"]["schemas"]
    references = {choice["$ref"].rpartition("/")[2] for choice in schemas["Reading"]["anyOf"]}
    assert "room_temperatures_reading" in references
    assert references <= set(schemas)
    assert schemas["room_temperatures_reading"]["properties"]["temp"]["unit"] == "°C"
    assert schemas["LatestReading"]["properties"]["values"]["$ref"] == "#/components/schemas/Reading"
