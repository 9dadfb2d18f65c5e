"""Landing folders on a real database: what other programs put there is loaded once, whole, and nothing else happens."""

from __future__ import annotations

import csv
import gzip
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from etl.jobs.consume import folder_reader
from etl.jobs.consume.job import consume
from etl.operations.quarantine.replay import replay as replay_rows
from etl.operations.quarantine.rows import Selection, find
from etl.operations.retention.policy import Policy
from etl.operations.retention.prune import prune
from etl.operations.undo import undo
from etl.storage.failpoints import POINTS
from etl.storage.landing_folder import require_landing_folder
from tests.support.jobs import run as run_jobs
from tests.support.rooms import HEADER, LINE, Rooms, act_while_it_watches, lines
from tests.support.stack import Project


@pytest.fixture
def rooms(project: Project) -> Rooms:
    return Rooms(project)


def test_a_file_becomes_rows_that_know_file_and_line_and_then_moves(rooms: Rooms) -> None:
    rooms.drop("a.csv", *lines(3))
    loaded = rooms.cycle()
    assert (loaded.counts.read, loaded.counts.processed) == (3, 3)
    assert rooms.project.sql(
        "SELECT id, room, noted_date, temp, place, source_name, source_offset FROM v_room_temperatures WHERE id = 'r1'"
    )[0][5:] == ("a.csv", 3)
    assert rooms.moved() == ["a.csv"]
    assert list(rooms.folder.iterdir()) == []


def test_the_same_content_under_two_names_is_loaded_once(rooms: Rooms) -> None:
    rooms.drop("a.csv", *lines(3))
    rooms.drop("b.csv", *lines(3))
    assert rooms.cycle().counts.read == 3
    rooms.drop("c.csv", *lines(3))
    assert rooms.cycle().counts.read == 0
    assert rooms.moved() == ["a.csv", "b.csv", "c.csv"]
    assert len(rooms.rows()) == 3


def test_a_file_that_somebody_has_open_is_left_alone(rooms: Rooms) -> None:
    file = rooms.drop("a.csv", *lines(3))
    with file.open("a") as handle:
        assert consume(rooms.project.settings, rooms.contract).notes["files_still_written"] == ["a.csv"]
        handle.write("\n".join(lines(2, 3)))
    assert rooms.cycle().counts.processed == 5


def write_meanwhile(monkeypatch: pytest.MonkeyPatch, write: Callable[[float], object]) -> None:
    """Another program writes while the reader waits for whether files change: so many seconds, which do not pass."""

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            write(timeout)
            return False

    monkeypatch.setattr(folder_reader, "threading", SimpleNamespace(Event=Event))


def append(file: Path, line: str) -> None:
    with file.open("a") as handle:
        handle.write(line + "\n")


