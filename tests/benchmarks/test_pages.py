"""What the report makes of results without contenders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, soak
from benchmarks.alongside import Account
from benchmarks.figures import Result, dumps
from benchmarks.freshness import Age
from benchmarks.pages import age, targets

FRAME = {"load_before": [0.25, 0.5, 0.75], "failed": []}


def growth_point(series: str, at: int, seconds: float, rows: int = 0, mib: int = 100, rounds: int = 1) -> Result:
    rows = rows or at
    return {
        "series": series,
        "at": at,
        "rows": rows,
        "rounds": rounds,
        "seconds": {"min": seconds, "median": seconds, "max": seconds + 1},
        "rows_per_second": rows / seconds,
        "peak_bytes": mib << 20,
    }


def growth(*points: Result) -> Result:
    return {"title": "Growth", "question": "is it linear?", "points": list(points), **FRAME}


def latency(*points: Result) -> Result:
    return {
        "title": "Latency",
        "question": "how long?",
        "every": "5s",
        "measured_seconds": 60,
        "modes": {"caught_up": {}, "time_box": {"until": "time_box", "time_box_seconds": 2.0}},
        "points": list(points),
        **FRAME,
    }


def samples(cycles: int, growing: str = "") -> list[dict[str, Any]]:
    def held(cycle: int, process: str) -> dict[str, int]:
        return {"memory": 100 << 20, "handles": 10 + (cycle if growing == process else 0), "threads": 5}

    return [
        {"cycle": cycle, "seconds": 2.0, **{name: held(cycle, name) for name in soak.PROCESSES}}
        for cycle in range(1, cycles + 1)
    ]


def api(**parts: Any) -> Result:
    sizes = {"readings": 1_000_000, "sensors": 10_000, "loaded": 1_000_000, "rounds": 5}
    return {"title": "Read API", "question": "how fast?", **sizes, **parts, **FRAME}


def of(median: float) -> dict[str, float]:
    return {"min": median / 2, "median": median, "max": 2 * median}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "IMAGES", tmp_path)
    (tmp_path / "page.md").write_text(f"{report.BEGIN}\n{report.END}\n", "utf-8")
    (tmp_path / "results").mkdir()
    return tmp_path


def written(page: Path, name: str, found: Result) -> str:
    """The page with this result, and nothing else, after a way through its file."""
    (page / "results" / f"{name}.json").write_text(dumps(found), "utf-8")
    report.write(page / "results")
    assert (page / f"benchmark-{name}.svg").read_text("utf-8").startswith("<?xml")
    return (page / "page.md").read_text("utf-8")


def test_growth_tells_seconds_memory_and_what_the_last_tenfold_step_takes(page: Path) -> None:
    rows = [growth_point("load", at, seconds) for at, seconds in ((1_000, 2.0), (10_000, 4.0), (100_000, 36.0))]
    others = [growth_point("parts", 100, 0.5, 1_000, rounds=3), growth_point("held", 0, 1.0, 1_000, mib=7)]
    text = written(page, "growth", growth(*rows, *others))
    assert "measured once or 3 times." in text
    assert "| 10,000 | – | – | – | 4.00 s, 2,500 rows/s | – |" in text
    assert "| the last step, 10 × the rows, takes | – | – | – | 9.0 times as long | – |" in text
    assert "| 100,000 | – | – | – | 100 MiB | – |" in text
    assert "The same 1,000 rows in N part files" in text
    assert "| 100 | 0.50 (0.50 to 1.50) | 2,000 | 100 MiB |" in text
    assert "| 0 | 1.00 (1.00 to 2.00) | 1,000 | 7 MiB |" in text


def test_a_piece_that_failed_is_reported_beside_those_that_did_not(page: Path) -> None:
    found = growth(growth_point("produce", 1_000, 2.0)) | {"failed": [{"what": "the merge", "why": "no luck"}]}
    text = written(page, "growth", found)
    assert "| 1,000 | 2.00 s, 500 rows/s | – |" in text
    assert "the merge did not finish: no luck" in text
    assert "part files" not in text
    assert "no luck" in report.as_text("growth", found)


def test_latency_tells_percentiles_by_rate_and_way_to_read(page: Path) -> None:
    point = {
        "mode": "time_box",
        "rate": 1_000,
        "rows": 60_000,
        "latency": {"min": 1.0, "p50": 3.25, "p99": 6.5, "max": 7.0},
        "cycle_seconds": {"cycles": 12, "min": 2.0, "median": 2.5, "max": 4.0},
    }
    short = {**point, "mode": "caught_up", "cycle_seconds": {"cycles": 0}}
    text = written(page, "latency", latency(point, short))
    assert "| 1,000 | `time_box` | 60,000 | 3.25 s | 6.50 s | 7.00 s | 2.50 s (4.00) |" in text
    assert "| 1,000 | `caught_up` | 60,000 | 3.25 s | 6.50 s | 7.00 s | – |" in text
    assert "`time_box` is `-p until=time_box` `-p time_box_seconds=2.0`" in text
    assert "after two cycles; medians of one round." in text
    assert "p99  6.50 s" in report.as_text("latency", latency(point, short))
    text = written(page, "latency", latency({**point, "rounds": 1}, {**short, "rounds": 5}))
    assert "after two cycles; medians of one round (`time_box`), 5 rounds (`caught_up`)." in text


def test_latency_without_any_figure_is_reported_all_the_same(page: Path) -> None:
    found = latency() | {"failed": [{"what": "time_box at 100", "why": "Kafka was away"}]}
    assert "Kafka was away" in written(page, "latency", found)


def test_the_api_tells_its_times_beside_those_of_copy_and_what_requests_cost(page: Path) -> None:
    found = api(
        latest={"runs": 20, "milliseconds": of(80)},
        csv={"seconds": of(1.5), "copy_seconds": of(1)},
        peak_bytes=200 << 20,
        beside={"requests": 200, "alone_seconds": of(4), "seconds": of(4.6), "statuses": {"200": 990, "503": 10}},
    )
    text = written(page, "api", found)
    for words in ("80 ms (40–160)", "1.50 s (0.75–3.00)", "200 MiB", "990 × 200, 10 × 503"):
        assert words in text
    assert [row[1:3] for row in told(api=found)] == [
        ("80 ms", "met"),
        ("0.67 ×", "met"),
        ("200 MiB", "met"),
        ("1.15 ×", "**missed**"),
    ]
    assert "no service" in written(page, "api", api() | {"failed": [{"what": "it", "why": "no service"}]})


def soaked(cycles: int, growing: str = "", **counts: int) -> Result:
    counted = {"loaded": 900, "rejected": 60, "duplicate": 40, "not_successful": 0, "unbalanced": 0, **counts}
    return soak.figures(soak.Soak(1_000, samples(cycles, growing)), Account(**counted)) | {"load_before": [0.25]}


def test_a_soak_tells_balance_growth_and_keeps_what_its_picture_needs(page: Path) -> None:
    found = soaked(200)
    text = written(page, "soak", found)
    assert "200 scheduled cycles" in text
    assert "| 1,000 | 900 | 60 | 40 | every message is counted once |" in text
    assert "| Spark's JVM | 1.00 | 1.00 | 1.00 |" in text
    assert found["failed"] == []
    assert found["series"]["jvm_mib"] == [100] * 200
    assert "samples" not in found


def test_a_soak_fails_for_a_wrong_balance_and_for_growth_over_many_cycles_only() -> None:
    assert [one["what"] for one in soaked(20, loaded=899)["failed"]] == ["the balance"]
    assert [one["what"] for one in soaked(20, not_successful=1)["failed"]] == ["the balance"]
    assert soaked(20, growing="kernel")["failed"] == []
    assert [one["what"] for one in soaked(200, growing="kernel")["failed"]] == ["kernel.handles"]


# --- targets ---------------------------------------------------------------------------------------------------------


def contest(**rates: float | None) -> Result:
    """Rows per second by contender, ours written with `etl` or a job; None: it did not finish."""
    contenders = [
        {"name": name, "is_ours": name[0].isdigit() or "warm" in name}
        | ({"failed": "why"} if rate is None else {"rows_per_second": rate})
        for name, rate in rates.items()
    ]
    return {"rows": 10_000, "contenders": contenders, **FRAME}


def told(**found: Result) -> list[tuple[str, ...]]:
    """The rows of the table of targets, without their age."""
    lines = targets.lines(found, {name: Age() for name in found})
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[4:] if line]
    assert {row[3] for row in rows} <= {"**age unknown**"}
    return [row[:3] for row in rows]


def test_a_target_is_a_ratio_of_one_run_and_is_met_or_missed() -> None:
    assert told() == []
    assert told(
        produce=contest(**{"1_produce": 50.0, "kafka-python": 25.0}),
        merge=contest(**{"3_merge": 199.0, "pandas.concat": 10.0}),
        load=contest(**{"4_load": 66.0, "4_load, rows alone": 80.0, "COPY": 100.0}),
        overhead=contest(**{"scheduled, warm": 2_500.0, "run": 1_250.0, "papermill × 4": 500.0}),
        consume=contest(**{"2_consume": 100.0, "Spark's defaults": 101.0}),
    ) == [
        ("produce: 2 × the client's own defaults", "2.0 ×", "met"),
        ("consume: as fast as Spark's defaults", "0.99 ×", "**missed**"),
        ("merge: 20 × `pandas.concat`", "19.9 ×", "**missed**"),
        ("load, everything included: 0.65 × a plain COPY", "0.66 ×; without windows and anomalies 0.80 ×", "met"),
        ("a warm cycle of 10,000 rows: 1.5 s at most", "4.00 s", "**missed**"),
        ("`run` of 10,000 rows, cold: 8 s at most", "8.00 s", "met"),
        ("4 × faster than papermill's command line × 4, Spark cold", "5.0 ×", "met"),
    ]


def test_the_whole_way_is_compared_with_the_fastest_that_gets_along_with_a_duplicate() -> None:
    found = contest(**{"etl, warm": 60.0, "dlt, Arrow": 90.0, "dlt, Arrow upsert": 50.0, "Debezium sink": 10.0})
    found["contenders"][1]["stops_at_duplicate"] = True
    (_, (_, ahead, met)) = told(whole=found)
    assert (ahead, met) == ("1.20 × dlt, Arrow upsert (50 rows/s)", "**missed**")


def test_a_target_is_missed_where_a_contender_did_not_finish() -> None:
    assert told(produce=contest(**{"1_produce": None, "kafka-python": 25.0}))[0][2] == "**missed**"


def test_cost_is_linear_where_the_largest_has_the_rate_of_the_next(page: Path) -> None:
    points = [
        growth_point("cycle", 1_000, 2.0),
        growth_point("cycle", 10_000, 10.0),
        growth_point("cycle", 100_000, 130.0),
    ]
    assert told(growth=growth(*points)) == [
        ("cost linear in rows: 0.9 ×", "0.77 × the rows/s at 100,000 rows as at 10,000", "**missed**")
    ]
    assert told(growth=growth(points[0])) == []
    load = (growth_point("load", 10, 1.0), growth_point("load", 100, 18.0))
    assert told(growth=growth(*points[1:], *load))[1] == (
        "cost linear in rows, 4_load: 0.9 ×",
        "0.56 × the rows/s at 100 rows as at 10",
        "**missed**",
    )


def test_a_load_into_a_full_table_is_compared_with_one_into_an_empty_table() -> None:
    held = (growth_point("held", 0, 1.0), growth_point("held", 10, 1.1), growth_point("held", 100, 1.3))
    assert told(growth=growth(*held)) == [
        ("load into a full table: 1.2 × the time into an empty one", "1.30 × into a table of 100 rows", "**missed**")
    ]


def test_the_latency_target_is_of_its_own_rhythm() -> None:
    point = {"mode": "caught_up", "rate": 1_000, "latency": {"p99": 2.5}}
    (row,) = told(latency=latency(point, {**point, "rate": 100}))
    assert row[1:] == ("2.50 s at `--every 5s`", "**missed**")
    assert told(latency=latency(point) | {"every": "1s"})[0][2] == "met"


# --- age ---------------------------------------------------------------------------------------------------------------


MEASURED = {
    "rounds": 5,
    "loads": [{"average": 0.5, "busy": 0.02}, {"average": 2.0, "busy": 0.1}, {"average": 1.0, "busy": 0.04}],
    "machine": {
        "python": "3.11.7",
        "java": 17,
        "kafka": "4.4.0",
        "postgresql": "18.1",
        "versions": {"pyspark": "4.2.0", "pyarrow": "26.0.1"},
    },
}


def test_a_result_says_when_and_on_what_it_was_measured() -> None:
    assert age.sentence(MEASURED, Age("2026-11-27", "abc")) == (
        "Measured 2026-11-27, commit abc, with Python 3.11.7, Java 17, Spark 4.2.0, Kafka 4.4.0, PostgreSQL 18.1, pyarrow 26.0.1;"
        " before the rounds the processors were busy for 4% of the time (at most 10%), and the load average was 1.0 (at most"
        " 2.0)."
    )
    assert age.cell("load", MEASURED, Age("2026-11-27", "abc")) == "2026-11-27, commit abc"


def test_a_figure_that_is_older_than_the_code_says_so_whatever_has_changed() -> None:
    older = [Age("2026-11-27", "abc", True, changed) for changed in (("etl/jobs/load",), ("pyspark 4.0.0, now 4.2.0",))]
    said = "measured before the code was last changed** (2026-11-27, commit abc with changes)"
    assert {age.cell("load", MEASURED, one) for one in older} == {f"**{said}"}
    assert len({age.sentence(MEASURED, one) for one in older}) == 1
    assert age.sentence(MEASURED, older[0]).startswith("**M" + said[1:])


def test_a_result_without_a_date_is_of_unknown_age() -> None:
    assert age.cell("load", {}, Age()) == "**age unknown**"
    assert age.sentence({"load_before": [0.25]}, Age()).endswith("System load before: 0.25.")


def test_a_target_of_too_few_rounds_says_so() -> None:
    now = Age("2026-11-27", "abc")
    assert age.cell("load", {"rounds": 2}, now).endswith("; **2 of 5 rounds**")
    points = growth(growth_point("load", 10, 1.0, rounds=5), growth_point("load", 100, 1.0, rounds=1))
    assert age.cell("growth", points, now).endswith("; **1 of 5 rounds**")
    points = latency({"mode": "caught_up", "rounds": 5}, {"mode": "time_box", "rounds": 1})
    assert age.cell("latency", points, now) == "2026-11-27, commit abc"
    assert age.cell("soak", {}, now) == "2026-11-27, commit abc"
