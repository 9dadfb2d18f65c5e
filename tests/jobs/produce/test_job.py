"""What job 1 refuses before it sends or logs anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.job import produce
from etl.settings import Settings


def test_a_number_of_messages_and_a_file_are_refused(tmp_path: Path, contract: Contract) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text('{"a": 1}\n')
    settings = Settings.load(home=tmp_path / "home")
    with pytest.raises(ConfigurationError, match="Both 2 simulated messages and the file") as told:
        produce(settings, contract, messages=2, source_file=str(file))
    assert "Leave out" in told.value.remedy
    assert not settings.home.exists()


def test_fewer_messages_than_none_are_refused(tmp_path: Path, contract: Contract) -> None:
    with pytest.raises(ConfigurationError, match="messages is -2"):
        produce(Settings.load(home=tmp_path), contract, messages=-2)