def test_a_file_that_still_grows_is_left_alone(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    file = rooms.drop("a.csv", *lines(1))
    with monkeypatch.context() as meanwhile:
        write_meanwhile(meanwhile, lambda _: append(file, LINE.format(1)))
        assert consume(rooms.project.settings, rooms.contract).counts.read == 0
    rooms.cycle()
    assert rooms.rows() == [("r0",), ("r1",)]


def test_a_file_is_watched_for_the_whole_time_although_the_time_box_ends_before(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rooms.drop("a.csv", *lines(2))
    waited: list[float] = []

    def write(seconds: float) -> None:
        waited.append(seconds)
        append(file, LINE.format(3))

    source = replace(require_landing_folder(rooms.contract), stable_seconds=4)
    contract = replace(rooms.contract, source=source)
    with monkeypatch.context() as meanwhile:
        write_meanwhile(meanwhile, write)
        read = consume(rooms.project.settings, contract, time_box_seconds=0.1)
    assert waited == [4]
    assert (read.counts.read, read.notes) == (0, {"files_still_written": ["a.csv"]})
    assert rooms.cycle().counts.read == 3
    assert rooms.moved() == ["a.csv"]


def test_a_time_box_takes_what_comes_while_it_lasts(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def come() -> None:
        hidden = rooms.drop(".a.csv", *lines(4))
        hidden.rename(rooms.folder / "a.csv")

    act_while_it_watches(monkeypatch, come, batches=1)
    taken = consume(rooms.project.settings, rooms.contract, until="time_box", time_box_seconds=6, batch_seconds=1)
    assert taken.counts.read == 4
    assert taken.notes == {"files": ["a.csv"]}


READABLE = [
    ("crlf", "\r\n".join([HEADER, *lines(2), ""]).encode()),
    ("no final newline", "\n".join([HEADER, *lines(2)]).encode()),
    ("reordered", b"temp,out/in,id,room_id/id,noted_date\n29,In,r0,A,08-12-2018 09:00\n28,Out,r1,A,08-12-2018 09:01\n"),
    ("byte-order mark", b"\xef\xbb\xbf" + "\n".join([HEADER, *lines(2)]).encode()),
    ("gzip", gzip.compress("\n".join([HEADER, *lines(2)]).encode())),
    ("blank lines", "\n\n".join([HEADER, *lines(2), "", ""]).encode()),
]


@pytest.mark.parametrize(("name", "content"), READABLE, ids=[name for name, _ in READABLE])
def test_files_of_other_programs_are_read(rooms: Rooms, name: str, content: bytes) -> None:
    rooms.write("a.csv.gz" if name == "gzip" else "a.csv", content)
    rooms.cycle()
    assert rooms.rows() == [("r0",), ("r1",)]


UNREADABLE = [
    (b"", "it is empty"),
    ("\n".join(lines(3)).encode(), "lacks 'id'"),
    (HEADER.replace(",", ";").encode() + b"\n1;2;3;4;5\n", "lacks 'id'"),
    (b"id,id,room_id/id,noted_date,temp,out/in\n", "names column 'id' twice"),
    (b"id,room,noted_date,temp,out/in\n", "lacks 'room_id/id'"),
    (gzip.compress("\n".join([HEADER, *lines(20)]).encode())[:-9], "cannot be unpacked"),
    (b'id,"room\n', "no CSV header"),
]


@pytest.mark.parametrize(("content", "reason"), UNREADABLE, ids=[reason for _, reason in UNREADABLE])
def test_an_unreadable_file_is_set_aside_with_its_reason_and_the_others_load(
    rooms: Rooms, content: bytes, reason: str
) -> None:
    rooms.write("bad.csv", content)
    rooms.drop("good.csv", *lines(2))
    rooms.cycle()
    assert rooms.moved("quarantine") == ["bad.csv"]
    assert (rooms.backup / "quarantine" / "bad.csv").read_bytes() == content
    notes = rooms.project.value("SELECT notes FROM etl_log WHERE job_name = 'consume'")
    assert reason in notes["unreadable_files"]["bad.csv"]
    assert rooms.rows() == [("r0",), ("r1",)]


def test_a_header_alone_is_a_file_without_readings(rooms: Rooms) -> None:
    rooms.drop("a.csv")
    assert rooms.cycle().counts.read == 0
    assert rooms.moved() == ["a.csv"]


BAD: list[tuple[str, str]] = [
    ("r9,A,08-12-2018 09:00,29", "not_csv"),
    ("r9,A,08-12-2018 09:00,29,In,more", "not_csv"),
    ('r9,"A,08-12-2018 09:00,29,In', "not_csv"),
    ('r9,"A"x,08-12-2018 09:00,29,In', "not_csv"),
    ("r9,A,30-02-2018 09:00,29,In", "bad_time"),
    ("r9,A,2018-12-08 09:00,29,In", "bad_time"),
    ("r9,A,08-12-1970 09:00,29,In", "time_out_of_range"),
    ("r9,A,08-12-2018 09:00,warm,In", "wrong_type"),
    ("r9,A,08-12-2018 09:00,NaN,In", "not_finite"),
    ("r9,A,08-12-2018 09:00,1e400,In", "not_finite"),
    ("r9,A,08-12-2018 09:00,99,In", "out_of_range"),
    ("r9,A,08-12-2018 09:00,,In", "missing"),
    ("r9,A,08-12-2018 09:00,29,Up", "pattern"),
    ("r9,A,08-12-2018 09:00,29,Inside", "too_long"),
    ('"",A,08-12-2018 09:00,29,In', "too_short"),
    (",,,,", "missing"),
    ("r9,\udcff,08-12-2018 09:00,29,In", "not_utf8"),
    ("r9,\0,08-12-2018 09:00,29,In", "invalid_text"),
]


def test_every_bad_line_is_kept_unchanged_with_its_reason_and_its_neighbours_load(rooms: Rooms) -> None:
    from etl.validation.texts import decode_raw

    mixed = [text for number, (bad, _) in enumerate(BAD) for text in (bad, LINE.format(number))]
    rooms.write("a.csv", "\n".join([HEADER, *mixed]).encode("utf-8", "surrogateescape"))
    rooms.cycle()
    found = rooms.project.sql("SELECT source_offset, reason, raw FROM etl_rejected_row ORDER BY source_offset")
    expected = [
        (2 * number + 2, reason, bad.encode("utf-8", "surrogateescape")) for number, (bad, reason) in enumerate(BAD)
    ]
    assert [(line, reason, decode_raw(raw)) for line, reason, raw in found] == expected
    assert len(rooms.rows()) == len(BAD)


NASTY = ["", " ", "  both  ", "NA", "null", "007", "=1+1", "a,b", 'say "x"', "line\nfeed", "\r\n", "end\\", "😀", "'"]


def test_texts_reach_the_table_unchanged(rooms: Rooms) -> None:
    target = io.StringIO()
    writer = csv.writer(target, quoting=csv.QUOTE_ALL)
    writer.writerow([*HEADER.split(","), "note"])
    for number, text in enumerate(NASTY):
        writer.writerow([f"r{number}", "A", "08-12-2018 09:00", "29", "In", text])
    rooms.write("a.csv", target.getvalue().encode() + b"r99,A,08-12-2018 09:00,29,In,\n")
    rooms.cycle()
    assert [note for (note,) in rooms.rows("note")] == [*NASTY, None]


def test_a_rejected_line_can_be_corrected_and_replayed(rooms: Rooms) -> None:
    rooms.drop("a.csv", "r1,A,08-12-2018 09:00,warm,In", *lines(1))
    rooms.cycle()
    done = replay_rows(rooms.project.settings, rooms.contract, Selection(), changes={"temp": "21.5"})
    assert (done.counts.read, done.counts.processed) == (1, 1)
    assert rooms.project.sql("SELECT room, temp FROM room_temperatures WHERE id = 'r1'") == [("A", 21.5)]
    assert find(rooms.project.settings, Selection()) == []


def test_what_was_undone_comes_back_row_for_row(rooms: Rooms) -> None:
    rooms.drop("a.csv", *lines(3))
    rooms.drop("b.csv", *lines(3, 10))
    loaded = rooms.cycle()
    before = rooms.rows("id, room, noted_date, temp, place, source_partition, source_offset")
    undo(rooms.project.settings, rooms.contract, loaded.cycle_id)
    assert rooms.rows() == []
    # Dropped again meanwhile: it is on its way already.
    rooms.drop("again.csv", *lines(3))
    assert rooms.cycle().counts.read == 6
    assert rooms.rows("id, room, noted_date, temp, place, source_partition, source_offset") == before
    assert rooms.moved() == ["a.csv", "again.csv", "b.csv"]


# --- the schema grows ------------------------------------------------------------------------------------------------

WIDE = f"{HEADER},humidity"


def test_a_new_column_is_taken_up_with_its_type(rooms: Rooms) -> None:
    rooms.drop("a.csv", *lines(1))
    rooms.cycle()
    rooms.drop("b.csv", "r1,A,08-12-2018 09:00,29,In,41", "r2,A,08-12-2018 09:01,29,In,40.5", header=WIDE)
    loaded = rooms.cycle()
    assert rooms.rows("id, humidity") == [("r0", None), ("r1", 41.0), ("r2", 40.5)]
    assert rooms.project.value(
        f"SELECT notes FROM etl_log WHERE cycle_id = '{loaded.cycle_id}' AND job_name = 'load'"
    ) == {"new_columns": {"humidity": "double"}}
    # From now on it is a column like the others: what does not fit is a rejected row.
    rooms.drop("c.csv", "r3,A,08-12-2018 09:00,29,In,damp", "r4,A,08-12-2018 09:01,29,In,39", header=WIDE)
    rooms.cycle()
    assert rooms.rows("id, humidity")[3:] == [("r4", 39.0)]
    assert rooms.project.sql("SELECT reason FROM etl_rejected_row") == [("wrong_type",)]


def test_a_new_column_is_reported_where_the_contract_freezes(rooms: Rooms) -> None:
    rooms.drop("b.csv", "r1,A,08-12-2018 09:00,29,In,41", "r2,A,08-12-2018 09:00,29,In,", header=WIDE)
    rooms.cycle(unknown_keys="freeze")
    assert rooms.rows() == [("r1",), ("r2",)]
    assert rooms.project.value("SELECT notes FROM etl_log WHERE job_name = 'load'") == {"unknown_keys": {"humidity": 1}}


def test_a_row_with_an_unknown_value_is_set_aside_where_the_contract_says_so(rooms: Rooms) -> None:
    rooms.drop("b.csv", "r1,A,08-12-2018 09:00,29,In,41", "r2,A,08-12-2018 09:00,29,In,", header=WIDE)
    rooms.cycle(unknown_keys="discard")
    assert rooms.rows() == [("r2",)]
    assert rooms.project.sql("SELECT reason FROM etl_rejected_row") == [("unknown_key",)]


# --- kills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", sorted(point for point in POINTS if point.startswith(("landing.", "publish."))))
def test_killed_anywhere_and_run_again_nothing_is_lost_or_twice(rooms: Rooms, point: str) -> None:
    rooms.drop("a.csv", *lines(3), "bad")
    rooms.drop("b.csv", *lines(2, 10))
    for failpoint in (point, ""):
        run_jobs(rooms.project.env, "consume", "merge", "load", feed="room_temperatures", failpoint=failpoint)
    assert sorted(rooms.rows()) == [("r0",), ("r1",), ("r10",), ("r11",), ("r2",)]
    assert rooms.project.value("SELECT count(*) FROM etl_rejected_row") == 1
    assert rooms.moved() == ["a.csv", "b.csv"]
    assert rooms.project.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'") == 0


# --- size ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(rooms: Rooms) -> Iterator[Path]:
    file = rooms.folder / "large.csv"
    with file.open("w") as handle:
        handle.write(HEADER + "\n")
        for number in range(200_000):
            minute = number % 1440
            handle.write(
                f"r{number},Room {number % 7},08-12-2018 {minute // 60:02d}:{minute % 60:02d},{20 + number % 10},In\n"
            )
    yield file


def test_a_large_file_is_streamed(rooms: Rooms, large: Path) -> None:
    rooms.cycle()
    assert rooms.project.value("SELECT count(*) FROM room_temperatures") == 200_000
    assert rooms.moved() == ["large.csv"]


def test_files_that_were_loaded_long_ago_are_compressed_then_deleted_and_unreadable_ones_kept(rooms: Rooms) -> None:
    rooms.drop("a.csv", *lines(3))
    rooms.write("b.csv.gz", gzip.compress("\n".join([HEADER, *lines(2, 10)]).encode()))
    rooms.write("bad.csv", b"nothing")
    rooms.cycle()
    feeds = {rooms.contract.feed: rooms.contract}
    weeks = datetime.now(UTC) + timedelta(days=8)
    prune(rooms.project.settings, feeds, Policy(), now=weeks)
    assert rooms.moved() == ["a.csv.gz", "b.csv.gz"]
    assert gzip.decompress((rooms.backup / "landing" / "a.csv.gz").read_bytes()).decode().startswith(HEADER)
    months = datetime.now(UTC) + timedelta(days=91)
    prune(rooms.project.settings, feeds, Policy(), now=months)
    assert rooms.moved() == []
    assert rooms.moved("quarantine") == ["bad.csv"]
    # What was loaded stays known.
    rooms.drop("again.csv", *lines(3))
    assert rooms.cycle().counts.read == 0
