"""`quarantine replay` and `quarantine discard` by numbers of rows, also of several feeds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl.contract.reader import load_contract
from etl.errors import ConfigurationError
from etl.settings import Settings
from tests.support.edits import DOCUMENT, READING
from tests.support.tsqlfeed import NOWHERE, Feed, sensed


@pytest.fixture
def rows_of_two_feeds(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Row 1 is the tanks', which were too empty; row 2 the sensors'. Commands are given from outside."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    (folder / "tanks.odcs.yaml").write_text(yaml.safe_dump(DOCUMENT), "utf-8")
    for name, value in (("ETL_HOME", tmp_path), ("ETL_DATABASE_URL", NOWHERE), ("ETL_FEEDS", folder)):
        monkeypatch.setenv(name, str(value))
    tanks = Feed(feed.engine, feed.settings, load_contract("tanks", Settings.load()))
    tanks.load([{**READING, "level": "empty"}])
    feed.load([sensed(1, "09:00:00", 999.0)])
    assert feed.sql("SELECT rejected_id, feed FROM etl_rejected_row ORDER BY 1") == [
        (1, "tanks"),
        (2, "sensor_readings"),
    ]
    return feed


def _decided(feed: Feed) -> list[int]:
    return [row for (row,) in feed.sql("SELECT rejected_id FROM etl_rejected_row WHERE status <> 'QUARANTINED'")]


def _quarantine(*arguments: str) -> None:
    """The command line."""
    from etl.cli.quarantine import app

    app(arguments, standalone_mode=False)


@pytest.mark.parametrize(("row", "change"), [("1", "level=1.5"), ("2", "temperature=21")])
def test_the_number_of_a_row_is_enough_to_replay_it(rows_of_two_feeds: Feed, row: str, change: str) -> None:
    _quarantine("replay", row, "--set", change)
    assert _decided(rows_of_two_feeds) == [int(row)]


@pytest.mark.parametrize("command", [["replay"], ["discard", "--note", "broken"]])
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["1", "--feed", "sensor_readings"], "row 1 belongs to feed tanks, not sensor_readings"),
        (["1", "9"], "no rejected row 9"),
    ],
)
def test_numbers_that_contradict_are_refused(
    rows_of_two_feeds: Feed, command: list[str], rows: list[str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        _quarantine(*command, *rows)
    assert _decided(rows_of_two_feeds) == []


def test_rows_of_several_feeds_are_discarded_but_not_replayed_together(rows_of_two_feeds: Feed) -> None:
    with pytest.raises(ConfigurationError, match="of several feeds: sensor_readings, tanks"):
        _quarantine("replay", "1", "2")
    _quarantine("discard", "1", "2", "--note", "broken")
    assert sorted(_decided(rows_of_two_feeds)) == [1, 2]
