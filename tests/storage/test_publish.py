"""A batch is published whole or not at all, and once, whatever is killed on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from etl.errors import BalanceError
from etl.storage import files, manifests
from etl.storage.manifests import Batch, OffsetRange, Source
from etl.storage.publish import finished_part, publish_batch, temporary_batch

ROWS = (3, 2)
KILLED = """
import sys
from pathlib import Path
from tests.storage.test_publish import write
from etl.storage.publish import publish_batch
output = Path(sys.argv[1])
publish_batch(*write(output), output)
"""


def write(output: Path) -> tuple[Batch, Path]:
    """A batch of two parts under its temporary name, and its manifest."""
    temporary = temporary_batch(output, "q", 7)
    temporary.mkdir(parents=True)
    parts = []
    for number, rows in enumerate(ROWS):
        file = temporary / f"part-{number:05d}.csv"
        file.write_text("value\n" + "1\n" * rows, "utf-8")
        parts.append(finished_part(file, rows))
    source, offsets = Source("kafka", "t", "id"), {"0": OffsetRange(0, 5, 5)}
    return Batch("f", "c", "q", 7, source, offsets, ("value",), 5, 5, 0, tuple(parts), "2026-01-02"), temporary


def test_a_published_batch_has_its_name_its_parts_and_its_manifest(tmp_path: Path) -> None:
    batch, temporary = write(tmp_path)
    publish_batch(batch, temporary, tmp_path)
    assert manifests.batches(tmp_path) == [batch]
    assert [path.name for path in tmp_path.iterdir()] == [batch.name]
    for part in batch.parts:
        assert files.sha256(tmp_path / batch.name / part.name) == part.sha256


def add(folder: Path) -> None:
    (folder / "part-00002.csv").write_text("value\n")


def lose(folder: Path) -> None:
    (folder / "part-00001.csv").unlink()


def cut(folder: Path) -> None:
    (folder / "part-00001.csv").write_text("value\n")


@pytest.mark.parametrize(("change", "part"), [(add, "part-00002"), (lose, "part-00001"), (cut, "part-00001")])
def test_a_folder_that_is_not_what_its_manifest_says_is_not_published(
    tmp_path: Path, change: Callable[[Path], None], part: str
) -> None:
    batch, temporary = write(tmp_path)
    change(temporary)
    with pytest.raises(BalanceError, match=rf"batch-q-000007: .*{part}\.csv differs"):
        publish_batch(batch, temporary, tmp_path)
    assert manifests.batches(tmp_path) == []


def test_rows_that_do_not_add_up_are_not_published(tmp_path: Path) -> None:
    batch, temporary = write(tmp_path)
    with pytest.raises(BalanceError, match="the manifest says 6 rows in 2 part files, there are 5 rows in 2 files"):
        publish_batch(replace(batch, rows=6), temporary, tmp_path)
    assert manifests.batches(tmp_path) == []


@pytest.mark.parametrize(("point", "published"), [("publish.manifest_written", 0), ("publish.renamed", 1)])
def test_killed_while_publishing_and_run_again_the_batch_is_there_once(
    tmp_path: Path, point: str, published: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "ETL_FAILPOINT": point, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert killed.returncode == -9
    assert len(manifests.batches(tmp_path)) == published
    # As every job begins; then the same batch comes again.
    files.remove_temporaries(tmp_path)
    batch, temporary = write(tmp_path)
    publish_batch(batch, temporary, tmp_path)
    assert manifests.batches(tmp_path) == [batch]
    assert [path.name for path in tmp_path.iterdir()] == [batch.name]
