"""Readings as real devices would send them: seeded, repeatable byte for byte, with a share of bad ones.

Each packaged feed has its own simulator in `etl/jobs/produce/simulators/`; for any other feed, readings are generated from its
contract.
"""

from __future__ import annotations

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
from etl.jobs.produce.simulators.formats import csv_line
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
    """Messages for a feed, in chunks. For a feed of files, a message is one line and has no key.

    :param rows: number of messages, including the bad ones. A message may have several readings.
    :param start: time of the first reading (UTC).
    :param bad_share: share of bad messages, 0 to 1: invalid by the contract, late, sent twice, or unusual for their sensor.
    :raises ConfigurationError: the contract has a pattern for which no values can be generated.
    """
    if not 0 <= bad_share <= 1:
        raise ConfigurationError(f"bad_share is {bad_share}.", remedy="It is a share between 0 and 1.")
    return _simulator(contract).chunks(rows, seed, start, bad_share) if rows else iter(())


def span(contract: Contract, rows: int) -> timedelta:
    """The time that `rows` simulated messages cover."""
    return _simulator(contract).span(rows) if rows else timedelta()


def csv_header(contract: Contract) -> bytes:
    """The first line of a CSV file of this feed, without its end: the names of the columns in the source."""
    return csv_line([column.source[-1] for column in contract.message_columns], contract.source.format.dialect)


def _simulator(contract: Contract) -> Simulator:
    return SIMULATORS.get(contract.feed) or simulator_of(contract)
