"""Finds messages that stop Spark for an unknown reason by halving a batch, and keeps them as text only.

The last resort, when Spark has failed twice on the same batch: `etl.jobs.consume.spark.parse` guards against every known
reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import structlog
from py4j.protocol import Py4JJavaError

from etl.contract.reader import Contract
from etl.jobs.consume.spark import errors as spark_errors
from etl.jobs.consume.spark.incoming import decoding, origins
from etl.jobs.consume.spark.parse import split_messages, unsplit_messages
from etl.jobs.consume.spark.plain.lines import lines_of
from etl.jobs.consume.spark.session import kafka_options
from etl.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

Range = tuple[int, int, int]
"""Partition, first offset, and the offset after the last."""
MOST_SET_ASIDE = 100
"""Most messages of a batch that are set aside; if more fail, the messages are not the cause."""
_THROWN = re.compile(r"\b(?:\w+\.)+\w*(?:Exception|Error)\b")

log = structlog.get_logger("consume")


class Halving:
    """A batch, read again without the messages that stop Spark."""

    def __init__(self, settings: Settings, spark: SparkSession, contract: Contract, error: Exception) -> None:
        self._settings = settings
        self._spark = spark
        self._contract = contract
        self._error = error
        self.set_aside: dict[str, str] = {}
        """topic/partition/offset → name of the error."""

    def rows(self, ranges: list[Range]) -> DataFrame:
        """The batch as `part_lines` would give it; messages that stop Spark are unparsable rows.

        :raises Exception: the error with which the batch failed, where more than MOST_SET_ASIDE messages fail.
        """
        failing = self._failing(ranges)
        log.warning("messages that stop Spark are set aside", messages=self.set_aside)
        whole = self._read(ranges)
        split = self._split(whole.where(~_is_in(failing)))
        return lines_of(split.unionByName(unsplit_messages(whole.where(_is_in(failing)), self._contract)))

    def _failing(self, ranges: list[Range], *, is_sure: bool = False) -> list[Range]:
        """The messages that fail, each as a range; `is_sure`: at least one does, because the other half succeeded."""
        (partition, first, following), *more = ranges
        is_single = not more and following - first == 1
        cause = "" if is_sure and not is_single else self._cause(ranges)
        if cause is None:
            return []
        if is_single:
            if len(self.set_aside) == MOST_SET_ASIDE:
                raise self._error
            self.set_aside[f"{self._contract.source.name}/{partition}/{first}"] = cause
            return ranges
        middle = (first + following) // 2
        halves = (
            [ranges[: len(ranges) // 2], ranges[len(ranges) // 2 :]]
            if more
            else [[(partition, first, middle)], [(partition, middle, following)]]
        )
        failing = self._failing(halves[0])
        return failing + self._failing(halves[1], is_sure=not failing)

    def _cause(self, ranges: list[Range]) -> str | None:
        """The name of the error with which Spark fails on the messages of some ranges; None where it can split them."""
        from pyspark.errors import AnalysisException, PySparkException

        try:
            self._split(self._read(ranges)).write.format("noop").mode("overwrite").save()
        except AnalysisException:
            raise
        except (PySparkException, Py4JJavaError) as error:
            if not spark_errors.is_unknown(self._settings, error):
                raise
            # Only its name: its text may contain the message.
            named = [name for name in _THROWN.findall(str(error)) if not name.endswith(".SparkException")]
            return named[0] if named else type(error).__name__
        return None

    def _split(self, messages: DataFrame) -> DataFrame:
        return split_messages(decoding.decoded(messages, self._contract, self._settings), self._contract)

    def _read(self, ranges: Iterable[Range]) -> DataFrame:
        topic, ranges = self._contract.source.name, list(ranges)
        return (
            self._spark.read.format("kafka")
            .options(**kafka_options(self._settings), **origins.source_options(self._contract))
            .option("assign", json.dumps({topic: [part for part, _, _ in ranges]}))
            .option("startingOffsets", json.dumps({topic: {str(part): first for part, first, _ in ranges}}))
            .option("endingOffsets", json.dumps({topic: {str(part): following for part, _, following in ranges}}))
            .load()
        )


def ranges(starts: Mapping[int, int], ends: Mapping[int, int]) -> list[Range]:
    """The ranges between two sets of offsets; without partitions where there is nothing between them."""
    return [(part, starts.get(part, 0), end) for part, end in sorted(ends.items()) if end > starts.get(part, 0)]


def _is_in(places: Iterable[Range]) -> Column:
    from pyspark.sql import functions as F

    condition = F.lit(False)
    for partition, offset, _ in places:
        condition = condition | ((F.col("partition") == partition) & (F.col("offset") == offset))
    return condition
