"""A file is compressed without loss: neither its own content nor another that has the path of the copy."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from etl.errors import IntegrityError
from etl.operations.retention.compress import compress, compressed_of

CONTENT = b"a,b\n1,2\n" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.csv"
    file.write_bytes(CONTENT)
    return file


def test_only_the_copy_is_left(file: Path) -> None:
    copy = compressed_of(file)
    assert copy.name == "a.csv.gz"
    freed = compress(file, SHA256, copy)
    assert gzip.decompress(copy.read_bytes()) == CONTENT
    assert list(file.parent.iterdir()) == [copy]
    assert freed == len(CONTENT) - copy.stat().st_size


def test_a_copy_of_an_interrupted_run_is_replaced(file: Path) -> None:
    copy = compressed_of(file)
    copy.write_bytes(gzip.compress(CONTENT))
    compress(file, SHA256, copy)
    assert list(file.parent.iterdir()) == [copy]


@pytest.mark.parametrize(
    "there", [gzip.compress(b"other"), gzip.compress(CONTENT)[:-9], b"never compressed"], ids=["whole", "cut", "plain"]
)
def test_another_content_is_not_replaced(file: Path, there: bytes) -> None:
    copy = compressed_of(file)
    copy.write_bytes(there)
    with pytest.raises(IntegrityError, match=r"a\.csv\.gz is there already, with another content"):
        compress(file, SHA256, copy)
    assert (file.read_bytes(), copy.read_bytes()) == (CONTENT, there)
    assert len(list(file.parent.iterdir())) == 2


def test_a_content_that_was_changed_is_kept(file: Path) -> None:
    file.write_bytes(CONTENT + b"3,4\n")
    with pytest.raises(IntegrityError, match=r"a\.csv was changed"):
        compress(file, SHA256, compressed_of(file))
    assert list(file.parent.iterdir()) == [file]
