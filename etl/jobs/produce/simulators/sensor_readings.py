"""100 sensors that report temperature and humidity every ten seconds."""

from __future__ import annotations

import numpy as np

from etl.jobs.produce.simulators.base import (
    Batch,
    Message,
    Simulator,
    daily_curve,
    replaced_by,
    resent,
    swap,
    texts,
    truncated,
)

SENSORS = 100
INTERVAL_SECONDS = 10.0


def _good(batch: Batch) -> list[Message]:
    sensor = batch.index % SENSORS + 1
    when = batch.when(SENSORS, INTERVAL_SECONDS)
    curve = daily_curve(when)
    temperature = 20 + (sensor % 7) * 0.8 + (2 + sensor % 3) * curve + batch.noise(0.3)
    humidity = np.clip(55 - (sensor % 5) * 2 - 8 * curve + batch.noise(1.2), 5, 95)
    columns = (sensor.tolist(), temperature.tolist(), humidity.tolist(), texts(when, " "))
    return [
        Message(
            str(s).encode(), f'{{"sensor_id":{s},"temperature":{t:.2f},"humidity":{h:.2f},"timestamp":"{w}"}}'.encode()
        )
        for s, t, h, w in zip(*columns, strict=True)
    ]


SIMULATOR = Simulator(
    _good,
    [
        swap(b'"temperature":', b'"temperature":null'),
        swap(b'"humidity":', b'"humidity":140.0'),
        swap(b'"temperature":', b'"temperature":-273.2'),
        swap(b'"temperature":', b'"temperature":"warm"'),
        swap(b'"temperature":', b'"temperature":NaN'),
        swap(b'"sensor_id":', b'"device":0'),
        swap(b'"timestamp":', b'"timestamp":"30/02/2025"'),
        truncated,
        replaced_by(b"sensor restarted"),
        resent(SENSORS),
        resent(SENSORS),
    ],
    SENSORS,
    INTERVAL_SECONDS,
)
