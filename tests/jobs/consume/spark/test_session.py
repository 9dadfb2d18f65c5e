"""Which libraries Spark starts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.jobs.consume.spark.session import _spark_configuration
from etl.settings import Settings
from etl.settings.libraries import class_path


def test_only_the_libraries_of_this_version_are_used(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    jars = class_path(settings, "spark")
    jars[0].parent.mkdir(parents=True)
    for jar in jars:
        jar.touch()
    jars[0].with_name("spark-sql-kafka-0-10_2.13-4.0.0.jar").touch()
    found = _spark_configuration(settings, "")["spark.driver.extraClassPath"]
    assert found.split(":") == [str(jar) for jar in jars]


def test_libraries_of_an_earlier_version_alone_are_not_enough(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    (settings.jars_folder / "spark").mkdir(parents=True)
    (settings.jars_folder / "spark" / "spark-sql-kafka-0-10_2.13-4.0.0.jar").touch()
    with pytest.raises(SetupError, match=r"are missing: .*spark-sql-kafka-0-10") as raised:
        _spark_configuration(settings, "")
    assert "etl setup" in raised.value.remedy
