"""What the first bytes of a file show, whatever it is called: how it is packed, and the encoding of its text."""

from __future__ import annotations

import codecs
from typing import Literal

EXAMINED = 4
"""Bytes that are enough for either."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BYTE_ORDER_MARKS = {
    # The marks of UTF-32 begin with those of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def packing_of(first: bytes) -> Literal["", "gzip", "zstd"]:
    """How a file is packed; empty: it is not."""
    if first.startswith(GZIP):
        return "gzip"
    return "zstd" if first.startswith(ZSTD) else ""


def marked_encoding(first: bytes) -> str:
    """The encoding that a byte-order mark shows, as Python calls the one that skips the mark; empty: there is no mark."""
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if first.startswith(mark)), "")
