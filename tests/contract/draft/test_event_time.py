"""Event time: by name and by evidence; what is uncertain is asked."""

from __future__ import annotations

from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.drafting import drafted, lines, questions, text_of_draft

TIME = "2025-06-15T00:00:00Z"
TIMES = [f"2025-06-15T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]


def test_times_are_taken_by_name_before_content() -> None:
    record = {"installed_at": "2020-01-01T00:00:00Z", "event_time": TIME, "sensor": "a"}
    found = drafted([record])
    assert found.event_time.column == "event_time"
    assert found.column("installed_at").type == "timestamp"


def test_times_that_differ_are_taken_before_one_that_is_always_the_same() -> None:
    found = drafted(lines(id=["a"] * 30, deployed=[TIME] * 30, reading_at=TIMES[:30], v=[1.5] * 30))
    assert found.event_time.column == "reading_at"


def test_times_in_the_future_are_no_event_time() -> None:
    found = drafted(lines(id=["a"], time=["2030-01-01T00:00:00Z"], sent=[TIME], v=[1.5]))
    assert found.event_time.column == "sent"


def test_messages_without_a_time_have_that_of_the_broker() -> None:
    found = drafted([{"id": 1, "temperature": 2.5}, {"id": 2, "temperature": 2.5}])
    assert found.event_time.column == "broker_time"
    assert found.column("broker_time").origin == "broker_time"
    assert found.primary_key == ()


def test_a_time_in_a_header_comes_before_that_of_the_broker() -> None:
    records = [{"device": f"d{n % 2}", "v": n + 0.5} for n in range(30)]
    beside = [
        {"header:Event-Time": TIMES[n], "header:trace": "x", "topic": "mine", "broker_time": TIMES[n + 1]}
        for n in range(30)
    ]
    found = drafted(records, beside)
    assert found.event_time.column == "event_time"
    assert found.column("event_time").origin == "header:Event-Time"
    assert found.primary_key == ("device", "event_time")
    seldom = [each if n < 5 else {"broker_time": each["broker_time"]} for n, each in enumerate(beside)]
    assert drafted(records, seldom).event_time.column == "broker_time"


def test_a_file_without_a_time_asks_for_one_and_names_what_is_against_the_candidates() -> None:
    csv = CsvDialect()
    (question,) = questions(text_of_draft(lines(id=["a"], temperature=["2.5"]), csv=csv))
    assert question.place == "customProperties.eventTime.column"
    times = [TIME, TIME, "", "", "", TIME]
    text = text_of_draft(lines(id=["a"] * 6, time=times, v=["1.5"] * 6), csv=csv)
    assert "time (3 of 6 have a time)" in next(q.text for q in questions(text) if "eventTime" in q.place)


def test_numbers_that_would_be_times_are_named_as_candidates_and_not_taken() -> None:
    counts = lines(id=["a"] * 3, pulses=[1_750_000_000, 1_750_000_060, 1_750_000_120], v=[1.5] * 3)
    (question,) = questions(text_of_draft(counts))
    assert "pulses (its numbers would be epochs)" in question.text


def test_a_time_that_cannot_be_read_is_asked_rather_than_that_of_the_broker_taken() -> None:
    (question,) = questions(
        text_of_draft(lines(device=["a"] * 3, date=["/Date(1)/", "/Date(2)/", "/Date(3)/"], v=[1.5] * 3))
    )
    assert 'date ("/Date(1)/" is in no known format)' in question.text
    columnar = {
        "device": "a",
        "v": 1.5,
        "hourly": {"time": ["2025-06-15T00:00", "2025-06-15T01:00"], "temperature": [1.5, 2.5]},
    }
    (question,) = questions(text_of_draft([columnar]))
    assert "hourly.time (an array, which no column can be)" in question.text
