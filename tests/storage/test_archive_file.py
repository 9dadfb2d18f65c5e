"""An archive on disk: where its parts are, what is there of it, and which archives a folder has."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from etl.errors import IntegrityError
from etl.storage import files, manifests
from etl.storage.archive_file import ArchiveFile, archive_files, archives_without_manifest
from etl.storage.manifests import Archive, OffsetRange, Source

NAME = "tanks_20260102T030405000006Z_c1.csv"
CONTENT = b"level\n1.5\n"


@pytest.fixture
def archive(tmp_path: Path) -> ArchiveFile:
    folder = tmp_path / "backup" / "tanks"
    folder.mkdir(parents=True)
    return ArchiveFile(folder, NAME)


def manifest_of(name: str) -> Archive:
    source = Source("kafka", "tanks", "id")
    offsets = {"0": OffsetRange(0, 1, 1)}
    return Archive("tanks", "c1", name, source, offsets, ("level",), 1, len(CONTENT), "0" * 64, (), "2026-01-02")


def put(archive: ArchiveFile) -> None:
    archive.plain.write_bytes(CONTENT)
    archive.write_manifest(manifest_of(archive.name))


def compress(archive: ArchiveFile) -> None:
    archive.compressed.write_bytes(gzip.compress(CONTENT))
    archive.plain.unlink()


def nothing(_: ArchiveFile) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "exists", "is_complete"),
    [
        (nothing, True, True),
        (compress, True, True),
        (lambda archive: archive.plain.unlink(), True, False),
        (lambda archive: archive.manifest.unlink(), True, False),
        (lambda archive: (archive.plain.unlink(), archive.manifest.unlink()), False, False),
    ],
)
def test_what_is_there_of_an_archive(
    archive: ArchiveFile, change: Callable[[ArchiveFile], object], exists: bool, is_complete: bool
) -> None:
    put(archive)
    change(archive)
    assert (archive.exists(), archive.is_complete()) == (exists, is_complete)
    assert archive.size() == sum(path.stat().st_size for path in archive.folder.iterdir())


def test_the_content_is_the_same_compressed_or_not(archive: ArchiveFile) -> None:
    put(archive)
    manifest = archive.read_manifest()
    assert archive.content == archive.plain
    compress(archive)
    assert archive.content == archive.compressed
    with files.open_content(archive.content) as handle:
        assert handle.read() == CONTENT
    assert archive.read_manifest() == manifest == manifest_of(NAME)


def test_the_plain_content_counts_while_both_are_there(archive: ArchiveFile) -> None:
    """`prune` was killed between the compressed copy and the removal of the plain one."""
    put(archive)
    archive.compressed.write_bytes(b"")
    assert archive.content == archive.plain


def test_a_manifest_that_is_gone_damaged_or_of_another_archive_is_named(archive: ArchiveFile) -> None:
    put(archive)
    archive.write_manifest(replace(manifest_of(NAME), file_name="other.csv"))
    with pytest.raises(IntegrityError, match=r"c1\.csv\.manifest\.json is the manifest of other\.csv"):
        archive.read_manifest()
    archive.manifest.write_text("{")
    with pytest.raises(IntegrityError, match=r"c1\.csv\.manifest\.json in tanks is damaged"):
        archive.read_manifest()
    archive.manifest.unlink()
    with pytest.raises(IntegrityError, match=r"The manifest of archive tanks_.*c1\.csv is gone"):
        archive.read_manifest()


def test_archives_are_those_with_a_manifest_oldest_first(archive: ArchiveFile) -> None:
    newer = ArchiveFile(archive.folder, NAME.replace("2026", "2027"))
    for file in (newer, archive):
        put(file)
    # A manifest that a process was writing when it died, and content that a merge has not finished.
    (archive.folder / f".tmp-{newer.manifest.name}").write_text("{")
    ArchiveFile(archive.folder, NAME.replace("2026", "2028")).plain.write_bytes(CONTENT)
    assert archive_files(archive.folder) == [archive, newer]


def test_content_without_manifest_is_known_unless_a_merge_is_at_work_on_it(archive: ArchiveFile) -> None:
    output = archive.folder.parents[1] / "output" / "tanks"
    output.mkdir(parents=True)
    put(archive)
    assert archives_without_manifest(archive.folder, output) == []
    archive.manifest.unlink()
    (archive.folder / "tanks_notes.csv").write_text("somebody's own")
    assert archives_without_manifest(archive.folder, output) == [archive]
    compress(archive)
    assert archives_without_manifest(archive.folder, output) == [archive]
    files.write_json(output / manifests.PLAN, {"archives": [{"archive": NAME}]})
    assert archives_without_manifest(archive.folder, output) == []
