"""Rows of a Parquet file, as the JSON objects that a job reads from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl.contract.draft.samples.content import MOST_BYTES, Content, opened
from etl.contract.draft.samples.json_records import JsonDecoder
from etl.errors import ConfigurationError

MAGIC = b"PAR1"
_ROWS = 500
"""Rows that are decoded at once."""


def read_parquet(path: Path, content: Content, most: int) -> tuple[list[dict[str, Any]], int]:
    """The first rows of a file, and how many it has more.

    :raises ConfigurationError: the file is damaged, or has no rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from etl.contract.formats.arrow_json import as_objects

    decoder = JsonDecoder()
    rows: list[dict[str, Any]] = []
    taken = 0
    try:
        with _seekable(path, content) as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                rows += [decoder.line(text) for text in as_objects(batch.slice(0, most - len(rows)))]
                taken += batch.nbytes
                if len(rows) >= most or taken > MOST_BYTES:
                    break
            left = file.metadata.num_rows - len(rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ConfigurationError(
            f"{content.name} cannot be read: {reason}", remedy="Give a whole Parquet file."
        ) from None
    if not rows:
        raise ConfigurationError(f"{content.name} has no records.", remedy="Give a file with some rows.")
    return rows, left


@contextmanager
def _seekable(path: Path, content: Content) -> Iterator[Any]:
    """The file; or its content, where the file as a whole is packed."""
    with opened(path) as handle:
        is_packed = handle.read(len(MAGIC)) != MAGIC
        handle.seek(0)
        if is_packed and not content.is_whole:
            raise ValueError("it is packed and too large; unpack it")
        yield io.BytesIO(content.head) if is_packed else handle
