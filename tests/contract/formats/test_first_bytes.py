"""What the first bytes of a file show."""

from __future__ import annotations

import gzip

import pytest

from etl.contract.formats.first_bytes import EXAMINED, marked_encoding, packing_of
from tests.support.file_records import zstd


def test_packings_are_told_apart() -> None:
    found = [packing_of(content[:EXAMINED]) for content in (gzip.compress(b"a"), zstd(b"a"), b"a,b\n", b"\x28", b"")]
    assert found == ["gzip", "zstd", "", "", ""]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_shows_the_encoding_that_skips_it(encoding: str) -> None:
    content = "a".encode(encoding)
    assert marked_encoding(content[:EXAMINED]) == encoding
    assert content.decode(marked_encoding(content)) == "a"
    assert marked_encoding("a".encode(encoding.removesuffix("-sig").replace("16", "16-le"))) in ("", "utf-32")


def test_text_without_a_mark_shows_nothing() -> None:
    assert [marked_encoding(content) for content in (b"", b"a", b"\xff", b"\xef\xbb")] == [""] * 4
