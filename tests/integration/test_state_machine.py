"""After any sequence of work, kills, resends and undos the oracle holds: sent = loaded + rejected + counted duplicates.

Batches are recorded ones, as `consume` and Spark's checkpoint leave them, so that many sequences run without Spark's start;
the merger and the loader are the real ones, killed in separate processes. tests/integration/test_state_machine_on_kafka.py
does fewer sequences with the real Spark and Kafka.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection, discard
from etl.operations.undo import undo
from etl.storage import manifests
from etl.storage.archive_file import archive_files
from etl.storage.failpoints import POINTS
from tests.integration.test_killed_jobs import start
from tests.support.batches import write_batch
from tests.support.readings import require_windows_from_scratch
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql

MERGE_POINTS = sorted(point for point in POINTS if point.startswith("merge."))
Value = tuple[int, str | None, str]
"""Sensor, temperature, time."""
READINGS = st.lists(
    # A sensor may come again (a duplicate), a value may be bad, and a reading may be late.
    st.tuples(
        st.integers(1, 6),
        st.sampled_from(["20.5", "99", None]),
        st.sampled_from(["2025-06-15 09:12:01", "2025-06-15 09:12:01", "2025-06-14 23:59:59"]),
    ),
    min_size=1,
    max_size=8,
)
LOAD_POINTS = sorted(point for point in POINTS if point.startswith("load."))


class Pipeline(RuleBasedStateMachine):
    """One feed from its batches to its table."""

    project: Project

    def __init__(self) -> None:
        super().__init__()
        self.topic = secrets.token_hex(8)
        self.query = secrets.token_hex(8)
        self.sent = 0
        self.under_way: int | None = None
        self.last: list[Value] = []
        self.loaded_cycles: list[str] = []

    @initialize()
    def clear(self) -> None:
        """Every sequence begins with nothing."""
        for folder in ("output", "backup", "checkpoint"):
            shutil.rmtree(self.project.home / folder, ignore_errors=True)
        for table in ("sensor_data", "sensor_data_5m", "sensor_data_1d", "etl_rejected_row", "etl_file", "etl_log"):
            if self.project.value(f"SELECT to_regclass('{table}') IS NOT NULL"):
                self.project.sql(f"DELETE FROM {table}")

    @rule(values=READINGS)
    def read(self, values: list[Value]) -> None:
        """A batch that Spark has committed."""
        self.read_cut_off(values)
        self.commit()

    @rule(values=READINGS)
    def read_cut_off(self, values: list[Value]) -> None:
        """A complete batch whose commit Spark did not come to; it is done before the next one."""
        self.commit()
        note_in_checkpoint(self.project, self.topic, self.query, "offsets", self.sent)
        readings = [
            {"sensor_id": str(sensor), "temperature": temperature, "humidity": "40", "timestamp": moment}
            for sensor, temperature, moment in values
        ]
        write_batch(
            self.project.settings,
            self.project.contract,
            self.project.topic,
            self.topic,
            readings,
            start=self.sent,
            query_id=self.query,
        )
        self.under_way = self.sent
        self.sent += len(values)
        self.last = values

    @rule()
    def commit(self) -> None:
        """Spark does a batch again that was cut off; it takes its own place, as it was."""
        if self.under_way is not None:
            note_in_checkpoint(self.project, self.topic, self.query, "commits", self.under_way)
            self.under_way = None

    @rule()
    @precondition(lambda self: self.last)
    def resend(self) -> None:
        self.read(self.last)

    @rule()
    def lose_checkpoint(self) -> None:
        """Reading goes on after the complete batches, with a query of another name."""
        shutil.rmtree(self.project.home / "checkpoint", ignore_errors=True)
        self.query = secrets.token_hex(8)
        self.under_way = None

    @rule()
    def merge(self) -> None:
        merge(self.project.settings, self.project.contract)

    @rule()
    def load(self) -> None:
        done = load(self.project.settings, self.project.contract)
        if done.counts.read:
            self.loaded_cycles.append(done.cycle_id)

    @rule()
    @precondition(lambda self: self.waiting())
    def load_while_the_database_restarts(self) -> None:
        """Every session is ended in the middle of the load."""
        ends = iter(["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^notebook-'"])

        def reached(point: str) -> None:
            if point == "load.copying" and (query := next(ends, None)):
                self.project.sql(f"{query} AND datname = current_database()")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("etl.storage.failpoints.reached", reached)
            self.load()

    @rule(point=st.sampled_from(MERGE_POINTS))
    @precondition(lambda self: bool(manifests.batches(self.output)))
    def merge_killed(self, point: str) -> None:
        run_until_killed(self.project, "merge", point)

    @rule(point=st.sampled_from(LOAD_POINTS))
    @precondition(lambda self: self.waiting())
    def load_killed(self, point: str) -> None:
        run_until_killed(self.project, "load", point)

    @rule()
    def replay(self) -> None:
        replay(self.project.settings, self.project.contract, Selection(), changes={"temperature": "21"})

    @rule()
    def discard(self) -> None:
        discard(self.project.settings, Selection(), "given up by the test")

    @rule()
    @precondition(lambda self: self.loaded_cycles and not self.replayed())
    def undo_last(self) -> None:
        undo(self.project.settings, self.project.contract, self.loaded_cycles.pop())

    @invariant()
    def nothing_is_twice(self) -> None:
        query = "SELECT source_offset FROM {} GROUP BY source_id, source_partition, source_offset HAVING count(*) > 1"
        for table in ("sensor_data", "etl_rejected_row"):
            if self.project.value(f"SELECT to_regclass('{table}') IS NOT NULL"):
                assert self.project.sql(query.format(table)) == []

    def teardown(self) -> None:
        """Run once more, as the next cycle would, and count."""
        self.commit()
        merge(self.project.settings, self.project.contract)
        load(self.project.settings, self.project.contract)
        present = self.project.value("SELECT count(*) FROM sensor_data")
        quarantined = self.project.value("SELECT count(*) FROM etl_rejected_row WHERE status <> 'REPLAYED'")
        keys = self.project.value('SELECT count(DISTINCT (sensor_id, "timestamp")) FROM sensor_data')
        assert present == keys
        counted = self.project.value(
            "SELECT coalesce(sum(records_duplicate), 0) FROM etl_log WHERE job_name = 'load' AND undone_at IS NULL"
        )
        log = self.project.sql("SELECT job_name, status, records_read, error_message FROM etl_log ORDER BY log_id")
        assert present + quarantined + counted == self.sent, log
        assert self.project.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'") == 0
        assert manifests.batches(self.output) == []
        require_windows_from_scratch(self.project)

    @property
    def output(self) -> Path:
        return self.project.home / "output" / "sensor_readings"

    def waiting(self) -> bool:
        archives = archive_files(self.project.home / "backup" / "sensor_readings")
        return bool({archive.name for archive in archives} - set(self.ledger()))

    def ledger(self) -> Iterator[str]:
        for (name,) in self.project.sql("SELECT file_name FROM etl_file WHERE undone_at IS NULL"):
            yield name

    def replayed(self) -> bool:
        return bool(self.project.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'REPLAYED'"))


def run_until_killed(project: Project, job: str, point: str) -> None:
    """Run a job that is killed at a failpoint, or ends well where its work does not lead there."""
    process = start(project, job, failpoint=point)
    outputs = process.outputs()
    assert process.returncode in (0, -signal.SIGKILL), outputs


def note_in_checkpoint(project: Project, topic: str, query: str, folder: str, number: int) -> None:
    """What Spark writes before (`offsets`) and after (`commits`) a batch."""
    checkpoint = project.home / "checkpoint" / project.contract.feed / topic
    (checkpoint / folder).mkdir(parents=True, exist_ok=True)
    (checkpoint / "metadata").write_text(json.dumps({"id": query}))
    (checkpoint / folder / str(number)).write_text(f'v1\n{{}}\n{{"{project.topic}":{{"0":{number}}}}}')


@pytest.mark.timeout(600)
def test_after_any_sequence_the_oracle_holds(project: Project) -> None:
    class Here(Pipeline):
        pass

    Here.project = project
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=int(os.environ.get("ETL_TEST_EXAMPLES", "8")),
            # No shrinking: a failure is printed as a sequence, and finding the shortest one would take minutes.
            phases=[Phase.generate],
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
