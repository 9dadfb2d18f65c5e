"""Messages of a topic as the records of a sample: JSON, or Avro with a schema registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from etl.contract.draft.samples.json_records import message_of
from etl.contract.draft.samples.sample import Sample, TopicMessage
from etl.contract.draft.samples.wording import notes
from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.record_format import RecordFormat
from etl.errors import ConfigurationError
from etl.settings import Settings

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord

_SHOWN = 60
_FRAMED = b"\x00"
"""The first byte of a message in Confluent's wire format."""

_Decode = Callable[[bytes], bytes | None]


def sample_of_messages(settings: Settings, topic: str, messages: list[ConsumerRecord]) -> Sample:
    """The records of messages, and what is beside each.

    :raises ConfigurationError: no message holds an object, or they need a schema registry and none is set.
    :raises ServiceUnavailable: the schema registry does not answer.
    """
    given = [message for message in messages if message.value is not None]
    form, decode = _decoder(settings, topic, [message.value for message in given])
    texts = {id(message): decode(message.value) for message in given}
    records = [(message, record) for message in given if (record := _record(texts[id(message)]))]
    if not records:
        raise _unreadable(topic, given)
    found = {
        ("message", "without a value (a tombstone): rejected"): len(messages) - len(given),
        ("message", "without a readable object: rejected"): len(given) - len(records),
    }
    first, last = (_time(message.timestamp) for message in (records[0][0], records[-1][0]))
    return Sample(
        f"topic {topic}",
        form,
        [record for _, record in records],
        (f"the newest messages, of {first} to {last}", *notes(found)),
        beside=[_beside(message) for message, _ in records],
        # What could not be decoded keeps its bytes, as in a job.
        messages=tuple(TopicMessage(texts.get(id(message)) or message.value, _beside(message)) for message in messages),
    )


def _record(text: bytes | None) -> dict[str, Any] | None:
    return None if text is None else message_of(text)


def _decoder(settings: Settings, topic: str, values: list[bytes]) -> tuple[RecordFormat, _Decode]:
    """The format of most messages, and what makes JSON of one; None where it cannot."""
    if sum(value.startswith(_FRAMED) for value in values) * 2 <= len(values):
        return JsonObjects(), lambda value: value
    if settings.schema_registry is None:
        raise ConfigurationError(
            f"The messages of topic {topic!r} begin with a zero byte: Avro with a schema registry.",
            remedy="Set ETL_SCHEMA_REGISTRY to the registry's URL, such as http://registry.example.org:8081.",
        )
    from etl.storage.schema_registry import SchemaRegistry
    from etl.validation.decoding.decoders import DECODERS

    return AvroRecords(), DECODERS[AvroRecords](SchemaRegistry.of(settings).schema)


def _unreadable(topic: str, messages: list[ConsumerRecord]) -> ConfigurationError:
    begins = f"; the newest begins {messages[-1].value[:_SHOWN]!r}" if messages else ": they have no value"
    return ConfigurationError(
        f"None of the {len(messages):,} newest messages of topic {topic!r} holds an object{begins}.",
        remedy="A feed reads JSON objects, or Avro records whose schemas the registry at ETL_SCHEMA_REGISTRY has.",
    )


def _beside(message: ConsumerRecord) -> Mapping[str, str]:
    """What a message has besides its value, by the names of `Column.origin`."""
    given = {"key": message.key, **{f"header:{name}": value for name, value in message.headers or ()}}
    texts = {name: _text(value) for name, value in given.items() if value is not None}
    return {**texts, "topic": message.topic, "broker_time": _time(message.timestamp)}


def _text(value: bytes) -> str:
    """The text of a key or a header, as the consumer reads it: hexadecimal digits where it is none."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    return f"\\x{value.hex()}" if "\0" in text else text


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
