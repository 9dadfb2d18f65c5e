"""`python -m etl feeds`, as a user calls it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from etl.cli.app import app
from etl.contract.formats import csv_dialect
from etl.contract.properties import alert_properties, column_properties, feed_properties
from etl.contract.reader import contract_files, load_contract, read_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ConfigurationError
from etl.operations.feeds.samples import NEWEST
from etl.settings import PROJECT_ROOT, Settings

FEEDS = PROJECT_ROOT / "etl" / "contract" / "feeds"
PACKAGED = {"device_events", "environment_telemetry", "raw_iot", "room_temperatures", "sensor_readings"}
SAMPLE = '{"deviceId": "d1", "temperature": 20.5, "time": "2025-06-15T00:00:00Z"}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's current folder, with a sample; it is ETL_HOME."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    (tmp_path / "sample.jsonl").write_text(SAMPLE)
    return tmp_path


def feeds(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(app, ["feeds", *arguments], catch_exceptions=True)
    if isinstance(result.exception, ConfigurationError):
        assert result.exception.exit_code == expect, result.exception
    else:
        assert result.exit_code == expect, result.output
    return result


def test_all_feeds_are_listed() -> None:
    listed = json.loads(feeds("list", "--json").stdout)
    assert {feed["feed"] for feed in listed} == PACKAGED
    assert "iot_device_events" in feeds().stdout
    assert feeds().stdout == feeds("list").stdout


def test_a_broken_contract_does_not_hide_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "broken.odcs.yaml").write_text("name: [")
    monkeypatch.setenv("ETL_FEEDS", str(folder))
    result = feeds("list", expect=2)
    assert "sensor_readings" in result.stdout
    assert "broken.odcs.yaml is not YAML: line 1" in result.stderr


@pytest.mark.parametrize("feed", sorted(PACKAGED))
def test_a_feed_is_shown_with_its_columns_rules_and_a_sample(feed: str) -> None:
    contract = read_contract(FEEDS / f"{feed}.odcs.yaml")
    shown = feeds("show", feed).stdout
    for name in contract.column_names:
        assert name in shown
    assert contract.table in shown
    plain = json.loads(feeds("show", feed, "--json").stdout)
    assert [column["name"] for column in plain["columns"]] == list(contract.column_names)
    assert plain["primary_key"] == list(contract.primary_key)
    assert plain["sample"][-1] in shown
    assert len(plain["sample"]) == (2 if contract.source.format.is_tabular else 1)


def test_a_feed_that_is_not_there_is_named() -> None:
    assert "There is no feed 'nope'" in str(feeds("show", "nope", expect=2).exception)


def test_a_good_contract_passes_the_check() -> None:
    assert "is fine: raw_iot → iot_readings" in feeds("check", str(FEEDS / "raw_iot.odcs.yaml")).stdout


def test_a_check_before_the_first_run_says_what_to_do_for_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(folder / "home"))
    said = feeds("check", str(FEEDS / "raw_iot.odcs.yaml")).stdout
    assert said.startswith("No database is running, so the file alone was checked. `python -m etl up` starts one;")
    assert "Not compared" not in said


def test_the_check_names_every_error_with_line_and_remedy(folder: Path) -> None:
    text = (FEEDS / "raw_iot.odcs.yaml").read_text("utf-8")
    text = text.replace("logicalType: number", "logicalType: money", 1).replace("value: 10m", "value: soon", 1)
    file = folder / "raw_iot.odcs.yaml"
    file.write_text(text)
    said = feeds("check", str(file), expect=2).stderr
    lines = text.splitlines()
    money = next(i for i, line in enumerate(lines, start=1) if "money" in line)
    lateness = next(i for i, line in enumerate(lines, start=1) if "property: lateness" in line)
    assert f"line {money}: schema[0].properties[1].logicalType: 'money'" in said
    assert f"line {lateness}: customProperties.lateness: 'soon'" in said
    assert said.count("Remedy: ") == 2


def test_two_feeds_must_not_fill_one_table(folder: Path) -> None:
    text = (FEEDS / "raw_iot.odcs.yaml").read_text("utf-8").replace("\nname: raw_iot", "\nname: mine")
    (folder / "mine.odcs.yaml").write_text(text)
    assert "iot_readings is that of feed raw_iot" in feeds("check", str(folder / "mine.odcs.yaml"), expect=2).stderr


def test_a_drafted_contract_passes_the_check_and_is_found_at_once(folder: Path) -> None:
    said = feeds("new", "mine", "--from", "sample.jsonl", "--topic", "my-topic").stdout
    file = folder / "contracts" / "mine.odcs.yaml"
    assert f"Drafted {file};" in said
    assert read_contract(file).source == KafkaTopic("my-topic")
    feeds("check", str(file))
    assert contract_files(Settings.load())["mine"] == file
    assert "device_id-2" in feeds("show", "mine").stdout


def test_a_draft_goes_into_the_first_folder_of_etl_feeds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "first").mkdir()
    monkeypatch.setenv("ETL_FEEDS", str(folder / "first"))
    feeds("new", "mine", "--from", "sample.jsonl")
    assert read_contract(folder / "first" / "mine.odcs.yaml").source == KafkaTopic("mine")


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "contracts").mkdir()
    (folder / "contracts" / "mine.odcs.yaml").write_text("precious")
    assert "There is a feed 'mine' already" in str(feeds("new", "mine", "--from", "sample.jsonl", expect=2).exception)
    assert (folder / "contracts" / "mine.odcs.yaml").read_text() == "precious"
    assert "already" in str(feeds("new", "raw_iot", "--from", "sample.jsonl", expect=2).exception)


def test_a_file_where_the_folder_of_contracts_would_be_is_left_alone(folder: Path) -> None:
    (folder / "contracts").write_text("precious")
    refused = feeds("new", "mine", "--from", "sample.jsonl", expect=2).exception
    assert f"cannot be written: [Errno 17] File exists: '{folder / 'contracts'}'" in str(refused)
    assert "Remove what is in its place" in refused.remedy  # type: ignore[union-attr]
    assert (folder / "contracts").read_text() == "precious"


def test_a_sample_of_files_becomes_a_landing_feed_or_reads_a_topic(folder: Path) -> None:
    (folder / "s.csv").write_text("device,time,v\nd1,2025-06-15T00:00:00Z,1.5\n")
    (folder / "s.dat").write_text("device,time,v\nd1,2025-06-15T00:00:00Z,1.5\n")
    rows = [{"device": "d1", "time": "2025-06-15T00:00:00Z", "v": 1.5}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "s.parquet")
    for number, (sample, landing, source) in enumerate(
        [
            ("s.csv", "", "landing/feed_0"),
            ("s.dat", "", "landing/feed_1/*.dat"),
            ("s.parquet", "", "landing/feed_2"),
            ("s.parquet", "in", "in"),
            ("sample.jsonl", "", "feed_4"),
            ("sample.jsonl", "in", "in"),
            ("s.dat", "in", "in/*.dat"),
            ("s.dat", "in/**/*.dat", "in/**/*.dat"),
        ]
    ):
        feeds("new", f"feed_{number}", "--from", sample, *(["--landing", landing] if landing else []))
        assert read_contract(folder / "contracts" / f"feed_{number}.odcs.yaml").source.name == source
    assert "not both" in str(
        feeds("new", "other", "--from", "s.csv", "--landing", "in", "--topic", "t", expect=2).exception
    )


def test_several_files_are_given_as_a_shell_expands_them(folder: Path) -> None:
    for device in ("a", "b", "c"):
        (folder / f"{device}.jsonl").write_text(SAMPLE.replace("d1", device))
    feeds("new", "mine", "--from", "a.jsonl", "b.jsonl", "c.jsonl")
    assert "(3 records)" in (folder / "contracts" / "mine.odcs.yaml").read_text()
    feeds("new", "yours", "--from", "a.jsonl", "--from", "b.jsonl")
    assert "(2 records)" in (folder / "contracts" / "yours.odcs.yaml").read_text()
    assert "--from " in feeds("new", "theirs", "--from", str(folder), expect=2).exception.remedy  # type: ignore[union-attr]


def test_a_sample_must_be_given_once(folder: Path) -> None:
    assert "No sample is given" in str(feeds("new", "mine", expect=2).exception)
    both = feeds("new", "mine", "--from", "sample.jsonl", "--from-topic", "t", expect=2)
    assert "Both --from sample.jsonl and --from-topic t" in str(both.exception)


@pytest.mark.parametrize(("command", "feed"), [("new", "mine"), ("try", "sensor_readings")])
def test_a_number_of_messages_is_refused_where_it_would_be_ignored(folder: Path, command: str, feed: str) -> None:
    refused = feeds(command, feed, "--from", "sample.jsonl", "--messages", "3", expect=2).exception
    assert "--messages 3 is given with the file sample.jsonl" in str(refused)
    assert not (folder / "contracts" / "mine.odcs.yaml").exists()
    shown = " ".join(feeds(command, "--help").stdout.replace("│", " ").split())
    assert "Only with --from-topic" in shown
    assert f"Default: {NEWEST}." in shown


def test_what_a_sample_leaves_open_is_asked_before_the_feed_runs(folder: Path) -> None:
    (folder / "s.csv").write_text("d1,2025-06-15T00:00:00Z,1.5\nd2,2025-06-15T00:00:00Z,1.5\n")
    said = feeds("new", "mine", "--from", "s.csv").stdout
    assert "csv.header" in said
    assert "is TODO: false if the first line is a record" in feeds("check", "contracts/mine.odcs.yaml", expect=2).stderr


def test_what_was_assumed_is_said_with_its_line(folder: Path) -> None:
    (folder / "s.csv").write_text("meter,at,power\nm1,2025-06-15 00:00:00,1.5\nm1,2025-06-15 00:00:00,2.5\n")
    said = feeds("new", "mine", "--from", "s.csv").stdout
    draft = (folder / "contracts" / "mine.odcs.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(draft, 1) if "timezone: UTC" in text)
    assert f"  line {line}: timezone: UTC is assumed: there are times without an offset" in said
    assert "No key was found that identifies the sample's readings" in said


def test_a_file_without_a_header_that_is_too_wide_is_said_to_be(folder: Path) -> None:
    values = ",".join(f"{number}.5" for number in range(1_098))
    (folder / "s.csv").write_text("".join(f"d1,2025-06-15T00:00:{second}Z,{values}\n" for second in range(10, 20)))
    said = feeds("new", "mine", "--from", "s.csv").stdout
    draft = (folder / "contracts" / "mine.odcs.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(draft, 1) if text.startswith("# No table has room for: column_"))
    (printed,) = [text for text in said.splitlines() if text.startswith(f"line {line}: No table has room for: column_")]
    assert "lines of 1,100 fields are rejected" in printed
    assert printed.endswith("then columns can be left out.")


def test_a_draft_is_proved_with_its_sample(folder: Path) -> None:
    said = feeds("new", "mine", "--from", "sample.jsonl").stdout
    assert "1 record tried, with 1 reading: 1 would be loaded" in said
    assert "Next: python -m etl feeds check contracts/mine.odcs.yaml" in said
    assert "python -m etl run mine --file sample.jsonl" in said


def test_a_contract_is_tried_with_other_files(folder: Path) -> None:
    feeds("new", "mine", "--from", "sample.jsonl")
    (folder / "bad.jsonl").write_text(SAMPLE.replace("20.5", '"hot"'))
    said = feeds("try", "mine", "--from", "bad.jsonl", expect=3).stdout
    line = next(
        number
        for number, text in enumerate((folder / "contracts" / "mine.odcs.yaml").read_text().splitlines(), 1)
        if ": number" in text
    )
    assert f"temperature is no number (contracts/mine.odcs.yaml line {line}, logicalType: number): 'hot'" in said
    assert "python -m etl feeds try mine --from bad.jsonl" in said
    tried = json.loads(feeds("try", "mine", "--from", "bad.jsonl", "sample.jsonl", "--json", expect=3).stdout)
    assert (
        json.loads(feeds("try", "mine", "--from", "*.jsonl", "--json", expect=3).stdout)["records"] == tried["records"]
    )
    assert (tried["records"], tried["loaded"], tried["rejected"], tried["fits"]) == (2, 1, 1, False)
    assert "No sample is given" in str(feeds("try", "mine", expect=2).exception)


def test_a_contract_with_open_questions_is_not_tried(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_FEEDS", str(folder))
    text = (FEEDS / "raw_iot.odcs.yaml").read_text("utf-8")
    text = text.replace("logicalType: number", "logicalType: TODO  # number or integer?").replace(
        "value: 10m", "value: TODO  # how late?"
    )
    (folder / "raw_iot.odcs.yaml").write_text(text)
    said = feeds("try", "raw_iot", "--from", "sample.jsonl", expect=2).stderr
    assert "is TODO: number or integer?" in said
    assert "customProperties.lateness is TODO: how late?" in said


@pytest.mark.parametrize("name", ["Mine", "../mine", "a b", ""])
def test_a_name_that_no_feed_can_have_writes_nothing(folder: Path, name: str) -> None:
    feeds("new", name, "--from", "sample.jsonl", expect=2)
    assert [path.name for path in folder.rglob("*.odcs.yaml")] == []
    assert list(folder.parent.glob("*.odcs.yaml")) == []


def test_the_page_of_feeds_is_made_from_the_contracts() -> None:
    assert (PROJECT_ROOT / "docs" / "feeds.md").read_text("utf-8") == feeds("docs").stdout, (
        "make it again: python -m etl feeds docs > docs/feeds.md"
    )


def test_every_custom_property_and_its_keys_are_documented() -> None:
    text = (PROJECT_ROOT / "docs" / "contracts.md").read_text("utf-8")
    sources = (PROJECT_ROOT / "etl" / "contract").rglob("*.py")
    keys = {
        name
        for source in sources
        for known in re.findall(r"\.mapping\(\s*\"\w+\", \{([^}]*)\}", source.read_text("utf-8"))
        for name in re.findall(r'"(\w+)"', known)
    }
    names = {
        *feed_properties.KNOWN,
        *keys,
        *feed_properties._ANOMALY_NUMBERS,
        *feed_properties._ANOMALY_TIMES,
        *alert_properties._NUMBERS,
        *alert_properties._TIMES,
        *column_properties._ALL_PROPERTIES,
        *csv_dialect.CAMEL.values(),
        "topic",
        "csv",
        "stableSeconds",
    }
    assert len(names) > 30
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_example_of_a_new_feed_works_as_documented(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PROJECT_ROOT / "docs" / "contracts.md").read_text("utf-8")
    example = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    sample = re.search(r"echo '(.+)' > (\S+)", example)
    assert sample is not None
    (folder / sample[2]).write_text(sample[1] + "\n")
    (folder / "contracts").mkdir()
    monkeypatch.setenv("ETL_FEEDS", str(folder / "contracts"))
    commands = re.findall(r"-m etl feeds (.+)", example)
    assert [command.split()[0] for command in commands] == ["new", "check", "show", "try"]
    for command in commands:
        feeds(*command.split())
    assert load_contract("meters", Settings.load()).primary_key == ("meter_id", "measured_at")


def test_a_description_is_shown_as_it_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_FEEDS", str(folder))
    text = (FEEDS / "raw_iot.odcs.yaml").read_text()
    (folder / "raw_iot.odcs.yaml").write_text(
        text.replace("purpose: Temperature", "purpose: Times are h:m:s, [b]local[/b]. T")
    )
    assert "Times are h:m:s, [b]local[/b]." in feeds("show", "raw_iot").stdout
