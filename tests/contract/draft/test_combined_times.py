"""Times that are divided between columns are combined."""

from __future__ import annotations

from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.drafting import drafted, lines, text_of_draft

CSV = CsvDialect(delimiter=";")


def test_a_date_and_a_time_of_day_are_one_event_time() -> None:
    found = drafted(
        lines(Station=["a", "a"], Date=["10/03/2004", "30/03/2004"], Time=["18.00.00", "19.00.00"], CO=["2,6", "2"]),
        csv=CSV,
    )
    time = found.column("event_time")
    assert (found.event_time.column, time.type, time.combine) == ("event_time", "timestamp", ("date", "time"))
    assert found.event_time.formats == ("%d/%m/%Y %H.%M.%S",)
    assert [found.column(name).type for name in time.combine] == ["text", "text"]
    assert found.primary_key == ("station", "event_time")


def test_an_iso_date_and_time_are_iso() -> None:
    found = drafted(lines(id=["a"], date=["2025-06-15"], time=["09:12"], v=[1.5]))
    assert found.event_time.formats == ("iso8601",)


def test_twelve_hour_clocks_are_combined() -> None:
    found = drafted(lines(id=["a"], day=["6/25/2025"], hour=["9:05 AM"], v=[1.5]))
    assert found.event_time.formats == ("%m/%d/%Y %I:%M %p",)


def test_year_month_day_and_hour_are_combined() -> None:
    records = lines(station=["a", "a"], year=[2013, 2013], month=[3, 3], day=[1, 31], hour=[0, 23], pm=[4.0, 8.5])
    found = drafted(records)
    assert found.column("event_time").combine == ("year", "month", "day", "hour")
    assert found.event_time.formats == ("%Y %m %d %H",)
    assert found.column("month").type == "integer" or found.column("month").type == "double"


def test_a_column_with_the_whole_time_is_preferred() -> None:
    record = {"id": "a", "date": "2025-06-15", "time": "09:12", "timestamp": "2025-06-15T09:12:01Z", "v": 1.5}
    assert drafted([record]).event_time.column == "timestamp"


def test_days_alone_are_times_where_there_is_nothing_else() -> None:
    found = drafted(lines(id=["a", "a"], date=["2025-06-15", "2025-06-16"], v=[1.5, 2.5]))
    assert (found.event_time.column, found.event_time.formats) == ("date", ("%Y-%m-%d",))


def test_the_parts_say_what_they_are_for() -> None:
    assert "# a part of event_time" in text_of_draft(lines(id=["a"], date=["2025-06-15"], time=["09:12"], v=[1.5]))


def test_a_year_and_a_day_of_it_are_combined() -> None:
    found = drafted(lines(id=["a", "a"], year=["2025", "2025"], doy=["5", "124"], v=[1.5, 2.5]))
    assert (found.column("event_time").combine, found.event_time.formats) == (("year", "doy"), ("%Y %j",))
    found = drafted(lines(id=["a"], day=["124 07:00"], year=["2025"], v=[1.5]))
    assert (found.column("event_time").combine, found.event_time.formats) == (("year", "day"), ("%Y %j %H:%M",))
