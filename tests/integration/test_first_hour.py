"""Somebody's own data, from a sample to all of its rows in the table, by the commands that are printed on the way."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.stack import Project

ROWS, BAD = 400, 20
BEGIN = datetime(2025, 6, 15, 9, tzinfo=UTC)


def values(*, with_bad: bool) -> Iterable[tuple[str, str, str]]:
    """Time, tank and level; one level in twenty is no number."""
    for number in range(ROWS):
        is_bad = with_bad and number % (ROWS // BAD) == 7
        time = BEGIN + timedelta(seconds=30 * number)
        yield f"{time:%Y-%m-%dT%H:%M:%SZ}", f"tank-{number % 4}", "fault" if is_bad else f"{3 + number % 50 / 10:.1f}"


def as_json(rows: Iterable[tuple[str, str, str]]) -> str:
    return "".join(
        json.dumps({"takenAt": time, "deviceId": tank, "level": _number(level)}) + "\n" for time, tank, level in rows
    )


def _number(level: str) -> float | str:
    return level if level == "fault" else float(level)


def test_from_a_sample_to_all_rows_in_the_table(project: Project, tmp_path: Path) -> None:
    sample, today = tmp_path / "sample.jsonl", tmp_path / "today.jsonl"
    sample.write_text(as_json(values(with_bad=False)))
    today.write_text(as_json(values(with_bad=True)))
    project.etl("feeds", "new", "tanks", "--from", str(sample), "--topic", f"{project.topic}-tanks")
    file = tmp_path / "feeds" / "tanks.odcs.yaml"

    # What is drafted is right for the sample, and what is wrong with today's readings is known before anything runs.
    tried = json.loads(project.etl("feeds", "try", "tanks", "--from", str(sample), "--json").stdout)
    assert (tried["loaded"], tried["rejected"], tried["fits"]) == (ROWS, 0, True)
    tried = json.loads(project.etl("feeds", "try", "tanks", "--from", str(today), "--json").stdout)
    assert (tried["records"], tried["loaded"], tried["rejected"]) == (ROWS, ROWS - BAD, BAD)
    (rejection,) = tried["rejections"]
    line = line_of(file, "logicalType: number")
    assert (rejection["column"], rejection["reason"], rejection["examples"]) == ("level", "wrong_type", ["fault"])
    assert rejection["line"].endswith(f"tanks.odcs.yaml line {line}, logicalType: number")

    # The run does what the trial said, and names the same line.
    told = project.etl("run", "tanks", "--file", str(today), "--create-topic").stdout
    assert project.value("SELECT count(*) FROM tanks") == tried["loaded"]
    for size in ("5m", "1d"):
        assert project.value(f"SELECT count(*) FROM tanks_{size}") == tried["windows"][f"tanks_{size}"]
    because = f"{BAD} of {ROWS} rows were rejected because level is no number ("
    assert because in told
    cycle = project.log()[-1]["cycle_id"]
    explained = project.etl("explain", cycle).stdout
    assert because in explained
    assert f"line {line}, logicalType: number): 'fault'." in explained

    # The named line is corrected; the printed command loads what was rejected.
    correct(file, line)
    project.etl("feeds", "check", str(file))
    command = re.search(r"When the contract is corrected: python -m etl (.+)", explained)
    assert command is not None
    replayed = project.etl(*shlex.split(command[1])).stdout
    assert f"{BAD} rows: {BAD} loaded, 0 duplicate, 0 still bad." in replayed
    assert project.value("SELECT count(*) FROM tanks") == ROWS
    assert project.value("SELECT count(*) FROM tanks WHERE level IS NULL") == BAD
    assert "When the contract is corrected" not in project.etl("explain", cycle).stdout

    # A run without anything new does not look like a success.
    told = project.etl("run", "tanks").stdout
    assert f"The table tanks has {ROWS} rows." in told


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), start=1) if text in line)


def correct(file: Path, line: int) -> None:
    """`fault` means that there is no level, in the column whose type is on this line."""
    lines = file.read_text().splitlines()
    indent = " " * (len(lines[line - 1]) - len(lines[line - 1].lstrip()))
    rest = lines[line:]
    end = next(
        (n for n, text in enumerate(rest) if not text.startswith(indent) or text.lstrip().startswith("- ")), len(rest)
    )
    kept = [text for text in rest[:end] if not text.lstrip().startswith("required:")]
    missing = [f"{indent}customProperties:", f"{indent}  - property: missingValues", f"{indent}    value: [fault]"]
    file.write_text("\n".join([*lines[:line], *kept, *missing, *rest[end:], ""]))
