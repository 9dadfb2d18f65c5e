"""Decodes messages that are not text, such as Avro, into the JSON messages that the rest of the job reads.

Spark has one executor of Python per core for it; only feeds with such a format start any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import Contract
from etl.jobs.consume.spark.incoming import origins
from etl.settings import Settings
from etl.storage.schema_registry import SchemaRegistry
from etl.validation.decoding.decoders import DECODERS

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

DECODED = "is decoded"
"""Whether `value` is a decoded message; where it is false, `value` has the message's own bytes, which are never read as text."""
_MESSAGES_AT_ONCE = 500
"""Python has this many messages in memory; each may be as large as Kafka allows."""


def flags(contract: Contract) -> tuple[str, ...]:
    """The columns that `decoded` adds."""
    return (DECODED,) if contract.source.format.needs_registry else ()


def value_as_text(contract: Contract) -> SparkColumn:
    """The text of a message; NULL where it should have been decoded and could not be."""
    from pyspark.sql import functions as F

    text = F.col("value").cast("string")
    return F.when(F.col(DECODED), text) if contract.source.format.needs_registry else text


def decoded(messages: DataFrame, contract: Contract, settings: Settings) -> DataFrame:
    """Messages of Kafka with their value as JSON, and the column DECODED; those of a text format are unchanged.

    The query fails with ServiceUnavailable where the schema registry does not answer.

    :raises ConfigurationError: the settings name no schema registry.
    """
    if not contract.source.format.needs_registry:
        return messages
    from pyspark.sql import types as T

    messages.sparkSession.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_MESSAGES_AT_ONCE))
    # Only what is needed: every column is copied to Python and back.
    needed = messages.select(*origins.kafka_columns(contract))
    schema = T.StructType([*needed.schema.fields, T.StructField(DECODED, T.BooleanType())])
    registry, form = SchemaRegistry.of(settings), type(contract.source.format)

    def decode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return decoded_batches(batches, form, registry)

    return needed.mapInArrow(decode, schema)


def decoded_batches(
    batches: Iterable[pa.RecordBatch], form: type[RecordFormat], registry: SchemaRegistry
) -> Iterator[pa.RecordBatch]:
    """Rows with the column `value`, decoded, and the column DECODED."""
    decode = DECODERS[form](registry.schema)
    for batch in batches:
        place = batch.schema.get_field_index("value")
        messages = batch.column(place).to_pylist()
        records = [None if message is None else decode(message) for message in messages]
        values = [message if record is None else record for message, record in zip(messages, records, strict=True)]
        is_decoded = pa.array([record is not None for record in records], pa.bool_())
        yield batch.set_column(place, "value", pa.array(values, batch.column(place).type)).append_column(
            DECODED, is_decoded
        )
