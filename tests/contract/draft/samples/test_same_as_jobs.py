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
from etl.errors import ConfigurationError
from etl.validation.csv_record import Lines, read_records
from tests.contract.draft.samples.tables.test_dialect import DIALECTS


def require_same(sample: Sample, text: str) -> None:
    """Every record of the sample is one that a job reads; a quote in the wrong place may let the job reject more of them."""
    dialect = sample.form.dialect
    feed = Lines(io.StringIO(text, newline=""), dialect)
    feed.skip(dialect.skip_rows)
    records = read_records(feed, dialect, width=None if dialect.header else len(sample.records[0]))
    names = [(name or "").strip() for name in next(records).fields or ()] if dialect.header else list(sample.records[0])
    if dialect.header:
        feed.skip(dialect.skip_after_header)
    read = list(records)
    whole = [dict(zip(names, record.fields, strict=True)) for record in read if record.fields is not None]
    known = [{name: value or None for name, value in record.items() if name} for record in whole]
    more = [record for record in sample.records if record not in known]
    assert len(more) <= sum('"' in record.text for record in read if record.fields is None)


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
