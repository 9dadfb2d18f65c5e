"""The content of files: unpacked where it is compressed, which their first bytes show, whatever they are called."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from etl.contract.formats import first_bytes
from etl.contract.formats.first_bytes import EXAMINED, packing_of
from etl.errors import UnreadableFile

_BUFFER_BYTES = 1 << 18


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A file's content for reading from its beginning to its end.

    Reading raises UnreadableFile where compressed content is damaged or truncated.
    """
    with path.open("rb") as handle:
        packing = packing_of(handle.read(EXAMINED))
        handle.seek(0)
        if packing == "gzip":
            yield io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=handle)), _BUFFER_BYTES)
        elif packing == "zstd":
            yield io.BufferedReader(_Unpacked(pa.CompressedInputStream(pa.PythonFile(handle), "zstd")), _BUFFER_BYTES)
        else:
            yield handle


def is_compressed(path: Path) -> bool:
    with path.open("rb") as handle:
        return packing_of(handle.read(EXAMINED)) != ""


def marked_encoding(content: io.BufferedReader) -> str | None:
    """The encoding that a byte-order mark at the beginning shows, as Python calls the one that skips the mark; else None."""
    return first_bytes.marked_encoding(content.peek(EXAMINED)) or None


class _Unpacked(io.RawIOBase):
    """A stream that decompresses; it says of damaged content that the file cannot be read."""

    def __init__(self, packed: IO[bytes] | Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._packed.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UnreadableFile(f"it cannot be unpacked ({error})") from None
        except OSError as error:
            # Arrow's errors about damaged content have no number; those of the disk have one.
            if error.errno is not None:
                raise
            raise UnreadableFile(f"it cannot be unpacked ({error})") from None
        buffer[: len(content)] = content
        return len(content)


class InUtf8(io.RawIOBase):
    """The text of a stream in another encoding, in UTF-8."""

    def __init__(self, content: io.BufferedReader, encoding: str) -> None:
        self._content = content
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            content = self._content.read(_BUFFER_BYTES)
            try:
                self._left = self._decoder.decode(content, final=not content).encode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise UnreadableFile(f"it is not valid in {self._encoding} ({error.reason})") from None
            if not content:
                break
        taken = self._left[: len(buffer)]
        self._left = self._left[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
