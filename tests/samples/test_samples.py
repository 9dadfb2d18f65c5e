"""Every sample, drafted and run unedited, loads, or the draft asks what a person must decide (see `tests.samples`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.samples.bulk import BULK
from tests.samples.corpus import FOLDER, Sample, samples
from tests.samples.outcome import outcome

SAMPLES = samples()
MOST_BYTES = 1_500_000


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_loads_or_its_draft_asks(sample: Sample, tmp_path: Path) -> None:
    assert outcome(sample, tmp_path).wrong == []


def test_every_folder_is_in_the_index_and_the_samples_are_small() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {sample.name for sample in SAMPLES} - set(BULK)
    for sample in SAMPLES:
        if sample.name not in BULK:
            assert {path.name for path in (FOLDER / sample.name).iterdir()} == set(sample.files)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MOST_BYTES
