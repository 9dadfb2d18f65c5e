"""The beginning of a file's content, unpacked, in bounded time and memory, whatever the path turns out to be."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from etl.contract.formats.first_bytes import EXAMINED, packing_of
from etl.errors import ConfigurationError

MOST_BYTES = 32 << 20
"""Most bytes, after unpacking, of all files of a sample together."""
_CHUNK = 1 << 20
_PACKED_SUFFIXES = (".gz", ".zst", ".zstd")
_USUAL = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".dat", ".log")
_NO_FILES = {
    stat.S_ISFIFO: "is a pipe",
    stat.S_ISCHR: "is a device",
    stat.S_ISBLK: "is a device",
    stat.S_ISSOCK: "is a socket",
}
_GIVE_A_FILE = "Give a file of records: JSON, JSON lines, CSV or Parquet."


@dataclass(frozen=True)
class Content:
    """The beginning of a file."""

    name: str
    """Without what cannot be printed."""
    head: bytes
    is_whole: bool
    """Whether the file ends here."""
    share: float
    """About which share of the file this is."""

    @property
    def suffix(self) -> str:
        """How the name ends, in lower case and without the ending of a compression: `.csv`."""
        return plain_suffix(Path(self.name))


def plain_suffix(path: Path) -> str:
    """How a file's name ends, in lower case and without the ending of a compression."""
    name = path.name.lower()
    for suffix in _PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return Path(name).suffix


def read_content(path: Path, most: int) -> Content:
    """The first bytes of a file, at most `most`, unpacked if it is packed with gzip or zstd.

    :raises ConfigurationError: there is no file, it cannot be opened or unpacked, or it is empty.
    """
    with opened(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        # Arrow's stream closes the file when nobody refers to it.
        stream = _unpacked(handle)
        try:
            head = _read(stream, most + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise ConfigurationError(
                f"{path.name} cannot be unpacked: {error}", remedy="Give the whole file, or unpack it yourself."
            ) from None
        share = min(1.0, handle.tell() / size) if size else 1.0
    if not head:
        raise ConfigurationError(f"{path.name} is empty.", remedy=_GIVE_A_FILE)
    is_whole = len(head) <= most
    name = "".join(letter if letter.isprintable() else "?" for letter in path.name)
    return Content(name, head[:most], is_whole, 1.0 if is_whole else share)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, opened without waiting.

    :raises ConfigurationError: the path is something else, or cannot be opened.
    """
    try:
        _require_file(path, path.stat().st_mode)
        # Should the path have become a pipe by now, opening it does not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        what = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise ConfigurationError(f"The sample {path} {what}.", remedy="Correct the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"The sample {path} cannot be opened: {reason}.", remedy="Make it readable, or give another file."
        ) from None
    with os.fdopen(descriptor, "rb") as handle:
        _require_file(path, os.fstat(handle.fileno()).st_mode)
        yield handle


def _require_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ConfigurationError(f"{path} is a folder.", remedy=f"Give its files: --from {path}/{_names_in(path)}")
    for is_kind, what in _NO_FILES.items():
        if is_kind(mode):
            raise ConfigurationError(f"{path} {what}.", remedy=f"Save what it gives to a file. {_GIVE_A_FILE}")


def _names_in(folder: Path) -> str:
    """A pattern for the most frequent kind of files in a folder, of those that samples usually are."""
    endings = Counter(plain_suffix(file) for file in folder.iterdir())
    usual = [ending for ending, _ in endings.most_common() if ending in _USUAL]
    return f"*{usual[0]}*" if usual else "*"


def _unpacked(handle: IO[bytes]) -> IO[bytes] | Any:
    packing = packing_of(handle.read(EXAMINED))
    handle.seek(0)
    if packing == "gzip":
        return gzip.GzipFile(fileobj=handle)
    if packing == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(handle), "zstd")
    return handle


def _read(stream: IO[bytes] | Any, most: int) -> bytes:
    content = io.BytesIO()
    while (missing := most - content.tell()) > 0 and (chunk := stream.read(min(_CHUNK, missing))):
        content.write(chunk)
    return content.getvalue()
