"""Readings as real devices would send them: seeded, repeatable byte for byte, with a share of bad ones.

Each packaged feed has a simulator of its own in `etl/jobs/produce/simulators/`; for any other one, readings are made from
its contract.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulators import (
    device_events,
    environment_telemetry,
    raw_iot,
    room_temperatures,
    sensor_readings,
)
from etl.jobs.produce.simulators.base import CHUNK, Message, Simulator
from etl.jobs.produce.simulators.generic import simulator_of

__all__ = ["CHUNK", "DEFAULT_START", "SIMULATORS", "Message", "csv_header", "simulate", "span"]

DEFAULT_START = datetime(2025, 6, 15, 0, 0, 0)

SIMULATORS: dict[str, Simulator] = {
    "sensor_readings": sensor_readings.SIMULATOR,
    "device_events": device_events.SIMULATOR,
    "raw_iot": raw_iot.SIMULATOR,
    "room_temperatures": room_temperatures.SIMULATOR,
    "environment_telemetry": environment_telemetry.SIMULATOR,
}


def simulate(contract: Contract, rows: int, *, seed: int, start: datetime, bad_share: float) -> Iterator[list[Message]]:
    """Messages for a feed, in chunks. Of a feed that comes as files, a message is one line, and has no key.

    :param rows: how many messages, the bad ones among them. A message may hold several readings.
    :param start: time of the first reading (UTC).
    :param bad_share: from 0 to 1, which part of them is bad: against the contract, late, sent twice, or unlike its sensor.
    :raises ConfigurationError: the contract asks for values that cannot be made up.
    """
    if not 0 <= bad_share <= 1:
        raise ConfigurationError(f"bad_share is {bad_share}.", remedy="It is a share between 0 and 1.")
    return _simulator(contract).chunks(rows, seed, start, bad_share) if rows else iter(())


def span(contract: Contract, rows: int) -> timedelta:
    """How much time `rows` simulated messages cover."""
    return _simulator(contract).span(rows) if rows else timedelta()


def csv_header(contract: Contract) -> bytes:
    """The first line of a CSV file of this feed, without its end: the names of the columns in the source."""
    landing = contract.landing
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=landing.delimiter if landing else ",", quotechar=landing.quote if landing else '"'
    )
    writer.writerow([column.source[-1] for column in contract.columns])
    return text.getvalue().rstrip("\r\n").encode(landing.encoding if landing else "utf-8")


def _simulator(contract: Contract) -> Simulator:
    return SIMULATORS.get(contract.feed) or simulator_of(contract)
