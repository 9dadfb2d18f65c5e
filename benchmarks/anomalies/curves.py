"""A day of temperatures of some sensors, as `etl.jobs.produce.simulate` makes them, in three profiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.json
from numpy.typing import NDArray

from etl.contract.reader import load_contract
from etl.jobs.produce.simulate import DEFAULT_START, simulate
from etl.jobs.produce.simulators.sensor_readings import INTERVAL_SECONDS, SENSORS
from etl.settings import Settings

NOISE = 0.3
"""Standard deviation of the simulated temperature around its daily curve, in °C."""
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Curves:
    """Readings of several sensors, sorted by sensor and time."""

    profile: str
    interval_seconds: float
    step: float
    """The sensor's smallest step, in °C; values are rounded to it."""
    stuck_seconds: float | None
    """From when on equal values mean a stuck sensor; None where they are nothing unusual."""
    sensor: NDArray[np.int64]
    micros: NDArray[np.int64]
    value: NDArray[np.float64]

    def rounded(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        digits = max(0, -int(np.floor(np.log10(self.step))))
        return np.round(np.round(value / self.step) * self.step, digits)


def curves(seed: int, hours: float = 24.0, sensors: int = 24) -> Iterator[Curves]:
    """The three profiles, each with different sensors: every 10 s; every minute; every minute in whole degrees.

    The one that reports six times as often has a third of the sensors.
    """
    table = _simulated(seed, hours)
    often = range(1, sensors // 3 + 1)
    fine, coarse = (range(sensors // 3 + 1 + n * sensors, sensors // 3 + 1 + (n + 1) * sensors) for n in (0, 1))
    yield _profile("10 s", table, often, every=1, step=0.01, stuck_seconds=1800)
    yield _profile("1 min", table, fine, every=6, step=0.01, stuck_seconds=1800)
    yield _profile("1 min, 1 °C", table, coarse, every=6, step=1.0, stuck_seconds=None)


def _simulated(seed: int, hours: float) -> pa.Table:
    contract = load_contract("sensor_readings", Settings())
    rows = int(hours * 3600 / INTERVAL_SECONDS) * SENSORS
    # Another seed also begins at another hour: the daily curve rises, falls or rests.
    start = DEFAULT_START + timedelta(hours=seed * 5 % 24)
    messages = chain.from_iterable(simulate(contract, rows, seed=seed, start=start, bad_share=0.0))
    return pyarrow.json.read_json(BytesIO(b"\n".join(message.value or b"" for message in messages)))


def _profile(
    name: str, table: pa.Table, sensors: range, *, every: int, step: float, stuck_seconds: float | None
) -> Curves:
    number = table["sensor_id"].to_numpy()
    micros = table["timestamp"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    value = table["temperature"].to_numpy()
    # Reading i of each sensor is in row i * SENSORS + number - 1.
    rows = np.concatenate([np.arange(sensor - 1, len(table), SENSORS * every) for sensor in sensors])
    exact = Curves(name, INTERVAL_SECONDS * every, step, stuck_seconds, number[rows], micros[rows], value[rows])
    return replace(exact, value=exact.rounded(exact.value))
