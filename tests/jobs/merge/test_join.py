from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import IntegrityError
from etl.jobs.merge import join
from etl.storage import batch_csv, files
from tests.storage.test_batch_csv import COLUMNS, ROWS, write


def with_hash(path: Path) -> tuple[Path, str]:
    return path, files.sha256(path)


@given(parts=st.lists(ROWS, min_size=1, max_size=4))
def test_the_byte_road_gives_what_pandas_concat_gives(
    parts: list[list[tuple[str | None, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    paths = [with_hash(write(folder / f"part-{i}.csv", rows)) for i, rows in enumerate(parts)]
    rows, digest = join.join_parts(paths, folder / "bytes.csv")
    with (folder / "pandas.csv").open("wb") as handle:
        join._concat(paths, join._Sink(handle))
    assert (folder / "bytes.csv").read_bytes() == (folder / "pandas.csv").read_bytes()
    assert rows == sum(len(part) for part in parts)
    assert digest == files.sha256(folder / "bytes.csv")


def test_quotes_across_block_borders_are_counted_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "_BLOCK_BYTES", 3)
    part = write(tmp_path / "part.csv", [("a\nb", "x", None), ('""\n"', "y\n\n", "")])
    rows, _ = join.join_parts([with_hash(part)], tmp_path / "all.csv")
    assert rows == 2


def test_different_headers_become_the_union_of_columns(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", [("1", "2", "")])
    new = write(tmp_path / "new.csv", [("3", "4", "5", "6")], (*COLUMNS, "d"))
    rows, _ = join.join_parts([with_hash(old), with_hash(new)], tmp_path / "all.csv")
    assert rows == 2
    frame = batch_csv.read_frame(tmp_path / "all.csv")
    assert list(frame.columns) == ["a", "b", "c", "d"]
    assert frame["c"].tolist() == ["", "5"]
    assert frame["d"].isna().tolist() == [True, False]


def test_a_part_that_was_changed_is_refused(tmp_path: Path) -> None:
    part, digest = with_hash(write(tmp_path / "part.csv", [("1", "2", "3")]))
    part.write_bytes(part.read_bytes().replace(b"1", b"9"))
    with pytest.raises(IntegrityError, match="changed after its manifest was written"):
        join.join_parts([(part, digest)], tmp_path / "all.csv")


def test_a_frame_keeps_every_text_as_it_is(tmp_path: Path) -> None:
    rows: list[tuple[str | None, ...]] = [("NA", "007", " x "), (None, "", "1e5")]
    frame = batch_csv.read_frame(write(tmp_path / "part.csv", rows))
    assert frame.iloc[0].tolist() == ["NA", "007", " x "]
    assert pd.isna(frame.iloc[1]["a"])
    assert frame.iloc[1]["b"] == ""
    assert len(batch_csv.read_frame(tmp_path / "part.csv", rows=1)) == 1
