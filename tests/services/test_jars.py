from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.services import jars
from etl.settings import Settings, libraries


def test_a_half_finished_download_counts_as_missing(settings: Settings) -> None:
    first = libraries.locked()[0]
    file = settings.jars_folder / first.part / first.file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    assert first in jars.missing(settings)
    assert first in jars.damaged(settings)


def test_a_library_with_the_wrong_content_never_takes_its_place(tmp_path: Path) -> None:
    jar = libraries.locked()[0]
    (tmp_path / "came.jar").write_bytes(b"something else")
    with pytest.raises(SetupError, match="SHA-256"):
        jars._place(jar, tmp_path / "came.jar", tmp_path)
    assert not (tmp_path / jar.part).exists()
