"""How rows are written: as JSON, NDJSON, CSV or Parquet, whichever a request's `Accept` prefers.

JSON is an answer of bounded size. The others are streams of everything that was asked for: the rows come from the database in
blocks, and a block is sent before the next one is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

import anyio
import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import BigInteger, Boolean, Connection, Float, Integer, Select, SmallInteger
from sqlalchemy.types import TypeEngine
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from etl.api.problems import Problem, describe
from etl.database import stream_csv
from etl.database.types import is_moment

if TYPE_CHECKING:
    import pyarrow as pa

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"

Blocks = Generator[bytes, None, None]

_VALUES_AT_ONCE = 200_000
"""In memory at a time: rows times columns."""
_MOST_ROWS_AT_ONCE = 20_000
_OPTIONS = orjson.OPT_UTC_Z
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def preferred(request: Request) -> str:
    """The media type that a request prefers; JSON where it does not say.

    :raises Problem: it accepts none of them.
    """
    ranges = dict(_ranges(",".join(request.headers.getlist("accept"))))
    if not ranges:
        return JSON
    # Among equals it is the first.
    name = max((JSON, *STREAMS), key=lambda name: _quality(name, ranges))
    if not _quality(name, ranges):
        raise Problem(
            406, "The request accepts no format of the answer.", remedy=f"Accept {JSON}, {NDJSON}, {CSV} or {PARQUET}."
        )
    return name


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Ranges of media types, each with how much it is preferred, 0 to 1 (RFC 9110, 12.5.1)."""
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        if name:
            yield name, float(quality) if _QUALITY.fullmatch(quality) else 0.0


def _quality(name: str, ranges: dict[str, float]) -> float:
    """That of the most specific range."""
    fitting = (name, f"{name.partition('/')[0]}/*", "*/*")
    return next((ranges[each] for each in fitting if each in ranges), 0.0)


def names_of(query: Select[Any]) -> list[str]:
    """The names of a query's columns, as texts and not as SQLAlchemy's subclass of them, which orjson refuses as a key."""
    return [str(column.key) for column in query.selected_columns]


def json_response(content: Any) -> Response:
    """Plain values as JSON; times are in UTC."""
    return Response(orjson.dumps(content, option=_OPTIONS), media_type=JSON)


def stream_response(connection: Connection, query: Select[Any], media_type: str) -> Response:
    """The result of a query as a stream, in one of STREAMS. What fails before the first row fails here."""
    blocks = STREAMS[media_type](connection, query)
    return _Stream(next(blocks, b""), blocks, media_type)


class _Stream(StreamingResponse):
    """Ends the query however the answer ends: a client that goes away must not keep the connection busy."""

    def __init__(self, first: bytes, blocks: Blocks, media_type: str) -> None:
        super().__init__(chain((first,), blocks), media_type=media_type)
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._blocks.close)


def _csv(connection: Connection, query: Select[Any]) -> Blocks:
    yield from stream_csv(connection, query)


def _ndjson(connection: Connection, query: Select[Any]) -> Blocks:
    names = names_of(query)
    for rows in _parts(connection, query):
        yield b"".join(
            orjson.dumps(dict(zip(names, row, strict=True)), option=_OPTIONS | orjson.OPT_APPEND_NEWLINE)
            for row in rows
        )


def _parquet(connection: Connection, query: Select[Any]) -> Blocks:
    """Each part is a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema(query)
    written = BytesIO()
    with pq.ParquetWriter(written, schema) as writer:
        for rows in _parts(connection, query):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield _taken(written)
    yield _taken(written)


def _taken(buffer: BytesIO) -> bytes:
    """What was written since the last call. The writer counts for itself how many bytes it has written."""
    content = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return content


STREAMS: dict[str, Callable[[Connection, Select[Any]], Blocks]] = {
    NDJSON: _ndjson,
    CSV: _csv,
    PARQUET: _parquet,
}


STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {name: {} for name in STREAMS}}, **describe(406)}
"""For the `responses` of a route that answers in all formats."""


def _parts(connection: Connection, query: Select[Any]) -> Iterator[list[Any]]:
    """The rows of a query, some at a time; the database keeps the others."""
    rows = max(1, min(_MOST_ROWS_AT_ONCE, _VALUES_AT_ONCE // len(query.selected_columns)))
    with connection.execute(query, execution_options={"yield_per": rows}) as result:
        for part in result.partitions():
            yield list(part)


def arrow_schema(query: Select[Any]) -> pa.Schema:
    """The columns of a query's result."""
    import pyarrow as pa

    return pa.schema([(column.name, _arrow_type(column.type)) for column in query.selected_columns])


def _arrow_type(kind: TypeEngine[Any]) -> pa.DataType:
    import pyarrow as pa

    if is_moment(kind):
        return pa.timestamp("us", tz="UTC")
    kinds = {
        Boolean: pa.bool_(),
        SmallInteger: pa.int16(),
        BigInteger: pa.int64(),
        Integer: pa.int32(),
        Float: pa.float64(),
    }
    return next((arrow for known, arrow in kinds.items() if isinstance(kind, known)), pa.string())
