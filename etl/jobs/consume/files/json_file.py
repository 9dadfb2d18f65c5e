"""Files of JSON: lines that are a message each, or one document, which is an object or an array of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.contract.formats.json_objects import JsonObjects
from etl.contract.model import Contract
from etl.jobs.consume.files.message_rows import split_messages
from etl.jobs.consume.files.records import FileRecords
from etl.storage.content.json_messages import json_messages


@contextmanager
def read_json(contract: Contract, form: JsonObjects, path: Path, number: int) -> Iterator[FileRecords]:
    """The messages of a file, numbered by line, or from 1.

    Where the contract's readings are the elements of a message that is an array, each element of a document that is an array
    is such a message with one reading.

    :raises UnreadableFile: `json_messages` says when.
    """
    with json_messages(path, wraps=contract.explodes_root) as messages:
        yield FileRecords((), contract.read_names, split_messages(messages, contract, number))
