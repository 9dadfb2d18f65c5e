from __future__ import annotations

from pathlib import Path

from etl.storage import files, manifests


def test_json_is_written_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plan.json", {"source": manifests.Source("kafka", "t", "id")})
    assert files.read_json(tmp_path / "plan.json") == {"source": {"kind": "kafka", "name": "t", "identity": "id"}}
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_batch_that_is_written_again_takes_its_own_place(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "part").write_text(content)
        files.replace_folder(tmp_path / "new", tmp_path / "batch-1")
    assert (tmp_path / "batch-1" / "part").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["batch-1"]
