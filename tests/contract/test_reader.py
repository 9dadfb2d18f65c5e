from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from etl.contract.reader import (
    Contract,
    contract_files,
    load_contract,
    load_contracts,
    read_contract,
    read_contracts,
    sound_contracts,
)
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ContractError
from etl.settings import PROJECT_ROOT, Settings
from etl.validation.values.times import times

FEEDS = PROJECT_ROOT / "etl" / "contract" / "feeds"
PACKAGED = sorted(FEEDS.glob("*.odcs.yaml"))


def write_changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    document = yaml.safe_load((FEEDS / "sensor_readings.odcs.yaml").read_text("utf-8"))
    change(document)
    folder.mkdir(exist_ok=True)
    file = folder / "sensor_readings.odcs.yaml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    return file


def test_contracts_of_the_home_need_no_setting_and_come_after_those_of_etl_feeds(tmp_path: Path) -> None:
    for folder in ("home/contracts", "feeds"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("mine", "sensor_readings"):
            shutil.copy(PACKAGED[0], tmp_path / folder / f"{name}.odcs.yaml")
    home = Settings.load(home=tmp_path / "home")
    assert contract_files(home)["sensor_readings"] == contract_files(home)["mine"].with_name(
        "sensor_readings.odcs.yaml"
    )
    assert contract_files(home)["mine"] == tmp_path / "home" / "contracts" / "mine.odcs.yaml"
    both = Settings.load(home=tmp_path / "home", feeds=str(tmp_path / "feeds"))
    assert contract_files(both)["mine"] == tmp_path / "feeds" / "mine.odcs.yaml"
    assert len(contract_files(both)) == len(PACKAGED) + 1


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.name)
def test_packaged_contracts_pass_the_standards_own_schema(path: Path) -> None:
    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), schema)
    assert read_contract(path).feed == path.name.removesuffix(".odcs.yaml")


def test_the_default_feed_is_what_the_design_says(contract: Contract) -> None:
    assert contract.source == KafkaTopic("sensor-data")
    assert contract.table == "sensor_data"
    assert contract.column_names == ("sensor_id", "temperature", "humidity", "timestamp")
    assert contract.primary_key == ("sensor_id", "timestamp")


def test_what_becomes_of_conflicting_rows_is_said_by_the_contract(contract: Contract, tmp_path: Path) -> None:
    assert contract.on_conflict == "quarantine"
    changed = write_changed(tmp_path / "feeds", lambda document: custom(document, "onConflict", "keepLast"))
    assert read_contract(changed).on_conflict == "keepLast"


def test_an_unknown_feed_lists_the_known_ones(settings: Settings) -> None:
    with pytest.raises(ContractError, match="sensor_readings"):
        load_contract("nope", settings)


def test_a_users_folder_adds_feeds_and_replaces_packaged_ones(tmp_path: Path) -> None:
    write_changed(tmp_path / "mine", lambda d: d["servers"][0]["customProperties"][0].update(value="other-topic"))
    settings = Settings.load(home=tmp_path, feeds=str(tmp_path / "mine"))
    assert load_contract("sensor_readings", settings).source == KafkaTopic("other-topic")
    assert set(contract_files(settings)) >= {"sensor_readings"}


def first_column(document: dict[str, Any]) -> dict[str, Any]:
    column: dict[str, Any] = document["schema"][0]["properties"][0]
    return column


def custom(document: dict[str, Any], name: str, value: object = None, **parts: object) -> None:
    """Give a custom property a value, in place of the one that it has."""
    others = [item for item in document["customProperties"] if item["property"] != name]
    document["customProperties"] = [*others, {"property": name, "value": value if value is not None else parts}]


def event_format(document: dict[str, Any], pattern: str) -> None:
    custom(document, "eventTime", column="timestamp", formats=[pattern])


def count_as_sensor(document: dict[str, Any]) -> None:
    first_column(document).update(name="count")
    custom(document, "sensor", "count")


def pattern(document: dict[str, Any], expression: str) -> None:
    document["schema"][0]["properties"].append(
        {"name": "label", "logicalType": "string", "logicalTypeOptions": {"pattern": expression}}
    )


