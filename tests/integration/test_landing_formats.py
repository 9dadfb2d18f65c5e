"""Landing files in every format: what is in them is loaded once, what is wrong is kept with its text and can be replayed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from etl.contract.reader import Contract, load_contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.operations.quarantine import files as quarantine_files
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, find
from etl.operations.retention.policy import Policy
from etl.operations.retention.prune import prune
from etl.storage.failpoints import POINTS
from tests.support.file_records import zstd
from tests.support.jobs import run as run_jobs
from tests.support.stack import Project

Readings = list[dict[str, Any]]


def csv_file(readings: Readings) -> bytes:
    lines = ["made by a logger", "id;at;power;", ";UTC;kW;"]
    lines += [f"{r.get('id') or ''}; {r['at']};{r['power']} ;" for r in readings]
    return "\n".join([*lines, ""]).encode("utf-16")


def json_lines(readings: Readings) -> bytes:
    return "".join(json.dumps(reading, separators=(",", ":")) + "\n" for reading in readings).encode()


def json_document(readings: Readings) -> bytes:
    return json.dumps(readings, indent=2).encode()


def parquet_file(readings: Readings) -> bytes:
    sink = io.BytesIO()
    power = [str(reading["power"]) for reading in readings]
    table = {"id": [r.get("id") for r in readings], "at": [r["at"] for r in readings], "power": power}
    pq.write_table(pa.table(table), sink, row_group_size=2)
    return sink.getvalue()


@dataclass(frozen=True)
class Form:
    """How a producer writes readings, and what the quarantine shows of one with a power of 'much'."""

    format: str
    ending: str
    write: Callable[[Readings], bytes]
    raw: str
    first: int = 1
    """The place of the first reading."""


DIALECT = {
    "delimiter": ";",
    "encoding": "utf-16",
    "skipRows": 1,
    "skipAfterHeader": 1,
    "trim": True,
    "trailingDelimiter": True,
}
OBJECT = '{{"id":"{id}","at":"{at}","power":"much"}}'
FORMS = {
    "csv": Form("csv", ".csv", csv_file, "{id}; {at};much ;", 4),
    "json lines": Form("json", ".jsonl", json_lines, OBJECT),
    "json document": Form("json", ".json", json_document, OBJECT),
    "parquet": Form("parquet", ".parquet", parquet_file, OBJECT),
    "json lines in zstd": Form("json", ".ndjson.zst", lambda readings: zstd(json_lines(readings)), OBJECT),
}
AT = "2025-06-15T09:12:{:02d}Z"


def readings(count: int, first: int = 0) -> Readings:
    return [{"id": f"m{n}", "at": AT.format(n), "power": n + 0.5} for n in range(first, first + count)]


def much(number: int) -> dict[str, Any]:
    return {"id": f"m{number}", "at": AT.format(number), "power": "much"}


class Meters:
    """A feed of a project in a landing folder."""

    def __init__(self, project: Project, form: Form, path: str = "landing/meters", **properties: Any) -> None:
        self.project = project
        self.form = form
        self.backup = project.home / "backup" / "meters"
        server = {"server": "in", "type": "local", "path": path, "format": form.format}
        given = [{"property": "stableSeconds", "value": 0.05}]
        if form.format == "csv":
            given.append({"property": "csv", "value": DIALECT})
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "meters",
            "name": "meters",
            "version": "1.0.0",
            "status": "active",
            "servers": [{**server, "customProperties": given}],
            "schema": [
                {
                    "name": "meters",
                    "physicalName": "meters",
                    "physicalType": "table",
                    "logicalType": "object",
                    "properties": [
                        {
                            "name": "id",
                            "logicalType": "string",
                            "required": True,
                            "logicalTypeOptions": {"maxLength": 40},
                        },
                        {"name": "at", "logicalType": "timestamp", "required": True},
                        {"name": "power", "logicalType": "number"},
                    ],
                }
            ],
            "customProperties": [
                {"property": name, "value": value}
                for name, value in {"eventTime": {"column": "at"}, "sensor": "id", **properties}.items()
            ],
        }
        file = project.settings.feeds[0] / "meters.odcs.yaml"
        file.write_text(yaml.safe_dump(document), "utf-8")
        self.contract: Contract = load_contract("meters", project.settings)
        self.folder = project.home / "landing" / "meters"
        self.folder.mkdir(parents=True)

    def drop(self, name: str, content: Readings) -> Path:
        file = self.folder / f"{name}{self.form.ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.form.write(content))
        return file

    def cycle(self) -> Loaded:
        consume(self.project.settings, self.contract)
        merge(self.project.settings, self.contract)
        return load(self.project.settings, self.contract)

    def rows(self, columns: str = "id, power") -> list[tuple[Any, ...]]:
        return self.project.sql(f"SELECT {columns} FROM meters ORDER BY source_id, source_offset, source_item")

    def kept(self, folder: str) -> list[str]:
        top = self.backup / folder
        return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


every_form = pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))


@every_form
def test_readings_are_loaded_and_a_rejected_one_is_replayed(project: Project, form: Form) -> None:
    meters = Meters(project, form)
    meters.drop("a", [*readings(2), much(2), *readings(1, 3)])
    loaded = meters.cycle()
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (4, 3, 1)
    places = [form.first, form.first + 1, form.first + 3]
    assert meters.rows("id, power, source_offset") == list(
        zip(("m0", "m1", "m3"), (0.5, 1.5, 3.5), places, strict=True)
    )
    assert project.value("SELECT count(DISTINCT source_name) FROM v_meters") == 1
    (row,) = find(project.settings, Selection())
    assert (row["reason"], row["raw_rebuilt"], row["source_offset"]) == ("wrong_type", False, form.first + 2)
    assert row["raw"] == form.raw.format(id="m2", at=AT.format(2))
    # The same content under another name is known.
    meters.drop("b", [*readings(2), much(2), *readings(1, 3)])
    assert meters.cycle().counts.read == 0
    done = replay(project.settings, meters.contract, Selection(), changes={"power": "2.5"})
    assert (done.counts.read, done.counts.processed) == (1, 1)
    assert sorted(meters.rows()) == [("m0", 0.5), ("m1", 1.5), ("m2", 2.5), ("m3", 3.5)]


@every_form
def test_a_row_that_is_rejected_by_a_stricter_contract_has_the_form_s_text(project: Project, form: Form) -> None:
    meters = Meters(project, form)
    meters.drop("a", readings(3))
    consume(project.settings, meters.contract)
    merge(project.settings, meters.contract)
    file = project.settings.feeds[0] / "meters.odcs.yaml"
    document = yaml.safe_load(file.read_text("utf-8"))
    document["schema"][0]["properties"][2]["logicalTypeOptions"] = {"maximum": 2}
    file.write_text(yaml.safe_dump(document), "utf-8")
    load(project.settings, load_contract("meters", project.settings))
    (row,) = find(project.settings, Selection())
    assert (row["reason"], row["raw_rebuilt"]) == ("out_of_range", True)
    assert replay(project.settings, meters.contract, Selection()).counts.processed == 1
    assert sorted(meters.rows()) == [("m0", 0.5), ("m1", 1.5), ("m2", 2.5)]


@every_form
def test_a_file_that_cannot_be_read_is_set_aside_and_the_others_load(project: Project, form: Form) -> None:
    meters = Meters(project, form)
    meters.drop("good", readings(2))
    broken = meters.drop("bad", readings(40))
    content = broken.read_bytes()
    if form.ending == ".jsonl":
        content = b"\0\1\2 no JSON\n" + content[:20]
    broken.write_bytes(content[:-9])
    meters.cycle()
    assert meters.kept("quarantine") == [broken.name]
    assert len(meters.rows()) == 2
    (entry,) = quarantine_files.find(project.settings)
    assert entry["cause"]
    # Repaired, and retried.
    (meters.backup / "quarantine" / broken.name).write_bytes(form.write(readings(40)))
    quarantine_files.retry(project.settings, broken.name)
    meters.cycle()
    assert len(meters.rows()) == 42


@pytest.mark.parametrize("form", [FORMS["json document"], FORMS["parquet"]], ids=["json document", "parquet"])
@pytest.mark.parametrize("point", sorted(point for point in POINTS if point.startswith(("landing.", "publish."))))
def test_killed_anywhere_and_run_again_nothing_is_lost_or_twice(project: Project, form: Form, point: str) -> None:
    meters = Meters(project, form)
    meters.drop("a", [*readings(3), much(3)])
    meters.drop("b", readings(2, 10))
    for failpoint in (point, ""):
        run_jobs(project.env, "consume", "merge", "load", feed="meters", failpoint=failpoint)
    assert sorted(meters.rows()) == [("m0", 0.5), ("m1", 1.5), ("m10", 10.5), ("m11", 11.5), ("m2", 2.5)]
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 1
    assert meters.kept("landing") == [f"a{form.ending}", f"b{form.ending}"]
    assert project.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'") == 0


def test_readings_in_an_array_are_rows_and_messages_are_counted(project: Project) -> None:
    meters = Meters(project, FORMS["json lines"], explode="all", rename={"id": "all[].id", "power": "all[].power"})
    meters.form = Form("json", ".json", json_lines, "")
    messages = [{"at": AT.format(n), "all": [{"id": f"{n}-{k}", "power": k} for k in range(3)]} for n in range(4)]
    messages[2]["all"][1]["power"] = "much"  # type: ignore[index]
    meters.drop("a", [*messages, {"at": AT.format(9), "all": []}])
    read = consume(project.settings, meters.contract)
    assert (read.counts.read, read.counts.processed, read.counts.rejected) == (5, 5, 0)
    merge(project.settings, meters.contract)
    loaded = load(project.settings, meters.contract)
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (13, 11, 2)
    assert sorted(
        (row["reason"], row["source_offset"], row["source_item"]) for row in find(project.settings, Selection())
    ) == [
        ("no_items", 5, 0),
        ("wrong_type", 3, 1),
    ]
    assert replay(project.settings, meters.contract, Selection(), changes={"power": "7"}).counts.processed == 1
    assert ("2-1", 7.0) in meters.rows()


def test_new_keys_of_json_files_become_columns(project: Project) -> None:
    meters = Meters(project, FORMS["json lines"], unknownKeys="evolve")
    meters.drop("a", [{**reading, "volts": 230.1, "site": {"name": "s"}} for reading in readings(2)])
    meters.cycle()
    assert meters.rows("id, volts, site") == [(f"m{n}", 230.1, '{"name":"s"}') for n in range(2)]
    # Now it is a column of the feed.
    meters.drop("b", [{**reading, "site": [n]} for n, reading in enumerate(readings(2, 5))])
    meters.cycle()
    assert meters.rows("id, site")[2:] == [("m5", "[0]"), ("m6", "[1]")]
    assert find(project.settings, Selection()) == []


def test_files_of_a_pattern_are_known_by_their_paths(project: Project) -> None:
    meters = Meters(project, FORMS["json lines"], "landing/meters/**/*.jsonl")
    meters.drop("x", readings(1))
    meters.drop("2025/06/x", readings(2, 10))
    meters.drop("batch-1/part-1", readings(1, 20))
    (meters.folder / "2025" / "notes.txt").write_text("mine")
    (meters.folder / "2025" / "x.jsonl").write_text("no JSON")
    (meters.folder / "batch-1" / "part-2.jsonl").write_text("no JSON either")
    consumed = consume(project.settings, meters.contract)
    assert consumed.notes["ignored_files"] == ["2025/notes.txt"]
    assert set(consumed.notes["unreadable_files"]) > {"2025/x.jsonl"}  # type: ignore[call-overload]
    merge(project.settings, meters.contract)
    load(project.settings, meters.contract)
    assert sorted(row[0] for row in meters.rows()) == ["m0", "m10", "m11", "m20"]
    names = project.sql("SELECT file_name FROM etl_file WHERE kind = 'landing' ORDER BY file_name")
    assert [name for (name,) in names] == ["2025/06/x.jsonl", "batch-1/part-1.jsonl", "x.jsonl"]
    # The folder of somebody is no batch in backup/.
    landing = meters.kept("landing")
    assert [name for name in landing if name.endswith("x.jsonl")] == ["2025/06/x.jsonl", "x.jsonl"]
    # What was set aside comes back to its place.
    aside = next(name for name in meters.kept("quarantine") if name.endswith("part-2.jsonl"))
    for number, name in enumerate(("2025/x.jsonl", aside), start=30):
        (meters.backup / "quarantine" / name).write_bytes(json_lines(readings(1, number)))
        quarantine_files.retry(project.settings, name)
    assert (meters.folder / "batch-1" / "part-2.jsonl").exists()
    meters.cycle()
    assert len(meters.rows()) == 6
    assert quarantine_files.find(project.settings) == []
    prune(project.settings, {"meters": meters.contract}, Policy(timedelta(0), timedelta(0)))
    assert meters.kept("landing") == []
    assert list((meters.backup / "landing").iterdir()) == []


@pytest.mark.parametrize("form", [FORMS["csv"], FORMS["json lines"], FORMS["parquet"]], ids=["csv", "json", "parquet"])
@pytest.mark.parametrize("path", ["landing/meters", "landing/meters/*/data_*.dat"])
def test_simulated_readings_come_in_the_feed_s_form(project: Project, form: Form, path: str) -> None:
    meters = Meters(project, form, path)
    produced = produce(project.settings, meters.contract, messages=500, bad_share=0.1, seed=3)
    assert produced.counts.processed == 500
    read = consume(project.settings, meters.contract)
    assert read.counts.read == 500
    merge(project.settings, meters.contract)
    loaded = load(project.settings, meters.contract)
    assert loaded.counts.processed > 400
    reasons = {row["reason"] for row in find(project.settings, Selection(), limit=100)}
    assert reasons <= {"missing", "not_json", "not_csv"}


@every_form
def test_a_file_of_one_s_own_is_put_into_the_folder(project: Project, form: Form, tmp_path: Path) -> None:
    meters = Meters(project, form)
    own = tmp_path / f"mine{form.ending}"
    own.write_bytes(form.write(readings(3)))
    for _ in range(2):
        produce(project.settings, meters.contract, source_file=str(own))
    assert meters.cycle().counts.processed == 3
