r"""Reading and writing the rows of parts and archives, in one CSV dialect.

UTF-8, comma, `"` doubled inside quotes, `\n` after each row. A field is quoted when it contains a comma, a quote, CR or LF.
Nothing between two commas is NULL; `""` is the empty text. This is what Spark writes with `escape='"'`, `emptyValue='""'` and
white space kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from etl.errors import IntegrityError
from etl.storage import files
from etl.storage.files import open_content

if TYPE_CHECKING:
    import pandas as pd

_BLOCK_BYTES = 4 << 20
_LARGEST_BLOCK_BYTES = 1 << 30
_ROW_OVER_TWO_BLOCKS = "straddling object"
"""Arrow's words for a row that is longer than a block."""


def read_chunks(file: Path, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
    """A part or archive, compressed or not, as record batches of text columns, in the file's order and in bounded memory.

    NULL and the empty text remain different, and every word (`NA`, `null`) is text.

    :param columns: the columns to read; None: all.
    :raises IntegrityError: a row has too few or too many fields, or the text is not UTF-8.
    """
    if file.stat().st_size == 0:
        raise IntegrityError(f"{file.name} is empty; it lacks even its header.", remedy="Restore the file.")
    with open_content(file) as handle:
        names = handle.readline().decode("utf-8").rstrip("\r\n").split(",")
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=list(columns) if columns else names,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    done, block_bytes = 0, _BLOCK_BYTES
    while True:
        try:
            for chunk in _blocks(file, options, block_bytes, skip=done):
                yield chunk
                done += chunk.num_rows
        except pa.ArrowInvalid as error:
            if _ROW_OVER_TWO_BLOCKS not in str(error) or block_bytes >= _LARGEST_BLOCK_BYTES:
                raise IntegrityError(
                    f"{file.name} cannot be read: {str(error)[:200]}", remedy="Restore the file."
                ) from None
            # A row with a large message. Continue with this row, in larger blocks.
            block_bytes *= 8
        else:
            return


def _blocks(file: Path, options: csv.ConvertOptions, block_bytes: int, *, skip: int) -> Iterator[pa.RecordBatch]:
    """The rows after the first `skip`."""
    # Like `open_content`, pyarrow recognises compressed files by their name.
    with csv.open_csv(
        file,
        read_options=csv.ReadOptions(block_size=block_bytes),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    ) as reader:
        for chunk in reader:
            if skip < chunk.num_rows:
                yield chunk.slice(skip)
            skip = max(0, skip - chunk.num_rows)


def to_csv(chunk: pa.RecordBatch | pa.Table) -> bytes:
    """Text columns in this CSV dialect, without a header: byte for byte what Spark writes for the same rows."""
    fields = [_quoted(column) for column in chunk.columns]
    lines = pc.binary_join_element_wise(*fields, ",", null_handling="emit_null")
    joined = pa.chunked_array([lines]) if isinstance(lines, pa.Array) else lines
    return b"".join(f"{line}\n".encode() for part in joined.chunks for line in part.to_pylist())


def _quoted(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    text = pc.fill_null(column, "")
    needs_quotes = pc.or_(pc.match_substring_regex(text, r'[",\r\n]'), pc.equal(text, ""))
    doubled = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    quoted = pc.if_else(needs_quotes, doubled, text)
    return pc.if_else(pc.is_null(column), "", quoted)


def header(columns: tuple[str, ...]) -> bytes:
    """The first line of every part and archive."""
    return ",".join(columns).encode() + b"\n"


def header_line(path: Path) -> bytes:
    with files.open_content(path) as handle:
        return handle.readline()


def columns_of(file: Path) -> tuple[str, ...]:
    return tuple(header_line(file).decode("utf-8").rstrip("\n").split(","))


def read_frame(file: Path, rows: int | None = None) -> pd.DataFrame:
    """A part or an archive as a pandas frame of text columns, with exactly the texts of the file.

    :param rows: how many rows, from the top; None: all.
    """
    table = pa.Table.from_batches(list(_first_chunks(read_chunks(file), rows)), schema=_schema(file))
    frame: pd.DataFrame = table.to_pandas(types_mapper=_arrow_string)
    return frame if rows is None else frame.head(rows)


def _first_chunks(chunks: Iterator[pa.RecordBatch], rows: int | None) -> Iterator[pa.RecordBatch]:
    seen = 0
    for chunk in chunks:
        yield chunk
        seen += chunk.num_rows
        if rows is not None and seen >= rows:
            return


def _schema(file: Path) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in columns_of(file)])


def _arrow_string(_: Any) -> pd.ArrowDtype:
    import pandas as pd

    return pd.ArrowDtype(pa.string())
