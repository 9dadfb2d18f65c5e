from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import IntegrityError
from etl.storage import csv_dialect, files, manifests
from etl.storage.csv_dialect import read_chunks, to_csv

TEXTS = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        [
            "",
            " ",
            "NA",
            "null",
            "007",
            "=1+1",
            "a,b",
            'say "x"',
            "line\nfeed",
            "carriage\rreturn",
            "\r\n",
            "end\\",
            "\t",
            "😀\u200f",
        ]
    )
)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=30)
COLUMNS = ("a", "b", "c")


def text_table(rows: list[tuple[str | None, ...]], columns: tuple[str, ...] = COLUMNS) -> pa.Table:
    values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return pa.table(values, schema=pa.schema([(name, pa.string()) for name in columns]))


def write(file: Path, rows: list[tuple[str | None, ...]], columns: tuple[str, ...] = COLUMNS) -> Path:
    file.write_bytes(csv_dialect.header(columns) + to_csv(text_table(rows, columns)))
    return file


@given(rows=ROWS)
def test_text_survives_the_csv_byte_for_byte(
    rows: list[tuple[str | None, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = write(tmp_path_factory.mktemp("csv") / "part.csv", rows)
    found = [row for chunk in read_chunks(file) for row in zip(*chunk.to_pydict().values(), strict=True)]
    assert found == rows


def test_a_torn_row_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "part.csv", [("1", "2", "3")])
    file.write_bytes(file.read_bytes() + b"4,5\n")
    with pytest.raises(IntegrityError, match=r"part\.csv cannot be read"):
        list(read_chunks(file))


def test_json_is_written_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plan.json", {"source": manifests.Source("kafka", "t", "id")})
    assert files.read_json(tmp_path / "plan.json") == {"source": {"kind": "kafka", "name": "t", "identity": "id"}}
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_manifest_that_was_being_written_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / f".tmp-a.csv{manifests.MANIFEST_SUFFIX}").write_text("{")
    (tmp_path / f"b.csv{manifests.MANIFEST_SUFFIX}").write_text("{}")
    assert manifests.archives(tmp_path) == ["b.csv"]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.manifest.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"x\.manifest\.json"):
        manifests.read_archive(tmp_path, "x")


def test_a_batch_that_is_written_again_takes_its_own_place(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "part").write_text(content)
        files.replace_folder(tmp_path / "new", tmp_path / "batch-1")
    assert (tmp_path / "batch-1" / "part").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["batch-1"]


def test_strays_are_reported_and_temporaries_removed(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    (tmp_path / ".tmp-batch").mkdir()
    (tmp_path / "batch-without-manifest").mkdir()
    assert manifests.strays(tmp_path) == ["batch-without-manifest", "note.txt"]
    assert files.remove_temporaries(tmp_path) == [".tmp-batch"]
    assert (tmp_path / "note.txt").exists()
