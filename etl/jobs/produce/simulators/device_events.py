"""20 customers with 50 devices; each sends an event a minute that reports its one to four devices.

A device that fails reports ERROR and no temperature; one that rests reports STANDBY.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etl.jobs.produce.simulators.base import (
    Batch,
    Message,
    Numbers,
    Simulator,
    Spoiler,
    daily_curve,
    earlier,
    edit,
    epoch_seconds,
    replaced_by,
    resent,
    swap,
    texts,
    truncated,
)

CUSTOMERS = 20
DEVICES = 50
INTERVAL_SECONDS = 60.0
_LATE_MINUTES = 45
_SPIKE_CELSIUS = 40.0
_STATUS = np.array(["SUCCESS", "STANDBY", "ERROR"])
_UP_TO = (0.94, 0.98)
"""Shares of SUCCESS, and of SUCCESS or STANDBY."""

_COUNTS = np.arange(CUSTOMERS) % 4 + 1
_FIRST = np.cumsum(_COUNTS) - _COUNTS
"""Number of a customer's first device; customers have one to four, 50 together."""


def _good(batch: Batch) -> list[Message]:
    customer = batch.index % CUSTOMERS
    when = batch.when(CUSTOMERS, INTERVAL_SECONDS)
    written = texts(when, end="Z")
    events = _event_ids(batch)
    counts = _COUNTS[customer]
    # One row per device from here on.
    row = np.repeat(np.arange(len(batch.index)), counts)
    device = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + _FIRST[customer][row]
    devices = _devices(device, daily_curve(when)[row], batch.numbers)
    ends = np.cumsum(counts).tolist()
    first_offset = max(epoch_seconds(batch.start), 0)
    columns = (events, batch.index.tolist(), customer.tolist(), written, [0, *ends[:-1]], ends)
    return [
        Message(
            f"CI{c + 101:05d}".encode(),
            f'{{"eventId":"{e}","eventOffset":{first_offset + i},"eventPublisher":"device",'
            f'"customerId":"CI{c + 101:05d}","data":{{"devices":[{",".join(devices[begin:end])}]}},'
            f'"eventTime":"{w}"}}'.encode(),
        )
        for e, i, c, w, begin, end in zip(*columns, strict=True)
    ]


def _event_ids(batch: Batch) -> list[str]:
    """128 random bits each, so that events of different runs differ too."""
    bits = batch.numbers.bytes(16 * len(batch.index)).hex()
    ids = (bits[i : i + 32] for i in range(0, len(bits), 32))
    return [f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}" for i in ids]


def _devices(device: NDArray[np.int64], curve: Numbers, numbers: np.random.RandomState) -> list[str]:
    """Each device as JSON."""
    temperature = 24 + (device % 8) * 1.5 + (1 + device % 3) * curve + numbers.normal(0, 0.4, len(device))
    status = _STATUS[np.searchsorted(_UP_TO, numbers.uniform(size=len(device)), side="right")]
    columns = (device.tolist(), temperature.tolist(), status.tolist())
    return [
        f'{{"deviceId":"D{d + 1:03d}","temperature":{"null" if s == "ERROR" else f"{t:.1f}"},'
        f'"measure":"C","status":"{s}"}}'
        for d, t, s in zip(*columns, strict=True)
    ]


def _device(**values: Any) -> Spoiler:
    """One bad device among the event's good ones."""
    return edit(lambda event: event["data"]["devices"][-1].update(values))


def _data(value: Any) -> Spoiler:
    return edit(lambda event: event.update(data=value))


def _without(key: str) -> Spoiler:
    return edit(lambda event: event.pop(key))


def _late(event: dict[str, Any]) -> None:
    event["eventTime"] = earlier(event["eventTime"], _LATE_MINUTES)


def _spike(event: dict[str, Any]) -> None:
    device = event["data"]["devices"][0]
    device["temperature"] = round((device["temperature"] or 25) + _SPIKE_CELSIUS, 1)


SIMULATOR = Simulator(
    _good,
    [
        _data({"devices": []}),
        _data({}),
        _data({"devices": "none"}),
        _without("data"),
        _device(status="BROKEN"),
        _device(deviceId=None),
        _device(temperature="hot"),
        _device(temperature=999),
        _without("eventId"),
        swap(b'"eventTime":', b'"eventTime":"2025-02-30T12:00:00Z"'),
        truncated,
        replaced_by(b"publisher restarted"),
        resent(CUSTOMERS),
        resent(CUSTOMERS),
        edit(_late),
        edit(_spike),
    ],
    CUSTOMERS,
    INTERVAL_SECONDS,
)
