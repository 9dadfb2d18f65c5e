"""What a batch's part files hold is read from the files."""

from __future__ import annotations

from pathlib import Path

from etl.jobs.consume.spark.batch_writer import _inspect_parts
from etl.storage.batch_csv import header
from etl.storage.files import sha256
from etl.storage.manifests import OffsetRange

HEADER = header(("value", "source_partition", "source_offset", "source_item", "source_time", "raw"))


def test_parts_are_counted_and_hashed_and_get_the_names_of_parts(tmp_path: Path) -> None:
    (tmp_path / "part-00000-a.txt").write_bytes(b"")
    (tmp_path / "part-00001-a.txt").write_bytes(HEADER + b"1,0,7,0,,\n2,0,9,0,,\n2,0,9,1,,\n")
    (tmp_path / "part-00002-a.txt").write_bytes(HEADER + b'"1,\n",10,5,0,,\n,0,4,0,,"\n"\n')
    (tmp_path / ".part-00001-a.txt.crc").write_bytes(b"crc")
    (tmp_path / "_temporary").mkdir()
    parts, offsets, messages = _inspect_parts(tmp_path, HEADER)
    assert sorted(path.name for path in tmp_path.iterdir()) == [part.name for part in parts]
    assert [(part.name, part.rows) for part in parts] == [
        ("part-00000.csv", 0),
        ("part-00001.csv", 3),
        ("part-00002.csv", 2),
    ]
    assert [(part.bytes, part.sha256) for part in parts] == [
        ((tmp_path / part.name).stat().st_size, sha256(tmp_path / part.name)) for part in parts
    ]
    assert (tmp_path / "part-00000.csv").read_bytes() == HEADER
    assert list(offsets.items()) == [("0", OffsetRange(4, 10, 4)), ("10", OffsetRange(5, 6, 1))]
    assert messages == 4
