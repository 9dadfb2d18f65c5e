from __future__ import annotations

from pathlib import Path

from etl.storage import files, manifests


def test_strays_are_reported_and_temporaries_removed(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    (tmp_path / ".tmp-batch").mkdir()
    (tmp_path / "batch-without-manifest").mkdir()
    assert manifests.strays(tmp_path) == ["batch-without-manifest", "note.txt"]
    assert files.remove_temporaries(tmp_path) == [".tmp-batch"]
    assert (tmp_path / "note.txt").exists()
