"""A further kind of source needs its own module and a line in each table, and nothing else is changed for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest
import yaml

from etl.audit.counts import Counts
from etl.audit.job import JobRun
from etl.contract.durations import Fail
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.record_format import RecordFormat
from etl.contract.reader import Contract, parse_contract
from etl.contract.sources.kinds import KINDS
from etl.contract.sources.source import FeedSource
from etl.jobs.consume.consumed import Consumed
from etl.jobs.consume.job import consume
from etl.jobs.consume.readers import READERS
from etl.jobs.load.job import load
from etl.jobs.load.loaded_sources import SETTLING
from etl.jobs.merge.job import merge
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.job import produce
from etl.jobs.produce.targets import TARGETS
from etl.operations.sources import STATES, Backlog
from etl.operations.status import status
from etl.settings import Settings
from tests.support.batches import write_batch
from tests.support.stack import Project

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server


@dataclass(frozen=True)
class Mailbox(FeedSource):
    """A file of JSON messages that is emptied when they are loaded."""

    path: str
    format: RecordFormat = JsonObjects()  # noqa: RUF009 - it never changes
    formats: ClassVar[tuple[type[RecordFormat], ...]] = (JsonObjects,)

    @classmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        return cls(str(server.path))

    @property
    def name(self) -> str:
        return self.path

    @property
    def in_words(self) -> str:
        return f"mailbox {self.path}"

    def as_json(self) -> dict[str, Any]:
        return {"mailbox": self.path}

    def lines(self) -> list[bytes]:
        return Path(self.path).read_bytes().splitlines()


class MailboxTarget:
    def send(self, source: Mailbox, delivery: Delivery, chunks: Chunks) -> Sent:
        messages = [message.value or b"" for chunk in delivery.watch(chunks) for message in chunk]
        Path(source.path).write_bytes(b"".join(message + b"\n" for message in messages))
        return Sent(Counts(read=len(messages), processed=len(messages)), source.path, {0: len(messages)})

    def send_file(self, source: Mailbox, delivery: Delivery, file: Path) -> Sent:
        raise NotImplementedError


class MailboxState:
    def backlog(self, settings: Settings, contract: Contract, source: Mailbox, *_: object, **__: object) -> Backlog:
        return {"messages": len(source.lines())}

    def in_words(self, settings: Settings, source: Mailbox, *, kafka_answers: bool) -> str:
        return f"{len(source.lines())} messages"


def read_mailbox(
    settings: Settings, contract: Contract, source: Mailbox, run: JobRun, parameters: Mapping[str, Any]
) -> Consumed:
    messages = [json.loads(line) for line in source.lines()]
    readings = [{name: str(message[name]) for name in contract.column_names} for message in messages]
    write_batch(settings, contract, source.path, run.cycle_id, readings)
    run.counts = Counts(read=len(messages), processed=len(messages))
    return Consumed(run.cycle_id, run.counts, (), 0)


def empty_mailbox(settings: Settings, run: JobRun, contract: Contract, source: Mailbox) -> None:
    Path(source.path).write_bytes(b"")


@pytest.fixture
def contract(project: Project, monkeypatch: pytest.MonkeyPatch) -> Contract:
    monkeypatch.setitem(KINDS, "custom", Mailbox)
    tables: tuple[tuple[Any, object], ...] = (
        (TARGETS, MailboxTarget()),
        (READERS, read_mailbox),
        (SETTLING, empty_mailbox),
        (STATES, MailboxState()),
    )
    for table, implementation in tables:
        monkeypatch.setitem(table, Mailbox, implementation)
    document = yaml.safe_load(project.contract.file.read_text("utf-8"))
    document["servers"] = [{"server": "mailbox", "type": "custom", "path": str(project.home / "mailbox.jsonl")}]
    return parse_contract(yaml.safe_dump(document), project.contract.file)


def test_a_further_kind_of_source_goes_through_all_jobs(project: Project, contract: Contract) -> None:
    settings = project.settings
    assert not contract.source.needs_kafka
    produced = produce(settings, contract, messages=50, bad_share=0, seed=1)
    assert produced.counts.processed == 50
    (feed,) = status(settings, {contract.feed: contract})["feeds"].values()
    assert (feed["source"], feed["backlog"]["messages"]) == (contract.source.name, 50)
    assert consume(settings, contract).counts.processed == 50
    merge(settings, contract)
    assert load(settings, contract).counts.processed == 50
    assert project.sql("SELECT count(*) FROM sensor_data") == [(50,)]
    assert Path(contract.source.name).read_bytes() == b""
