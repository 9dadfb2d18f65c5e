"""Why most rows of a load were rejected."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from etl.database import transaction
from etl.operations.explain import explain, in_words
from etl.operations.quarantine.causes import Cause, causes_of
from tests.support.tsqlfeed import Feed, sensed


def causes(feed: Feed, **more: int) -> tuple[Cause, ...]:
    loads = [row[0] for row in feed.sql("SELECT log_id FROM etl_log WHERE job_name = 'load'")]
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        return causes_of(connection, loads, "sensor_readings", feed.contract, **more)


def test_the_most_frequent_cause_comes_first_with_values_line_and_command(feed: Feed) -> None:
    bad = ["n/a", "--", "21,5", "21,6", "--"]
    values: list[str | float] = [*bad, 999.0, 20.0]
    feed.load([sensed(1, f"09:00:{second:02d}", value) for second, value in enumerate(values)])
    first, second = causes(feed)
    assert (first.reason, first.column, first.rows, first.is_estimate) == ("wrong_type", "temperature", 5, False)
    assert first.examples == ("n/a", "--", "21,5")
    assert first.words == "temperature is no number"
    assert first.replay == "python -m etl quarantine replay --feed sensor_readings --reason wrong_type"
    assert (second.reason, second.examples) == ("out_of_range", ("999.0",))
    assert causes(feed, most=1) == (first,)
    assert first.sentence(7) == (
        f"5 of 7 rows were rejected because temperature is no number ({first.line}): 'n/a', '--', '21,5'."
        f" When the contract is corrected: {first.replay}"
    )
    assert "n/a" not in first.sentence(7, with_values=False).replace(first.line, "")


def test_a_reason_is_divided_by_column(feed: Feed) -> None:
    feed.load(
        [sensed(1, "09:00:00", "hot"), sensed(1, "09:00:01", 20.0, "wet"), sensed(1, "09:00:02", "hot")]  # type: ignore[arg-type]
    )
    assert [(cause.column, cause.rows) for cause in causes(feed)] == [("temperature", 2), ("humidity", 1)]


def test_explain_names_the_causes_and_what_is_in_the_table(feed: Feed) -> None:
    loaded = feed.load([sensed(1, "09:00:00", "n/a")])
    facts = explain(feed.settings, loaded.cycle_id)
    (cause,) = causes(feed)
    assert facts["causes"] == [asdict(cause)]
    said = in_words(feed.settings, facts)
    assert f"  {cause.sentence(1)}" in said
    assert "Nothing was loaded; the table sensor_data is empty now." in said
    good = feed.load([sensed(1, "09:00:00")])
    facts = explain(feed.settings, good.cycle_id)
    assert facts["causes"] == []
    assert facts["table"] is None


def test_of_messages_that_are_wrong_as_a_whole_the_beginnings_are_shown(feed: Feed) -> None:
    nothing = dict.fromkeys(sensed(1, "09:00:00"))
    texts = ["x" * 100, "", "x" * 100, "\\null", "{"]
    feed.load([{**nothing, "raw": text} for text in texts])
    by_reason = {cause.reason: cause for cause in causes(feed)}
    broken = by_reason["not_json"]
    assert (broken.column, broken.rows, broken.examples) == (None, 3, ("x" * 40 + "…", "{"))
    assert broken.line.endswith(", format: json")
    # No edit of the contract makes a message of nothing a reading.
    assert by_reason["tombstone"].replay == by_reason["empty"].replay == ""
    assert by_reason["tombstone"].sentence(5).endswith(": '\\\\null'.")


def test_no_replay_is_offered_for_messages_that_say_that_they_have_no_reading(feed: Feed) -> None:
    """A delete of Debezium has no row after it, whatever the contract says."""
    feed.contract = replace(feed.contract, envelope=("after",))
    nothing = dict.fromkeys(sensed(1, "09:00:00"))
    deleted = '{"before":{"sensor_id":1},"after":null,"op":"d"}'
    feed.load([{**nothing, "raw": deleted}, {**nothing, "raw": deleted}])
    (cause,) = causes(feed)
    assert (cause.reason, cause.rows, cause.replay) == ("no_reading", 2, "")
    assert "replay" not in cause.sentence(2)
    # This one has its reading elsewhere: the envelope may be wrong.
    feed.load([{**nothing, "raw": '{"payload":{"after":{"sensor_id":1}}}'}])
    (cause,) = causes(feed)
    assert cause.replay == "python -m etl quarantine replay --feed sensor_readings --reason no_reading"


def test_of_very_many_rows_some_are_examined(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.operations.quarantine.causes._EXAMINED", 4)
    bad = [sensed(1, f"09:00:{second:02d}", "hot") for second in range(9)]
    feed.load([*bad, sensed(1, "09:01:00", 20.0, "wet")])  # type: ignore[arg-type]
    (cause,) = causes(feed)
    assert (cause.rows, cause.is_estimate) == (10, True)
    assert cause.sentence(10).startswith("about 10 of 10 rows were rejected because temperature")
