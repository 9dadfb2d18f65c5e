"""What the ledger answers about archives that are loaded, undone and loaded again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.audit import ledger
from etl.contract.reader import Contract
from etl.database import transaction
from etl.jobs.load.job import Loaded, load
from etl.operations.undo import undo
from etl.settings import Settings
from etl.storage.manifests import Archive, LandingFile, OffsetRange, Source
from tests.support.tsqlfeed import NOWHERE, Feed, as_initialised, sensed


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, contract: Contract) -> Feed:
    return Feed(as_initialised(monkeypatch), Settings.load(home=tmp_path, database_url=NOWHERE), contract)


def log_id_of(feed: Feed, loaded: Loaded) -> int:
    query = (
        f"SELECT log_id FROM etl_log WHERE job_name = 'load' AND cycle_id = '{loaded.cycle_id}' ORDER BY log_id DESC"
    )
    return int(feed.value(query))


def loaded_archive(feed: Feed) -> tuple[Archive, int, Loaded]:
    loaded = feed.load([sensed(1, "09:00:00"), sensed(2, "09:00:00")])
    (archive,) = loaded.archives
    return archive, log_id_of(feed, loaded), loaded


def test_an_archive_is_loaded_until_it_is_undone_and_then_again(feed: Feed) -> None:
    archive, log_id, loaded = loaded_archive(feed)
    name = feed.contract.feed
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        assert ledger.load_of(connection, archive) == (log_id, archive.file_name)
        assert set(connection.scalars(ledger.archive_names(name))) == {archive.file_name}
        assert ledger.loaded_archives(connection, name)[archive.file_name].sha256 == archive.sha256
        (entry,) = ledger.archive_entries(connection, name)
        assert entry.file_name == archive.file_name
    undo(feed.settings, feed.contract, loaded.cycle_id)
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        assert ledger.load_of(connection, archive) is None
        assert not set(connection.scalars(ledger.archive_names(name)))
        assert not ledger.loaded_archives(connection, name)
        assert not ledger.archive_entries(connection, name)
        # Which offsets it holds stays known: a lost checkpoint must not lead to reading them again.
        (ranges,) = ledger.offset_ranges(connection, name, archive.source.identity)
        assert ranges == archive.offsets
        assert ledger.loads_of(connection, name, {archive.file_name}) == {log_id}
    again = load(feed.settings, feed.contract)
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        assert ledger.load_of(connection, archive) == (log_id_of(feed, again), archive.file_name)
        assert len(ledger.archive_entries(connection, name)) == 1


def test_a_moved_archive_keeps_its_url(feed: Feed) -> None:
    archive, log_id, _ = loaded_archive(feed)
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        assert ledger.places_of_archives(connection, [log_id]) == {archive.file_name: None}
        (entry,) = ledger.archive_entries(connection, feed.contract.feed)
        ledger.note_move(connection, entry.file_id, "s3://bucket/a.csv")
        assert ledger.places_of_archives(connection, [log_id]) == {archive.file_name: "s3://bucket/a.csv"}
        (row,) = ledger.archives_of(connection, [log_id])
        assert (row["source_name"], row["moved_to"]) == ("sensor-data", "s3://bucket/a.csv")
        assert ledger.mark_undone(connection, [log_id], datetime.now(UTC)) == (archive.file_name,)
        ledger.note_move(connection, entry.file_id, "s3://bucket/other.csv")
        assert ledger.places_of_archives(connection, [log_id]) == {archive.file_name: "s3://bucket/a.csv"}


def test_the_ledger_knows_nothing_of_a_feed_that_loaded_nothing(feed: Feed) -> None:
    archive, *_ = loaded_archive(feed)
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        assert not ledger.loaded_archives(connection, "another_feed")
        assert not ledger.offset_ranges(connection, "another_feed", archive.source.identity)
        assert not ledger.is_landing_file_known(connection, feed.contract.feed, archive.sha256)


def archive_of_files(feed: Feed) -> Archive:
    """An archive of two landing files."""
    files = tuple(LandingFile(f"{name}.csv", name * 64, 10, 1, 0, 2, ("sensor_id",), 1) for name in "ab")
    return Archive(
        feed=feed.contract.feed,
        cycle_id="c-1",
        file_name="archive.csv",
        source=Source("folder", "landing", "landing"),
        offsets={"0": OffsetRange(2, 3, 1), "1": OffsetRange(2, 3, 1)},
        columns=("sensor_id",),
        rows=2,
        bytes=20,
        sha256="c" * 64,
        parts=(),
        archived_at="2025-06-15T09:00:00+00:00",
        files=files,
    )


def test_landing_files_are_entered_with_their_archive_and_known_by_content(feed: Feed) -> None:
    archive, name = archive_of_files(feed), feed.contract.feed
    first, second = (file.sha256 for file in archive.files)
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        # The second file came with another archive, so that it is not entered.
        ledger.enter(connection, archive, 7, source_id=1, landing_sources={0: 2})
        assert ledger.is_landing_file_loaded(connection, name, first)
        assert not ledger.is_landing_file_loaded(connection, name, second)
        assert not ledger.is_landing_file_loaded(connection, "another_feed", first)
        assert ledger.loaded_landing_files(connection, name, [first, second]) == {first}
        assert ledger.landing_files_of(connection, [7]) == ["a.csv"]
        (entry,) = ledger.landing_entries(connection, name)
        assert (entry.sha256, entry.file_name) == (first, "a.csv")
        ledger.note_move(connection, entry.file_id, "file:///backup/a.csv")
        assert ledger.places_of_landing_files(connection, [7]) == ["file:///backup/a.csv"]
        # What is undone is not loaded, but known: its archive is still there.
        assert ledger.mark_undone(connection, [7], datetime.now(UTC)) == ("archive.csv",)
        assert not ledger.is_landing_file_loaded(connection, name, first)
        assert ledger.is_landing_file_known(connection, name, first)
        assert not ledger.is_landing_file_known(connection, name, second)
        assert not ledger.landing_entries(connection, name)
        # Loading it again takes the place of the entries that were undone.
        ledger.enter(connection, archive, 8, source_id=1, landing_sources={0: 2, 1: 3})
        assert ledger.loaded_landing_files(connection, name, [first, second]) == {first, second}
        assert not ledger.landing_files_of(connection, [7])
