"""Late readings are loaded, marked and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from etl.operations.undo import undo
from tests.support.readings import load_readings, reading, require_windows_from_scratch
from tests.support.stack import Project


def test_late_readings_are_loaded_marked_and_counted(project: Project) -> None:
    load_readings(project, [reading(1, "12:00:00"), reading(2, "08:00:00")])
    assert project.value("SELECT count(*) FROM sensor_data WHERE lateness_seconds IS NOT NULL") == 0
    late = load_readings(project, [reading(1, "11:50:01"), reading(1, "11:50:00"), reading(1, "11:45:00")])
    assert (late.counts.processed, late.counts.late) == (3, 1)
    assert project.sql("SELECT lateness_seconds FROM sensor_data WHERE lateness_seconds IS NOT NULL") == [(300.0,)]
    assert project.log()[-1]["records_late"] == 1
    require_windows_from_scratch(project)


def test_the_watermark_goes_back_when_a_load_is_undone(project: Project) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    newest = load_readings(project, [reading(1, "12:00:00")])
    undo(project.settings, project.contract, newest.cycle_id)
    for file in (project.home / "backup" / "sensor_readings").glob(f"{newest.archives[0].file_name}*"):
        file.unlink()
    assert load_readings(project, [reading(1, "09:30:00")]).counts.late == 0


def test_late_readings_do_not_stretch_the_time_in_which_the_fleet_is_expected(project: Project) -> None:
    load_readings(project, [reading(1, "12:00:00")])
    load_readings(project, [reading(1, "12:00:10"), reading(1, "08:00:00")])
    assert project.value("SELECT readings_expected FROM etl_quality_score ORDER BY log_id DESC LIMIT 1") == 100


def test_a_clock_that_runs_ahead_does_not_make_everything_late(project: Project) -> None:
    def at(moment: datetime) -> dict[str, str | None]:
        return {**reading(1, ""), "timestamp": moment.isoformat()}

    now = datetime.now(UTC)
    load_readings(project, [at(now + timedelta(minutes=50))])
    assert load_readings(project, [at(now - timedelta(minutes=1))]).counts.late == 0