def landing(document: dict[str, Any], *, path: str = "in", format: str = "csv", csv: object = None) -> None:
    own = [{"property": "csv", "value": csv}] if csv else []
    document["servers"] = [
        {"server": "landing", "type": "local", "path": path, "format": format, "customProperties": own}
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(nonsense=1), "nonsense: "),
        (lambda d: first_column(d).update(requird=True), "schema[0].properties[0].requird: is not known"),
        (lambda d: first_column(d).update(required="perhaps"), "schema[0].properties[0].required: "),
        (lambda d: first_column(d).update(logicalType="money"), "schema[0].properties[0].logicalType: 'money'"),
        (lambda d: first_column(d)["logicalTypeOptions"].update(multipleOf=2), "'multipleOf' is not supported"),
        (lambda d: first_column(d)["logicalTypeOptions"].update(format="i128"), "Use i16, i32, i64"),
        (lambda d: first_column(d).update(name='x"; DROP TABLE--'), "cannot name a column"),
        (lambda d: first_column(d).update(name="raw"), "cannot name a column"),
        (lambda d: first_column(d).update(name="Humidity"), "is there twice"),
        # PostgreSQL would cut it off after 63, and some of what is made up from it earlier.
        (lambda d: first_column(d).update(name=61 * "c"), "at most 60"),
        (lambda d: d["schema"][0].update(physicalName=49 * "t"), "at most 48"),
        (lambda d: first_column(d).update(name="xmin"), "'xmin' cannot name a column: PostgreSQL has one of this name"),
        (
            lambda d: first_column(d).update(name="CTID"),
            "Use another name, such as CTID_; give the key of its values under customProperties `rename`",
        ),
        (lambda d: first_column(d).update(name="loaded_at"), "the loader has one of this name"),
        (lambda d: d["schema"][0].update(physicalName='x"; DROP TABLE--'), "cannot name a feed or a table"),
        (lambda d: d["schema"][0].update(physicalName="etl_log"), "'etl_log' cannot name a feed's table"),
        (lambda d: d.update(name="other"), "The feed is named like its file"),
        (lambda d: d["servers"][0]["customProperties"][0].update(value="no topic!"), "cannot name a topic"),
        (lambda d: d["customProperties"].append({"property": "windws", "value": 1}), "'windws' is not known"),
        (lambda d: d["customProperties"][0]["value"].update(column="humidity"), "is no timestamp column"),
        (lambda d: d["customProperties"][0]["value"].update(timezone="Mars/Olympus"), "Mars/Olympus"),
        (lambda d: d["customProperties"].clear(), "has no eventTime"),
        (lambda d: custom(d, "eventTime", column="timestamp", formats=["ISO"]), "'ISO' is not known"),
        (lambda d: event_format(d, "%d.%m.%Y %H:%M %Z"), "has '%Z', which is not supported everywhere"),
        (lambda d: event_format(d, "%s"), "has '%s'"),
        (lambda d: event_format(d, "%x %X"), "has '%x'"),
        (lambda d: event_format(d, "%-d.%m.%Y"), "has '%-'"),
        (lambda d: event_format(d, "%d.%m.%Y %"), "has '%'"),
        (lambda d: event_format(d, "%d.%m.%Y %I:%M"), "has one of %I and %p without the other"),
        (lambda d: event_format(d, "%H:%M:%S"), "does not say which day it is"),
        (lambda d: event_format(d, "%d.%m %H:%M"), "does not say which day it is"),
        (lambda d: event_format(d, "%Y-%m-%d %Y"), "cannot be read"),
        (lambda d: custom(d, "maxNewColumns", 501), "Give a whole number from 0 to 500"),
        (lambda d: custom(d, "maxNewColumns", True), "Give a whole number from 0 to 500"),
        (lambda d: custom(d, "onConflict", "last"), "Use quarantine, keepFirst, keepLast"),
        (count_as_sensor, "windows.key: 'count' is a column"),
        (
            lambda d: first_column(d).update(customProperties=[{"property": "trim", "value": True}]),
            "is not for columns of type integer",
        ),
        (
            lambda d: first_column(d).update(
                logicalType="string", logicalTypeOptions={}, customProperties=[{"property": "trim", "value": "yes"}]
            ),
            "Use true or false",
        ),
        (lambda d: pattern(d, "(?P<a>x)"), "has a group that Python, RE2 and Java do not all know"),
        (lambda d: pattern(d, "(?<=a)b"), "has a group that Python, RE2 and Java do not all know"),
        (lambda d: pattern(d, r"(a)\1"), "has \\1, which Python, RE2 and Java do not all know"),
        (lambda d: pattern(d, "a{1001}"), "is not a pattern of RE2"),
        (lambda d: pattern(d, "[[a]"), "has '[' inside brackets"),
        (lambda d: pattern(d, "a{"), "has a bare {"),
        (lambda d: pattern(d, "(a"), "is not a pattern: missing )"),
        (lambda d: custom(d, "failureBudget", 2), "Give a share from 0 to 1"),
        (lambda d: custom(d, "lateness", "ten minutes"), "'ten minutes' is no duration"),
        (lambda d: custom(d, "windows", sizes=["7m"]), "'7m' does not divide a day"),
        (lambda d: custom(d, "windows", measures=["timestamp"]), "'timestamp' is not a column of numbers"),
        (lambda d: custom(d, "sensor", "device"), "customProperties.sensor: 'device'"),
        (lambda d: custom(d, "explode", "data..devices"), "Write the path of an array"),
        (lambda d: custom(d, "rename", temperature="data.list[].temp"), "is not in an array of `explode`"),
        (lambda d: custom(d, "rename", temprature="t"), "there is no column 'temprature'"),
        (lambda d: custom(d, "unknownKeys", "ignore"), "Use evolve, freeze, discard"),
        (lambda d: custom(d, "fleet", sensors=3), "must be an object with sensors, interval"),
        (lambda d: d["slaProperties"][0].update(property="speed"), "slaProperties[0].property: 'speed' is not known"),
        (lambda d: landing(d, path="../other"), "servers[0].path: '../other'"),
        (lambda d: landing(d, format="avro"), "servers[0].format: 'avro' is not supported"),
        (lambda d: landing(d, csv={"delimiter": "||"}), "csv.delimiter: '||'"),
        (lambda d: landing(d, csv={"encoding": "cp500"}), "not a superset of ASCII"),
        (lambda d: landing(d, csv={"separator": ";"}), "csv: must be an object"),
        (lambda d: landing(d, csv={"encoding": "utf-8-sig"}), "Write utf-8: the mark is recognised"),
        (lambda d: landing(d, csv={"encoding": "utf_8_sig"}), "Write utf-8: the mark is recognised"),
        (lambda d: landing(d, csv={"comment": '"'}), "csv.comment: '\"' is the quote, too"),
        (lambda d: landing(d, csv={"comment": ","}), "csv.comment: ',' is the delimiter, too"),
        (lambda d: landing(d, csv={"delimiter": '"'}), "csv.delimiter: '\"' is the quote, too"),
        (lambda d: landing(d, csv={"quote": ","}), "csv.quote: ',' is the delimiter, too"),
        (lambda d: landing(d, csv={"quote": "#", "comment": "#"}), "csv.comment: '#' is the quote, too"),
        (lambda d: landing(d, csv={"delimiter": "#", "comment": "#"}), "csv.comment: '#' is the delimiter, too"),
    ],
)
def test_a_wrong_contract_names_file_place_and_remedy(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(ContractError) as raised:
        read_contract(write_changed(tmp_path / "mine", change))
    assert said in str(raised.value)
    assert re.match(r"sensor_readings\.odcs\.yaml: line \d+: ", raised.value.cause)
    assert raised.value.remedy


_FORMATS = ["%Y-%m-%d %H:%M:%S.%f", "%a %d %b %y %I:%M:%S %p", "%A, %d. %B %Y", "%Y%j %H", "%m/%d/%Y at 100%%"]


@pytest.mark.parametrize("form", _FORMATS)
def test_formats_of_times_that_are_allowed_write_and_read_a_time(tmp_path: Path, form: str) -> None:
    """As the loader reads them."""
    contract = read_contract(write_changed(tmp_path / "mine", lambda d: event_format(d, form)))
    written = datetime(2024, 5, 31, 13, 14, 15, tzinfo=UTC).strftime(form)
    (read,) = times(pa.chunked_array([[written]]), contract).to_pylist()
    assert read.date() == date(2024, 5, 31)


_PATTERNS = [r"[A-Z]{2}\d+", r"(?i)abc|d\.e", r"[\w.-]+@[^\]]+", r"(?:a|b)*?\{\}", r"é+\s?", r"[]a-z]{1,3}"]


@pytest.mark.parametrize("expression", _PATTERNS)
def test_patterns_that_are_allowed_compile_everywhere(tmp_path: Path, expression: str) -> None:
    contract = read_contract(write_changed(tmp_path / "mine", lambda d: pattern(d, expression)))
    assert contract.column("label").pattern == expression
    assert re.compile(expression)
    pc.match_substring_regex(pa.array(["a"]), rf"\A(?:{expression})\z")


def test_a_broken_contract_harms_no_other_feed(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "mine.odcs.yaml").write_text("name: [", "utf-8")
    settings = settings.model_copy(update={"feeds": (folder,)})
    sound, wrong = read_contracts(settings)
    assert (
        sound.keys()
        == sound_contracts(settings).keys()
        == load_contracts(settings.model_copy(update={"feeds": ()})).keys()
    )
    assert "mine.odcs.yaml is not YAML" in wrong[0].cause


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.odcs.yaml"
    file.write_text("a: [1,")
    with pytest.raises(ContractError, match=r"broken\.odcs\.yaml is not YAML: line 1: "):
        read_contract(file)


def changed_text(folder: Path, *changes: tuple[str, str]) -> tuple[Path, list[str]]:
    """The default feed's contract with pieces of its text replaced, and its lines."""
    text = (FEEDS / "sensor_readings.odcs.yaml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "sensor_readings.odcs.yaml"
    file.write_text(text, "utf-8")
    return file, text.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "on_line"),
    [
        ("logicalType: number", "logicalType: money", "logicalType: money"),
        ("name: humidity", "name: raw", "- name: raw"),
        ("required: true", "requird: true", "requird: true"),
        ("lateness", "latenes", "customProperties:"),
        ("value: 10m", "value: soon", "property: lateness"),
        ("formats: [iso8601]", "formats: [ISO]", "formats: [ISO]"),
        ("sensors: 100", "sensors: none", "sensors: none"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, old: str, new: str, on_line: str) -> None:
    file, lines = changed_text(tmp_path, (old, new))
    with pytest.raises(ContractError) as raised:
        read_contract(file)
    found = re.search(r": line (\d+): ", raised.value.cause)
    assert found
    named = lines[int(found[1]) - 1]
    assert on_line in named, raised.value.cause


def test_several_errors_are_reported_at_once(tmp_path: Path) -> None:
    changes = [
        ("logicalType: number", "logicalType: money"),
        ("name: humidity", "name: raw"),
        ("value: 10m", "value: 1"),
    ]
    with pytest.raises(ContractError) as raised:
        read_contract(changed_text(tmp_path, *changes)[0])
    causes = [problem.cause for problem in raised.value.problems]
    assert len(causes) == 3
    assert "logicalType: 'money'" in causes[0]
    assert "'raw' cannot name a column" in causes[1]
    assert "lateness: 1 is no duration" in causes[2]
    assert "shows 2 more" in raised.value.remedy


def test_a_key_that_occurs_twice_is_refused_though_yaml_would_take_the_last(tmp_path: Path) -> None:
    file, lines = changed_text(tmp_path, ("minimum: 0\n", "minimum: 0\n          minimum: 5\n"))
    with pytest.raises(ContractError, match="'minimum' is in one object twice") as raised:
        read_contract(file)
    assert f"line {lines.index('          minimum: 5') + 1}:" in raised.value.cause


def test_a_file_that_is_no_utf8_or_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.odcs.yaml"
    file.write_bytes(b"\xff")
    for path in (file, tmp_path / "missing.odcs.yaml"):
        with pytest.raises(ContractError, match=rf"{path.name} cannot be read"):
            read_contract(path)
