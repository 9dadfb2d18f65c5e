from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import IntegrityError
from etl.storage import files, manifests


def test_a_manifest_that_was_being_written_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / f".tmp-a.csv{manifests.MANIFEST_SUFFIX}").write_text("{")
    (tmp_path / f"b.csv{manifests.MANIFEST_SUFFIX}").write_text("{}")
    assert manifests.archives(tmp_path) == ["b.csv"]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.manifest.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"x\.manifest\.json"):
        manifests.read_archive(tmp_path, "x")


def test_strays_are_reported_and_temporaries_removed(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    (tmp_path / ".tmp-batch").mkdir()
    (tmp_path / "batch-without-manifest").mkdir()
    assert manifests.strays(tmp_path) == ["batch-without-manifest", "note.txt"]
    assert files.remove_temporaries(tmp_path) == [".tmp-batch"]
    assert (tmp_path / "note.txt").exists()
