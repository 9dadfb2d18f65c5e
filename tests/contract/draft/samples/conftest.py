"""Samples that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etl.contract.draft.samples.read import read_sample
from etl.contract.draft.samples.sample import Sample

ReadText = Callable[..., Sample]


@pytest.fixture
def read(tmp_path: Path) -> ReadText:
    """Writes a file, and reads it as a sample."""

    def read_text(content: str | bytes, name: str = "s.csv") -> Sample:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_sample([file])

    return read_text
