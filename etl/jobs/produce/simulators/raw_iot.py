"""A fleet of 100 sensors that report temperature, humidity and power draw every ten seconds.

Where faults are wanted, the temperature of one sensor is stuck for 30 of every 100 of its readings, and single readings
spike: values that the contract allows and that do not fit the sensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etl.jobs.produce.simulators.base import (
    Batch,
    Index,
    Message,
    Numbers,
    Simulator,
    daily_curve,
    earlier,
    edit,
    replaced_by,
    resent,
    swap,
    texts,
    truncated,
)

SENSORS = 100
INTERVAL_SECONDS = 10.0
STUCK_SENSOR = 13
_LATE_MINUTES = 25
_SPIKE_CELSIUS = 18.0


def _good(batch: Batch) -> list[Message]:
    sensor = batch.index % SENSORS + 1
    when = batch.when(SENSORS, INTERVAL_SECONDS)
    curve = daily_curve(when)
    temperature = 21 + (sensor % 9) * 0.6 + (2 + sensor % 4) * curve + batch.noise(0.25)
    humidity = np.clip(52 - (sensor % 6) * 2 - 9 * curve + batch.noise(1.0), 5, 95)
    # A base load, and the machines of the day on top of it.
    energy = 60 + (sensor % 10) * 35 + 120 * np.clip(curve + 0.4, 0, None) + np.abs(batch.noise(6.0))
    if batch.faults:
        temperature = _stuck(temperature, sensor, batch.index // SENSORS)
    columns = (sensor.tolist(), temperature.tolist(), humidity.tolist(), energy.tolist(), texts(when, end="Z"))
    return [
        Message(
            f"sensor-{s:03d}".encode(),
            f'{{"sensor_id":"sensor-{s:03d}","temperature":{t:.2f},"humidity":{h:.2f},"energy":{e:.1f},'
            f'"timestamp":"{w}"}}'.encode(),
        )
        for s, t, h, e, w in zip(*columns, strict=True)
    ]


def _stuck(temperature: Numbers, sensor: Index, reading: Index) -> Numbers:
    """One sensor repeats a value through its readings 50 to 79 of every 100; which value is a matter of the block."""
    is_stuck = (sensor == STUCK_SENSOR) & (reading % 100 >= 50) & (reading % 100 < 80)
    return np.where(is_stuck, 22.5 + (reading // 100 % 7) * 0.5, temperature)


def _spike(reading: dict[str, Any]) -> None:
    reading["temperature"] = round(reading["temperature"] + _SPIKE_CELSIUS, 2)


def _late(reading: dict[str, Any]) -> None:
    reading["timestamp"] = earlier(reading["timestamp"], _LATE_MINUTES)


SIMULATOR = Simulator(
    _good,
    [
        swap(b'"temperature":', b'"temperature":null'),
        swap(b'"humidity":', b'"humidity":140.0'),
        swap(b'"temperature":', b'"temperature":-273.2'),
        swap(b'"energy":', b'"energy":-5.0'),
        swap(b'"temperature":', b'"temperature":"warm"'),
        swap(b'"energy":', b'"energy":NaN'),
        swap(b'"sensor_id":', b'"device":0'),
        swap(b'"timestamp":', b'"timestamp":"30/02/2025"'),
        truncated,
        replaced_by(b"sensor restarted"),
        resent(SENSORS),
        resent(SENSORS),
        edit(_spike),
        edit(_late),
        edit(_late),
    ],
    SENSORS,
    INTERVAL_SECONDS,
)
