"""What a cycle loaded can be taken back and loaded again; and every cycle can be explained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from etl.database import make_engine
from etl.database.postgresql import stage
from etl.errors import ConfigurationError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.undo import undo
from tests.support.readings import load_readings, reading
from tests.support.stack import Project

WHERE_FROM = "source_id, source_partition, source_offset"
TABLE = f"SELECT {WHERE_FROM}, sensor_id, temperature, humidity, timestamp FROM sensor_data ORDER BY 1, 2, 3"
QUARANTINE = f"SELECT {WHERE_FROM}, raw, reason, problems FROM etl_rejected_row ORDER BY 1, 2, 3"


def cycle(project: Project, seed: int) -> str:
    produce(project.settings, project.contract, messages=300, bad_share=0.2, seed=seed)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    return load(project.settings, project.contract).cycle_id


def content(project: Project) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    return project.sql(TABLE), project.sql(QUARANTINE)


def test_undo_and_load_again_gives_the_same_rows(project: Project) -> None:
    first, second = cycle(project, 1), cycle(project, 2)
    # The third sends the readings of the first again: all duplicates.
    cycle(project, 1)
    before = content(project)
    loaded = project.value(f"SELECT count(*) FROM v_sensor_data WHERE cycle_id = '{first}'")

    done = undo(project.settings, project.contract, first)
    assert done.rows == loaded > 0
    assert len(done.archives) == 1
    assert project.value(f"SELECT count(*) FROM v_sensor_data WHERE cycle_id = '{first}'") == 0
    assert project.value(f"SELECT count(*) FROM v_sensor_data WHERE cycle_id = '{second}'") > 0
    with pytest.raises(ConfigurationError, match="has loaded nothing that could be undone"):
        undo(project.settings, project.contract, first)

    assert load(project.settings, project.contract).counts.read == 300
    assert content(project) == before


_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND coalesce(backend_xmin, backend_xid) IS NOT NULL
"""


@pytest.mark.postgresql
def test_rows_that_fill_the_gaps_of_an_undo_are_counted_like_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_PAGES_AHEAD", 0)
    hours = [[reading(sensor, f"{hour:02d}:00:00") for sensor in range(1, 501)] for hour in (9, 10, 11)]
    first, _ = (load_readings(project, readings) for readings in hours[:2])
    undo(project.settings, project.contract, first.cycle_id)
    engine = make_engine(project.settings).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # VACUUM keeps what older transactions could still see, such as those of an autovacuum of another table.
        while connection.scalar(text(_OTHERS)):
            pass
        connection.execute(text("VACUUM sensor_data"))
    engine.dispose()
    # The archive that was undone is loaded again, too.
    assert load_readings(project, hours[2]).counts.processed == 1000
    in_gaps = "SELECT count(*) FROM sensor_data WHERE ctid < '(1,0)' AND log_id = (SELECT max(log_id) FROM sensor_data)"
    assert project.value(in_gaps) > 0
    assert project.value("SELECT count(*) FROM sensor_data") == 1500


def test_undo_forgets_what_was_derived(project: Project) -> None:
    loaded = load_readings(project, [reading(1, "09:00:00")])
    undo(project.settings, project.contract, loaded.cycle_id)
    for table in ("sensor_data_5m", "sensor_data_1d", "etl_quality", "etl_quality_score", "etl_anomaly"):
        assert project.value(f"SELECT count(*) FROM {table}") == 0


def test_rows_that_were_replayed_are_undone_first(project: Project) -> None:
    first = cycle(project, 1)
    before = content(project)
    done = replay(project.settings, project.contract, Selection(column="humidity"), changes={"humidity": "50"})
    assert done.counts.processed > 0
    assert done.cycle_id is not None
    with pytest.raises(ConfigurationError, match=f"replayed since, by cycle {done.cycle_id}"):
        undo(project.settings, project.contract, first)
    taken_back = undo(project.settings, project.contract, done.cycle_id)
    assert taken_back.rows == taken_back.rejected == done.counts.processed
    assert content(project) == before
    undo(project.settings, project.contract, first)
    load(project.settings, project.contract)
    assert content(project) == before


def test_a_cycle_is_explained_in_plain_words(project: Project) -> None:
    first, second = cycle(project, 1), cycle(project, 2)
    said = project.etl("explain", second).stdout
    assert f"Cycle {second} of feed sensor_readings." in said
    assert "300 messages were read" in said
    assert f"rows of {project.topic}: partition 0 offsets" in said
    assert f"Compared with cycle {first}: +0 rows read" in said
    assert "backup/sensor_readings/sensor_readings_" in said
    told = json.loads(project.etl("explain", second, "--json").stdout)
    assert [job["job_name"] for job in told["jobs"]] == ["produce", "consume", "merge", "load"]
    assert "There is no cycle 'x'" in project.etl("explain", "x", expect=2).stderr
    assert "Removed" in project.etl("undo", second, "--yes").stdout
    assert "It was undone at" in project.etl("explain", second).stdout
    assert "There is no cycle 'x'" in project.etl("undo", "x", "--yes", expect=2).stderr
