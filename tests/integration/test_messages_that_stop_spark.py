"""What no guard knows: a message on which Spark fails stops a feed once, not twice."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.contract.reader import Contract
from etl.errors import PermanentError
from etl.jobs.consume.job import consume
from etl.jobs.consume.spark.parse import split_messages
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.stack import Project

GOOD = {"sensor_id": 1, "temperature": 20.5, "humidity": 50.0}


def breaking(messages: DataFrame, contract: Contract, *, beside: Sequence[str] = ()) -> DataFrame:
    """Real failures of Spark's executors, on some messages."""
    fails = F.raise_error(F.lit("a defect that nobody has found yet")).cast("binary")
    poison = F.col("value").cast("string").contains("poison")
    messages = messages.withColumn("value", F.when(poison, fails).otherwise(F.col("value")))
    return split_messages(messages, contract, beside=beside)


def test_messages_that_stop_spark_are_set_aside_the_second_time(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.jobs.consume.spark.plain.lines.split_messages", breaking)
    monkeypatch.setattr("etl.jobs.consume.spark.bisect_batch.split_messages", breaking)
    times = [f"2025-06-15T00:{number // 60:02}:{number % 60:02}Z" for number in range(40)]
    sent = [json.dumps({**GOOD, "timestamp": time}).encode() for time in times]
    sent[7] = sent[31] = b'{"poison":1}'
    project.send(sent)
    with pytest.raises(PermanentError, match="Spark stopped reading"):
        consume(project.settings, project.contract)
    consumed = consume(project.settings, project.contract)
    assert (consumed.counts.read, consumed.counts.rejected, consumed.backlog) == (40, 2, 0)
    set_aside = consumed.notes["set_aside"]
    assert isinstance(set_aside, dict)
    assert len(set_aside) == 2
    assert all(place.startswith(f"{project.topic}/") for place in set_aside)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(40)
    assert project.sql("SELECT DISTINCT raw FROM etl_rejected_row") == [('{"poison":1}',)]
    assert consume(project.settings, project.contract).counts.read == 0
