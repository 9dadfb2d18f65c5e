from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import IntegrityError
from etl.storage import batch_csv
from etl.storage.batch_csv import read_chunks, to_csv

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
    file.write_bytes(batch_csv.header(columns) + to_csv(text_table(rows, columns)))
    return file


@settings(deadline=None)
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
