"""Files of JSON: lines that are a message each, or one document, which is an object or an array of objects."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl.errors import UnreadableFile
from etl.storage.content.unpacked import InUtf8, marked_encoding, opened

LARGEST_BYTES = 64 << 20
"""Most bytes of a line, and of a document, unpacked: each is parsed in memory."""
_LINES_TRIED = 10
_BUFFER_BYTES = 1 << 18
_NOT_IN_TEXTS = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")|[ \t\r\n]+', re.DOTALL)
"""A text of JSON, or the blanks between others."""
_BLANKS = re.compile(r"[ \t\r\n]*")


@contextmanager
def json_messages(path: Path, *, wraps: bool) -> Iterator[Iterator[tuple[int, bytes]]]:
    """The messages of a file, each with its line, or with its number in an array.

    The first lines show which of the two forms the file has.

    :param wraps: whether an element of an array becomes an array with this one element.
    :raises UnreadableFile: it cannot be unpacked, is no JSON at all, is a broken document, or has a line or a document that is
        too large.
    """
    with _content(path) as content:
        is_document = _is_document(content)
    with _content(path) as content:
        yield _of_document(_text(content), wraps=wraps) if is_document else _of_lines(content)


@contextmanager
def _content(path: Path) -> Iterator[io.BufferedReader]:
    """A file's content in UTF-8, without a byte-order mark."""
    with opened(path) as content:
        encoding = marked_encoding(content)
        if encoding == "utf-8-sig":
            content.read(3)
            encoding = None
        yield io.BufferedReader(InUtf8(content, encoding), _BUFFER_BYTES) if encoding else content


# --- lines -----------------------------------------------------------------------------------------------------------


def _of_lines(content: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    for number in itertools.count(1):
        line = content.readline(LARGEST_BYTES + 1)
        if len(line) > LARGEST_BYTES:
            raise _too_large(f"line {number}")
        if not line:
            return
        if not line.isspace():
            yield number, line.rstrip(b"\r\n")


def _is_document(content: io.BufferedReader) -> bool:
    """Whether a file is one document, as its first lines show.

    :raises UnreadableFile: none of them is, or begins, JSON.
    """
    lines: list[bytes] = []
    for _, line in _of_lines(content):
        lines.append(line)
        if len(lines) == _LINES_TRIED or sum(map(len, lines)) > LARGEST_BYTES:
            break
    if not lines:
        return False
    first, begin = lines[0], lines[0].lstrip()[:1]
    if is_message(first):
        return begin == b"[" and len(lines) == 1
    if begin == b"[":
        # Arrays in lines of which the first is broken; an array over several lines has other lines than these.
        return len(lines) == 1 or not all(line.lstrip()[:1] == b"[" and is_message(line) for line in lines[1:])
    others = any(is_message(line) for line in lines[1:])
    if begin != b"{":
        if not others:
            raise UnreadableFile("it begins with something other than JSON", seen=f"it begins {first[:60]!r}")
        return False
    return len(lines) > 1 and (not others or _is_whole(content, lines))


def _is_whole(content: io.BufferedReader, lines: list[bytes]) -> bool:
    """Whether lines of which some are messages are, with all that follows, one document, such as an object with an array."""
    text = b"\n".join(lines) + b"\n" + content.read(LARGEST_BYTES)
    return len(text) <= LARGEST_BYTES and is_message(text)


def is_message(text: bytes) -> bool:
    """Whether a text is an object or an array in JSON."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


# --- documents -------------------------------------------------------------------------------------------------------


def _text(content: io.BufferedReader) -> str:
    text = content.read(LARGEST_BYTES + 1)
    if len(text) > LARGEST_BYTES:
        raise _too_large("it is one document that")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"it is not valid in UTF-8 ({error.reason})") from None


def _of_document(text: str, *, wraps: bool) -> Iterator[tuple[int, bytes]]:
    """The elements of an array, or the object that the document is, each as its own text without blanks between values."""
    try:
        spans = _elements(text) if _begins_array(text) else [_object_span(text)]
        for number, (start, end) in enumerate(spans, start=1):
            message = _compact(text[start:end])
            yield (
                number,
                (f"[{message}]" if wraps and _begins_array(text) else message).encode("utf-8", "surrogatepass"),
            )
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise UnreadableFile(f"it is a document that is not valid JSON ({reason})") from None


def _begins_array(text: str) -> bool:
    return text.startswith("[", _after_blanks(text, 0))


def _after_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _object_span(text: str) -> tuple[int, int]:
    start = _after_blanks(text, 0)
    end = _end_of_value(text, start)
    _require_end(text, end)
    return start, end


def _elements(text: str) -> Iterator[tuple[int, int]]:
    """The places of an array's elements in its text.

    :raises JSONDecodeError: it is not JSON.
    """
    place = _after_blanks(text, _after_blanks(text, 0) + 1)
    while not text.startswith("]", place):
        end = _end_of_value(text, place)
        yield place, end
        place = _after_blanks(text, end)
        if text.startswith(",", place):
            place = _after_blanks(text, place + 1)
            if text.startswith("]", place):
                raise json.JSONDecodeError("Expecting value", text, place)
        elif not text.startswith("]", place):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
    _require_end(text, place + 1)


_scan: Any = json.JSONDecoder(parse_float=str, parse_int=str).scan_once  # type: ignore[attr-defined]


def _end_of_value(text: str, start: int) -> int:
    try:
        _, end = _scan(text, start)
    except StopIteration as error:
        raise json.JSONDecodeError("Expecting value", text, error.value) from None
    return int(end)


def _require_end(text: str, place: int) -> None:
    end = _after_blanks(text, place)
    if end < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _compact(text: str) -> str:
    return _NOT_IN_TEXTS.sub(lambda found: found[1] or "", text)


def _too_large(what: str) -> UnreadableFile:
    return UnreadableFile(
        f"{what} is larger than {LARGEST_BYTES >> 20} MiB", remedy="Write the messages as lines, one each."
    )
