"""Three devices that report gases, light, motion and climate every five seconds, as lines of CSV.

The gases rise and fall together, as they do where one sensor element measures all of them. Where faults are wanted, the
humidity of one device is stuck for a while, and there are moments of smoke.
"""

from __future__ import annotations

import numpy as np

from etl.jobs.produce.simulators.base import (
    Batch,
    Message,
    Simulator,
    daily_curve,
    field,
    fields,
    resent,
    seconds_of_day,
)

DEVICES = ("00:0f:00:70:91:0a", "1c:bf:ce:15:ec:4d", "b8:27:eb:bf:9d:51")
INTERVAL_SECONDS = 5.0
_LATE_SECONDS = 1_800
_STUCK_DEVICE = 1
_HUMIDITY = np.array([75.0, 62.0, 51.0])
_TEMPERATURE = np.array([19.5, 22.0, 22.6])


def _good(batch: Batch) -> list[Message]:
    device = batch.index % len(DEVICES)
    when = batch.when(len(DEVICES), INTERVAL_SECONDS)
    curve = daily_curve(when)
    air = np.exp(batch.noise(0.12) + 0.15 * curve)
    co, lpg, smoke = 0.0045 * air, 0.0072 * air**0.75, 0.0192 * air**0.8
    humidity = np.clip(_HUMIDITY[device] - 4 * curve + batch.noise(0.6), 5, 95)
    temperature = _TEMPERATURE[device] + 2 * curve + batch.noise(0.3)
    hour = seconds_of_day(when) / 3600
    light = (hour > 7) & (hour < 20)
    motion = batch.numbers.uniform(size=len(device)) < np.where(light, 0.02, 0.001)
    if batch.faults:
        reading = batch.index // len(DEVICES)
        humidity = np.where((device == _STUCK_DEVICE) & (reading % 1_000 >= 900), 61.5, humidity)
    times = _java_times(when)
    gases = (co.tolist(), lpg.tolist(), smoke.tolist())
    columns = (times, device.tolist(), *gases, humidity.tolist(), light.tolist(), motion.tolist(), temperature.tolist())
    return [
        Message(
            None,
            f"{w},{DEVICES[d]},{c:.10f},{h:.1f},{_LOGICAL[li]},{lp:.10f},{_LOGICAL[m]},{s:.10f},{t:.1f}".encode(),
        )
        for w, d, c, lp, s, h, li, m, t in zip(*columns, strict=True)
    ]


_LOGICAL = {True: "true", False: "false"}


def _java_times(when: np.typing.NDArray[np.datetime64]) -> list[str]:
    """Epoch seconds as Java writes a double: 1.5945120943859746E9."""
    return [_java_double(us / 1e6) for us in when.astype("datetime64[us]").astype(np.int64).tolist()]


def _java_double(seconds: float) -> str:
    whole, _, fraction = repr(seconds).partition(".")
    digits = f"{whole[1:]}{fraction}".rstrip("0") or "0"
    return f"{whole[0]}.{digits}E{len(whole) - 1}"


def _smoke(line: list[str]) -> list[str]:
    """All gases at four times what they were."""
    return [f"{float(value) * 4:.10f}" if i in (2, 5, 7) else value for i, value in enumerate(line)]


SIMULATOR = Simulator(
    _good,
    [
        fields(lambda line: line[:6]),
        fields(lambda line: [*line, "0"]),
        field(8, "warm"),
        field(2, "NaN"),
        field(8, "-99.0"),
        field(3, "140.0"),
        field(1, ""),
        field(0, "yesterday"),
        field(4, "bright"),
        resent(len(DEVICES)),
        resent(len(DEVICES)),
        field(0, lambda ts: _java_double(float(ts) - _LATE_SECONDS)),
        fields(_smoke),
    ],
    len(DEVICES),
    INTERVAL_SECONDS,
)
