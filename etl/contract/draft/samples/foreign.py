"""Files that hold no text and no Parquet, recognised by their first bytes."""

from __future__ import annotations

from etl.contract.draft.samples.content import Content
from etl.contract.formats.first_bytes import GZIP, ZSTD
from etl.errors import ConfigurationError

_AS_CSV = "Save it as CSV, and give that file."
_UNPACK = "Unpack it, and give one of its files (gzip and zstd need no unpacking)."
_RECORDS = "Give a file of records: JSON, JSON lines, CSV or Parquet."
_SIGNATURES = {
    b"PK\x03\x04": ("an Excel file or a ZIP archive", "Save the sheet as CSV, or unpack the archive."),
    b"\xd0\xcf\x11\xe0": ("an Excel file", _AS_CSV),
    b"BZh": ("a bzip2 archive", _UNPACK),
    b"\xfd7zXZ": ("an xz archive", _UNPACK),
    b"7z\xbc\xaf": ("a 7z archive", _UNPACK),
    b"Rar!": ("a RAR archive", _UNPACK),
    GZIP: ("packed twice", _UNPACK),
    ZSTD: ("packed twice", _UNPACK),
    b"SQLite format 3": ("an SQLite database", "Export the table as CSV: sqlite3 -header -csv FILE 'SELECT …'."),
    b"\x89HDF": ("an HDF5 or NetCDF file", _AS_CSV),
    b"CDF": ("a NetCDF file", _AS_CSV),
    b"Obj\x01": ("an Avro file", "Convert it to JSON lines: `avro-tools tojson FILE`."),
    b"ORC": ("an ORC file", "Convert it to Parquet."),
    b"ARROW1": ("an Arrow file", "Convert it to Parquet."),
    b"\x89PNG": ("a PNG image", _RECORDS),
    b"\xff\xd8\xff": ("a JPEG image", _RECORDS),
    b"GIF8": ("a GIF image", _RECORDS),
    b"%PDF": ("a PDF document", _RECORDS),
    b"\x7fELF": ("a program", _RECORDS),
    b"<": ("XML or HTML", "Export JSON or CSV instead."),
}
_TEXTS = (b"<", b"CDF", b"ORC", b"BZh", b"Rar!", b"GIF8")
"""Signatures that a text might begin with."""
_CONTROLS = frozenset(range(0x20)) - set(b"\t\n\v\f\r\x1b\x1c\x1d\x1e\x1f")
_BEGINNING = 1 << 10
_EXAMINED = 1 << 16
_MOST_CONTROLS = 0.02


def refuse_foreign(content: Content) -> None:
    """:raises ConfigurationError: the content is known not to be records, or is no text at all."""
    first = content.head[:_BEGINNING].lstrip(b" \t\r\n")
    for signature, (what, remedy) in _SIGNATURES.items():
        if not first.startswith(signature):
            continue
        if signature == b"<" or signature not in _TEXTS or is_binary(content.head):
            raise ConfigurationError(f"{content.name} is {what}.", remedy=remedy)
    if is_binary(content.head):
        raise ConfigurationError(f"{content.name} is not a text: it has binary content.", remedy=_RECORDS)


def is_binary(head: bytes) -> bool:
    """Whether bytes are no text in an encoding that contains ASCII. A few zeros are what a logger leaves that lost its power."""
    examined = head[:_EXAMINED]
    return sum(byte in _CONTROLS for byte in examined) > _MOST_CONTROLS * len(examined)
