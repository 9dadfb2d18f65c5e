"""Answers in pages: a client asks for a number of rows, and for those that follow the last one it has seen.

A page begins behind a row, not at a number of rows (keyset pagination), so that the last page takes no longer than the first, and
rows that come in meanwhile shift nothing.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request, Response
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    SmallInteger,
    and_,
    false,
    or_,
)
from sqlalchemy.types import TypeEngine

from etl.api.formats import JSON, json_response, names_of, preferred, stream_response
from etl.api.problems import Problem
from etl.database.types import is_moment

MOST_ROWS = 10_000
"""In one page."""
USUAL_ROWS = 1_000
_MOST_VALUES = 500_000
"""In one page: rows times columns."""

Limit = Annotated[
    int | None,
    Query(
        ge=1,
        le=MOST_ROWS,
        description=f"most rows of the answer; a page may have fewer. By default {USUAL_ROWS:,} as JSON,"
        " everything in other formats",
    ),
]
After = Annotated[str | None, Query(max_length=4_000, description="`next` of the page before")]


@dataclass(frozen=True)
class Asked:
    """Which rows of a listing a request wants, and how they are to be written."""

    media_type: str
    limit: int | None = None
    after: str | None = None


def asked(request: Request, limit: Limit = None, after: After = None) -> Asked:
    """A dependency: from the parameters and the header `Accept`."""
    return Asked(preferred(request), limit, after)


Paging = Annotated[Asked, Depends(asked)]


def answer(
    connection: Connection,
    query: Select[Any],
    order: Sequence[ColumnElement[Any]],
    wanted: Asked,
    head: Mapping[str, Any],
) -> Response:
    """Some rows of a query: a page as JSON, otherwise a stream.

    A stream of all rows is in the database's own order, because to sort many rows takes longer than to send them.

    :param order: what the rows are sorted by; no two have the same values.
    :param head: what precedes the rows in JSON.
    :raises Problem: `after` is no value of `next`.
    """
    if wanted.media_type != JSON:
        if wanted.limit or wanted.after:
            query = page_of(query, order, wanted.after).limit(wanted.limit)
        return stream_response(connection, query, wanted.media_type)
    names = names_of(query)
    limit = rows_of_page(wanted.limit or USUAL_ROWS, len(names))
    # One more tells whether there is another page. The columns to sort by may be among the names, or follow them.
    found = connection.execute(page_of(query, order, wanted.after).add_columns(*order).limit(limit + 1)).all()
    rows = [dict(zip(names, row, strict=False)) for row in found[:limit]]
    following = cursor_of(found[limit - 1][len(names) :]) if len(found) > limit else None
    return json_response({**head, "rows": rows, "next": following})


def rows_of_page(limit: int, columns: int) -> int:
    """How many rows a page has at most, so that one of a feed with many columns does not fill the memory."""
    return min(limit, max(1, _MOST_VALUES // columns))


def page_of(query: Select[Any], order: Sequence[ColumnElement[Any]], after: str | None) -> Select[Any]:
    """A query in its order, from behind a row on."""
    ordered = query.order_by(*order)
    return ordered.where(_is_behind(order, read_cursor(after, order))) if after else ordered


def cursor_of(values: Sequence[Any]) -> str:
    """The values by which a row is sorted, for use in a URL; nobody else needs to understand it."""
    return urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def read_cursor(text: str, order: Sequence[ColumnElement[Any]]) -> list[Any]:
    """The values in a cursor.

    :raises Problem: it is none, or one of another listing.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        values = orjson.loads(b64decode(padded, b"-_", validate=True))
        return [_checked(value, column.type) for value, column in zip(values, order, strict=True)]
    except (ValueError, TypeError, OverflowError):
        raise Problem(
            422, "`after` is not what `next` of a page was.", remedy="Give it unchanged, to the same path."
        ) from None


def _checked(value: Any, kind: TypeEngine[Any]) -> Any:
    """A value of a cursor, which the database will take as one of this type.

    :raises ValueError: it is another one.
    """
    if is_moment(kind):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without an offset")
        return moment.astimezone(UTC)
    bits = next((bits for known, bits in _BITS.items() if isinstance(kind, known)), 0)
    if bits:
        fits = type(value) is int and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)
    elif isinstance(kind, Double | Boolean):
        fits = isinstance(value, float if isinstance(kind, Double) else bool)
    else:
        fits = isinstance(value, str) and "\x00" not in value
    if not fits:
        raise ValueError("a value of another type")
    return value


_BITS = {SmallInteger: 16, BigInteger: 64, Integer: 32}


def _is_behind(order: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a row comes after these values. SQL Server cannot compare rows of values."""
    behind: ColumnElement[bool] = false()
    for column, value in zip(reversed(order), reversed(values), strict=True):
        behind = or_(column > value, and_(column == value, behind))
    # An index is searched by this part.
    return and_(order[0] >= values[0], behind)
