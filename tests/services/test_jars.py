from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.services import jars
from etl.settings import Settings


def test_every_library_of_the_lock_file_has_its_size_and_hash() -> None:
    locked = jars.locked()
    assert {jar.part for jar in locked} == {"spark", "kafka"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.bytes > 0 for jar in locked)
    assert {"kafka-clients", "spark-sql-kafka-0-10_2.13"} <= {jar.module for jar in locked if jar.part == "spark"}
    assert "log4j-slf4j2-impl" in {jar.module for jar in locked if jar.part == "kafka"}


def test_a_half_finished_download_counts_as_missing(settings: Settings) -> None:
    first = jars.locked()[0]
    file = settings.jars_folder / first.part / first.file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    assert first in jars.missing(settings)
    assert first in jars.damaged(settings)


def test_a_library_with_the_wrong_content_never_takes_its_place(tmp_path: Path) -> None:
    jar = jars.locked()[0]
    (tmp_path / "came.jar").write_bytes(b"something else")
    with pytest.raises(SetupError, match="SHA-256"):
        jars._place(jar, tmp_path / "came.jar", tmp_path)
    assert not (tmp_path / jar.part).exists()
