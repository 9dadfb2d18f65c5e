"""How records are decoded that need a schema registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.record_format import RecordFormat
from etl.validation.decoding.avro import AvroDecoder, Schemas

Decoder = Callable[[bytes], bytes | None]
"""A record as JSON in UTF-8; None where it cannot be decoded."""

DECODERS: Mapping[type[RecordFormat], Callable[[Schemas], Decoder]] = {AvroRecords: AvroDecoder}
"""Format that needs a registry → what makes its decoder, of a function that finds the schemas of a number."""
