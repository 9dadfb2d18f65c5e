"""Which files are a feed's, by the path of its contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.reader import PACKAGED, parse_contract
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ContractError


@pytest.mark.parametrize(
    ("path", "folder", "pattern"),
    [
        ("landing/site", "landing/site", ""),
        ("landing/site/**/*.csv", "landing/site", "**/*.csv"),
        ("/data/20??/*.csv", "/data", "20??/*.csv"),
        ("in/*", "in", "*"),
    ],
)
def test_the_folder_is_the_path_up_to_its_first_wildcard(path: str, folder: str, pattern: str) -> None:
    source = LandingFolder(path)
    assert (source.folder, source.pattern) == (folder, pattern)


@pytest.mark.parametrize(
    ("path", "form", "taken", "left"),
    [
        (
            "in",
            CsvLines(),
            ["a.csv", "A.CSV", "a.tsv", "a.csv.gz", "a.csv.zst"],
            ["a.txt", "x/a.csv", "a.json", "a.gz"],
        ),
        ("in", JsonObjects(), ["a.json", "a.jsonl.gz", "a.ndjson"], ["a.csv", "a.parquet"]),
        ("in", ParquetRows(), ["a.parquet", "a.parquet.zst"], ["a.json"]),
        ("in/**/*.csv", CsvLines(), ["a.csv", "x/y/a.csv.gz"], ["x/a.tsv", "x/a.dat"]),
        ("in/**/*.dat", CsvLines(), ["x/a.dat", "a.DAT.zst"], ["a.csv"]),
        ("in/**/*", CsvLines(), ["x/a.csv", "a.tsv.gz"], ["x/readme.txt"]),
        ("in/*/readings", JsonObjects(), ["x/readings", "x/readings.gz"], ["readings", "x/a.json"]),
    ],
)
def test_a_file_is_taken_by_its_path(path: str, form: RecordFormat, taken: list[str], left: list[str]) -> None:
    source = LandingFolder(path, form)
    assert [name for name in (*taken, *left) if source.takes(name)] == taken


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("in/../out/*.csv", "'in/../out/*.csv'"),
        ("*.csv", "begins with a pattern"),
        ("/**/*.csv", "begins with a pattern"),
        ("in/[z-a].csv", "bad character range"),
        ("", "''"),
    ],
)
def test_a_path_that_names_no_folder_is_refused(path: str, problem: str) -> None:
    file = PACKAGED / "room_temperatures.odcs.yaml"
    document = yaml.safe_load(file.read_text("utf-8"))
    document["servers"][0]["path"] = path
    with pytest.raises(ContractError) as told:
        parse_contract(yaml.safe_dump(document), Path("room_temperatures.odcs.yaml"))
    assert problem in str(told.value)
