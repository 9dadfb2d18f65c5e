from __future__ import annotations

from itertools import pairwise

from etl.jobs.produce.simulators.raw_iot import STUCK_SENSOR
from tests.support.simulated import CONTRACTS, made


def test_a_sensor_of_the_fleet_is_stuck_for_a_while_where_faults_are_wanted() -> None:
    def longest_run(bad_share: float) -> int:
        key = f"sensor-{STUCK_SENSOR:03d}".encode()
        own = [m.value or b"" for m in made(CONTRACTS["raw_iot"], 10_000, bad_share=bad_share) if m.key == key]
        values = [text.partition(b'"temperature":')[2].partition(b",")[0] for text in own]
        best = run = 1
        for before, after in pairwise(values):
            run = run + 1 if before == after else 1
            best = max(best, run)
        return best

    assert longest_run(0.001) >= 25
    assert longest_run(0) < 5
