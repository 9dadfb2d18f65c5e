"""Cycles of several feeds in one process, so that Spark starts once: `python -m tests.superset.cycles FEED[=MESSAGES]…`.

In the default feed one sensor, which has no part in the simulation, has been silent for an hour.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.audit.provenance import new_cycle_id
from etl.contract.reader import Contract, load_contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.settings import Settings

MESSAGES = 1_500
BAD_SHARE = 0.05
SILENT = 9_999


def main() -> None:
    settings = Settings.load()
    for argument in sys.argv[1:]:
        feed, _, messages = argument.partition("=")
        contract, cycle = load_contract(feed, settings), new_cycle_id()
        if feed == "sensor_readings":
            _send_one_of_the_silent_sensor(settings, contract, cycle)
        # Without a seed the last reading is of now, and charts of the last hours have something to show.
        produce(
            settings,
            contract,
            cycle_id=cycle,
            messages=int(messages or MESSAGES),
            bad_share=BAD_SHARE,
            create_topic=True,
        )
        for job in (consume, merge, load):
            job(settings, contract, cycle_id=cycle)


def _send_one_of_the_silent_sensor(settings: Settings, contract: Contract, cycle: str) -> None:
    when = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    reading = {"sensor_id": SILENT, "temperature": 21.5, "humidity": 40.0, "timestamp": when}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "silent.jsonl"
        file.write_text(json.dumps(reading) + "\n", "utf-8")
        produce(settings, contract, cycle_id=cycle, source_file=str(file), create_topic=True)


if __name__ == "__main__":
    main()
