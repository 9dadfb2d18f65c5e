"""What makes figures old: another code in what they measure, or other versions; and what does not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import environment, freshness, report
from benchmarks.__main__ import NAMES
from benchmarks.figures import Result, dumps
from etl.settings import PROJECT_ROOT

PINNED = dict(freshness._PIN.findall((PROJECT_ROOT / "requirements.txt").read_text("utf-8")))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, in which `merge` measures one folder and one file."""
    (tmp_path / "etl/jobs/merge/deep").mkdir(parents=True)
    (tmp_path / "etl/jobs/merge/deep/join.py").write_text("one")
    (tmp_path / "benchmark.py").write_text("two")
    shutil.copy(PROJECT_ROOT / "requirements.txt", tmp_path)
    monkeypatch.setattr(freshness, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(freshness, "SOURCES", {"merge": ("etl/jobs/merge", "benchmark.py")})
    return tmp_path


def measured(**versions: str) -> Result:
    return {"measured": freshness.stamp("merge"), "machine": {"versions": versions}}


def test_each_benchmark_names_code_that_there_is() -> None:
    assert freshness.SOURCES.keys() == set(NAMES)
    missing = {path for paths in freshness.SOURCES.values() for path in paths if not (PROJECT_ROOT / path).exists()}
    assert missing == set()


def test_a_result_is_as_old_as_its_code_and_knows_what_has_changed_without_git(house: Path) -> None:
    result = measured(pyspark=PINNED["pyspark"])
    assert result["measured"]["commit"] == "unknown"
    assert freshness.age("merge", result).changed == ()
    (house / "etl/jobs/merge/__pycache__").mkdir()
    (house / "etl/jobs/merge/__pycache__/join.pyc").write_text("compiled")
    (house / "etl/jobs/load.py").write_text("not measured")
    assert freshness.age("merge", result).changed == ()
    (house / "etl/jobs/merge/deep/join.py").write_text("three")
    assert freshness.age("merge", result).changed == ("etl/jobs/merge",)
    (house / "benchmark.py").unlink()
    assert freshness.age("merge", result).changed == ("benchmark.py", "etl/jobs/merge")
    (house / "etl/jobs/merge/deep/join.py").write_text("one")
    (house / "benchmark.py").write_text("two")
    assert freshness.age("merge", result).changed == ()


def test_a_file_that_is_renamed_or_moved_is_another_code(house: Path) -> None:
    result = measured()
    (house / "etl/jobs/merge/deep/join.py").rename(house / "etl/jobs/merge/join.py")
    assert freshness.age("merge", result).changed == ("etl/jobs/merge",)


def test_a_result_is_old_where_another_version_is_pinned_now(house: Path) -> None:
    result = measured(pyspark="3.5.0", pyarrow=PINNED["pyarrow"])
    result["machine"]["contenders"] = {"dlt": "0.1", "gone": "1"}
    dlt = freshness._pins(environment.REQUIREMENTS)["dlt"]
    assert freshness.age("merge", result).changed == (
        f"pyspark 3.5.0, now {PINNED['pyspark']}",
        f"dlt 0.1, now {dlt}",
        "gone 1, now none",
    )


def test_a_result_without_these_facts_is_of_unknown_age() -> None:
    assert freshness.age("merge", {"load_before": [1.0]}).date == ""


def test_the_commit_is_named_and_whether_files_differed_from_it(house: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(house), *who, *arguments], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "--no-verify", "-m", "all")
    assert (len(measured()["measured"]["commit"]), measured()["measured"]["has_changes"]) == (9, False)
    (house / "new.txt").write_text("not known to Git, so not measured")
    assert not measured()["measured"]["has_changes"]
    (house / "benchmark.py").write_text("changed")
    age = freshness.age("merge", measured())
    assert age.when.endswith(" with changes")


def test_the_check_fails_only_where_the_page_does_not_say_that_a_figure_is_old(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "PAGE", house / "page.md")
    monkeypatch.setattr(report, "IMAGES", house)
    monkeypatch.setattr(report, "PROJECT_ROOT", house)
    (house / "page.md").write_text(f"{report.BEGIN}\n{report.END}\n", "utf-8")
    (house / "results").mkdir()
    (house / "results/merge.json").write_text(dumps(_merge()), "utf-8")
    told: list[str] = []

    def check() -> int:
        told.clear()
        return report.check(house / "results", told.append)

    assert check() == 1
    assert "make bench-report" in told[-1]
    report.write(house / "results")
    assert (check(), told) == (0, [])
    (house / "etl/jobs/merge/deep/join.py").write_text("three")
    assert check() == 1
    assert "measured before the code was last changed" in told[0]
    assert told[0].endswith(": etl/jobs/merge")
    report.write(house / "results")
    assert "| **measured before the code was last changed** (" in (house / "page.md").read_text("utf-8")
    assert (check(), len(told)) == (0, 1), "older, and the page says so"
    (house / "benchmark.py").write_text("four")
    assert (check(), len(told)) == (0, 1), "what else changes asks for no other page"


def _merge() -> Result:
    contender = {
        "note": "",
        "rows_per_second": 9.0,
        "peak_bytes": 1,
        "seconds": {"min": 1.0, "median": 1.0, "max": 1.0},
    }
    result = measured(pyspark=PINNED["pyspark"], pyarrow=PINNED["pyarrow"])
    result["machine"] |= {"python": "3.11", "java": 17, "kafka": "4", "postgresql": "18"}
    return {
        "title": "Merge",
        "question": "who merges?",
        "rows": 9,
        "rounds": 5,
        "loads": [{"average": 0.1, "busy": 0.0}],
        "contenders": [
            {**contender, "name": "3_merge", "is_ours": True},
            {**contender, "name": "pandas.concat", "is_ours": False},
        ],
        **result,
    }
