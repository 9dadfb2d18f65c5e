"""What is in a file, however it is packed and encoded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from etl.errors import UnreadableFile
from etl.storage.content.unpacked import InUtf8, is_compressed, marked_encoding, opened
from tests.support.file_records import packings

CONTENT = b"".join(b"line %d\n" % number for number in range(100_000))


@pytest.mark.parametrize("packing", packings())
def test_content_is_unpacked_by_its_first_bytes(tmp_path: Path, packing: str) -> None:
    file = tmp_path / "content"
    file.write_bytes(packings()[packing](CONTENT))
    assert is_compressed(file) == (packing != "plain")
    with opened(file) as content:
        assert content.read(7) == CONTENT[:7]
        assert content.read() == CONTENT[7:]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_several_packed_pieces_are_one_content(tmp_path: Path, packing: str) -> None:
    (tmp_path / "content").write_bytes(packings()[packing](b"a") + packings()[packing](b"b"))
    with opened(tmp_path / "content") as content:
        assert content.read() == b"ab"


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_truncated_content_is_unreadable(tmp_path: Path, packing: str) -> None:
    packed = packings()[packing](CONTENT)
    for length in (len(packed) - 1, len(packed) // 2, 12):
        (tmp_path / "content").write_bytes(packed[:length])
        with opened(tmp_path / "content") as content, pytest.raises(UnreadableFile, match="it cannot be unpacked"):
            content.read()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    text = "Süd \U0001f3d4\n" * 50_000
    file = tmp_path / "content"
    file.write_text(text, encoding)
    with opened(file) as content:
        assert marked_encoding(content) == encoding
        assert io.BufferedReader(InUtf8(content, encoding)).read() == text.encode()
    file.write_text(text, "utf-8")
    with opened(file) as content:
        assert marked_encoding(content) is None
