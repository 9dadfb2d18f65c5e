from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from etl.settings import Settings, libraries


def test_every_library_of_the_lock_file_has_its_size_and_hash() -> None:
    locked = libraries.locked()
    assert {jar.part for jar in locked} == {"spark", "kafka"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.bytes > 0 for jar in locked)
    assert {"kafka-clients", "spark-sql-kafka-0-10_2.13"} <= {jar.module for jar in locked if jar.part == "spark"}
    assert "log4j-slf4j2-impl" in {jar.module for jar in locked if jar.part == "kafka"}


def test_sparks_connector_is_of_pysparks_version() -> None:
    ours = {jar.revision for jar in libraries.locked() if jar.organisation == "org.apache.spark"}
    assert ours == {version("pyspark")}


def test_libraries_of_another_version_are_not_on_the_class_path(tmp_path: Path) -> None:
    (tmp_path / "spark").mkdir()
    (tmp_path / "spark" / "spark-sql-kafka-0-10_2.13-4.0.0.jar").write_bytes(b"of an earlier set-up")
    names = [file.name for file in libraries.class_path(Settings.load(home=tmp_path, jars=tmp_path), "spark")]
    assert names == [jar.file_name for jar in libraries.locked() if jar.part == "spark"]
