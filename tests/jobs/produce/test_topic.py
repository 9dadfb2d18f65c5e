"""What is sent to a topic out of a file."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from etl.audit.counts import Counts
from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ConfigurationError
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.topic import TopicTarget
from etl.settings import Settings


class Collecting(TopicTarget):
    """Keeps the messages, instead of sending them to Kafka."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def send(self, source: KafkaTopic, delivery: Delivery, chunks: Chunks) -> Sent:
        for chunk in chunks:
            self.values += [message.value for message in chunk]
        return Sent(Counts(len(self.values), len(self.values)), source.topic, {})


def sent(contract: Contract, file: Path) -> list[bytes | None]:
    target, delivery = Collecting(), Delivery(Settings.load(), contract, "c", False, lambda chunks: chunks)
    target.send_file(cast(KafkaTopic, contract.source), delivery, file)
    return target.values


def test_a_file_that_breaks_off_is_a_mistake_of_the_user(tmp_path: Path, contract: Contract) -> None:
    lines = b"".join(b'{"a": %d}\n' % number for number in range(100_000))
    file = tmp_path / "day.jsonl.gz"
    file.write_bytes(gzip.compress(lines))
    assert len(sent(contract, file)) == 100_000
    file.write_bytes(gzip.compress(lines)[:-2_000])
    begun = r"^day\.jsonl\.gz cannot be sent: .+ Messages before that place may have been sent\."
    with pytest.raises(ConfigurationError, match=begun) as refused:
        sent(contract, file)
    assert refused.value.remedy == "Repair the file and run again; what was sent before is not loaded twice."
    with pytest.raises(ConfigurationError) as refused:
        sent(replace(contract, primary_key=()), file)
    assert "is loaded again, because the feed has no primary key" in refused.value.remedy


def test_a_document_that_is_no_json_is_a_mistake_of_the_user(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / "day.json").write_text('[\n{"a": 1},\n{"a": 2}')
    with pytest.raises(ConfigurationError, match=r"day\.json cannot be sent: .*not valid JSON.*\. Messages before"):
        sent(contract, tmp_path / "day.json")
