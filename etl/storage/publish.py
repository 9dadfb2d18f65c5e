"""Publishing a batch: what a job has written under a temporary name becomes a batch that `merge` takes, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from etl.errors import BalanceError
from etl.storage import failpoints, files
from etl.storage.manifests import MANIFEST, Batch, Part


def temporary_batch(output: Path, query_id: str, batch_id: int) -> Path:
    """Where a batch of `output/<feed>` is written; `remove_temporaries` removes it if its job dies."""
    return output / f"{files.TEMPORARY_PREFIX}{query_id}-{batch_id:06d}"


def finished_part(file: Path, rows: int) -> Part:
    """A part file that is complete: forced to the disk, with the size and SHA-256 of what is in it."""
    files.sync_file(file)
    return Part(file.name, rows, file.stat().st_size, files.sha256(file))


def publish_batch(batch: Batch, temporary: Path, output: Path) -> None:
    """Make a batch of a temporary folder with finished parts.

    Because of the order of the steps nothing is lost and nothing is read twice, whenever the process is killed:

    1. The folder must hold the parts of the manifest and nothing else, or nothing is published.
    2. The manifest is written, and forced to the disk together with the folder's entries.
    3. One rename gives the folder the batch's name. It replaces the same batch of a job that died.

    Before the rename there is only a temporary folder. The next job removes it and reads the same messages or files again,
    because offsets are committed, and landing files moved, only later. After the rename the batch is known by its manifest:
    Spark writes the same batch under the same name, and a landing file whose SHA-256 is in it is not taken again.

    :raises BalanceError: the folder does not hold what the manifest says.
    """
    _require_complete(batch, temporary)
    files.write_json(temporary / MANIFEST, batch)
    failpoints.reached("publish.manifest_written")
    files.replace_folder(temporary, output / batch.name)
    failpoints.reached("publish.renamed")


def _require_complete(batch: Batch, folder: Path) -> None:
    expected = {part.name: part.bytes for part in batch.parts}
    # Network file systems may keep removed files under hidden names.
    actual = {path.name: path.stat().st_size for path in folder.iterdir() if not path.name.startswith(".")}
    rows = sum(part.rows for part in batch.parts)
    if actual != expected or rows != batch.rows:
        differing = sorted(name for name in {*actual, *expected} if actual.get(name) != expected.get(name))
        raise BalanceError(
            f"{batch.name}: the manifest says {batch.rows} rows in {len(expected)} part files, there are {rows} rows in"
            f" {len(actual)} files{f'; {files.shown_name(differing[0])} differs' if differing else ''}.",
            remedy="Run again: the batch is written again from the same messages or files.",
        )
