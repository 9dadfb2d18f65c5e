"""Messages of a live topic, as `feeds new --from-topic` reads them once Kafka has given them.

A file `messages.jsonl` has a message in each line: `value_base64` (null: a tombstone), `key` and `headers` (texts, if there are
any), `timestamp` (milliseconds). A file `schemas.json` beside it is what the schema registry has: number → schema.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from kafka.consumer.fetcher import ConsumerRecord

from etl.contract.draft.samples.sample import Sample
from etl.errors import EtlError
from etl.operations.feeds.draft import draft_contract
from etl.operations.feeds.topic_records import sample_of_messages
from etl.settings import Settings
from tests.support.registry import Registry


def drafted_live(feed: str, files: list[Path], folder: Path) -> tuple[Sample | None, tuple[Path | None, str]]:
    """The sample; and the draft, or why there is none."""
    (folder / "feeds").mkdir()
    content = {file.name: file for file in files}
    with Registry().up() as registry:
        if schemas := content.get("schemas.json"):
            for number, schema in json.loads(schemas.read_text("utf-8")).items():
                registry.register(f"{feed}-value", schema, number=int(number))
        settings = Settings.load(home=folder, feeds=str(folder / "feeds"), schema_registry=registry.url)
        try:
            sample = sample_of_messages(settings, feed, list(_messages(feed, content["messages.jsonl"])))
            return sample, (draft_contract(settings, feed, sample, topic=feed).file, "")
        except EtlError as error:
            return None, (None, error.cause)


def _messages(topic: str, file: Path) -> list[ConsumerRecord]:
    return [_message(topic, offset, line) for offset, line in enumerate(file.read_text("utf-8").splitlines())]


def _message(topic: str, offset: int, line: str) -> ConsumerRecord:
    given = json.loads(line)
    value = None if given["value_base64"] is None else base64.b64decode(given["value_base64"])
    key = None if given.get("key") is None else given["key"].encode()
    headers = [(name, text.encode()) for name, text in given.get("headers", {}).items()]
    return ConsumerRecord(topic, 0, 0, offset, given["timestamp"], 0, key, value, headers, None, -1, -1, -1)
