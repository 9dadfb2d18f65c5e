"""What is read of a sample is what a job reads of the same file, by the dialect in the draft."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample
from etl.contract.formats.csv_records import Lines, read_records
from etl.errors import ConfigurationError
from tests.contract.draft.samples.tables.test_dialect import DIALECTS


def require_same(sample: Sample, text: str) -> None:
    """Every record of the sample is one that a job reads."""
    dialect = sample.form.dialect
    feed = Lines(io.StringIO(text, newline=""), dialect)
    feed.skip(dialect.skip_rows)
    records = read_records(feed, dialect, width=None if dialect.header else len(sample.records[0]))
    names = [(name or "").strip() for name in next(records).fields or ()] if dialect.header else list(sample.records[0])
    if dialect.header:
        feed.skip(dialect.skip_after_header)
    whole = [dict(zip(names, record.fields, strict=True)) for record in records if record.fields is not None]
    known = iter([{name: value or None for name, value in record.items() if name} for record in whole])
    # In the same order.
    assert all(record in known for record in sample.records)


@pytest.mark.parametrize("text", [text for text, _ in DIALECTS])
def test_each_dialect_is_read_alike(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.csv").write_text(text, newline="")
    require_same(read_sample([tmp_path / "s.csv"]), text)


CELLS = st.sampled_from(
    ["1", "1,5", "-2.5", "", " ", "a", "a b", '"a"', '"a, b"', '"a;b"', '"a""b"', '"', "é", "NaN", "12:30", "#1"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", ";\n", ",\n"])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([",", ";", "\t", "|"]),
    st.lists(st.sampled_from(["# note\n", "Station: 7\n", "\n", "a,b\n", "sep=;\n"]), max_size=3),
    st.lists(st.tuples(CELLS, CELLS, ENDS), min_size=1, max_size=12),
)
def test_whatever_the_lines_are_they_are_read_alike(
    mark: str, before: list[str], rows: list[tuple[str, str, str]]
) -> None:
    body = "".join(mark.join((f"2025-06-15T00:{n:02}:00Z", *cells)) + end for n, (*cells, end) in enumerate(rows))
    text = "".join(before) + mark.join(("time", "v", "w")) + "\n" + body
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "s.csv")
        file.write_text(text, newline="")
        try:
            sample = read_sample([file])
        except ConfigurationError:
            return
    require_same(sample, text)
