"""Faults of known kind and place, put into clean curves.

The kinds are those of the literature on sensor faults (Sharma, Golubchik and Govindan 2010: short, noise, constant; de Bruijn
et al. 2016: random, malfunction, bias, drift), and gaps. Sizes are in standard deviations of the sensor's own noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.anomalies.curves import NOISE, Curves

PROBATION = 0.15
"""The first part of a series, without faults and not scored, so that every method may get to know the sensor (as in NAB)."""
SMALLEST, LARGEST = 5.0, 15.0
"""Size of spikes, shifts and drifts, drawn evenly between, in standard deviations of the noise."""
NOISE_FACTOR = 5.0

Rows = NDArray[np.int64]
Fault = Callable[[Curves, "Rows", np.random.RandomState], tuple[NDArray[np.float64], "Rows"]]
"""Of a sensor's rows from the fault's begin to the end of its slot: their new values, and those of the rows that are labelled."""


@dataclass(frozen=True)
class Labelled:
    """Curves with faults. Row i belongs to event `event[i]`, or to none where it is -1; `scored` leaves out the probation."""

    kind: str
    curves: Curves
    event: Rows
    scored: NDArray[np.bool_]

    @property
    def events(self) -> int:
        return int(self.event.max(initial=-1)) + 1


def inject(curves: Curves, kind: str, seed: int) -> Labelled:
    """One kind of fault in every sensor's series, each in a time slot of its own."""
    numbers = np.random.RandomState([seed, list(KINDS).index(kind)])
    value, event = curves.value.copy(), np.full(len(curves.value), -1)
    keep, scored, count = np.ones(len(value), bool), np.ones(len(value), bool), 0
    for sensor in np.unique(curves.sensor):
        rows = np.flatnonzero(curves.sensor == sensor)
        first = int(len(rows) * PROBATION)
        scored[rows[:first]] = False
        for slot in np.array_split(rows[first:], KINDS[kind].per_sensor):
            place = numbers.randint(len(slot) // 10, len(slot) // 3)
            labelled, changed, gone = KINDS[kind].draw(curves, slot[place:], numbers)
            # A shift stays, so it moves everything after it; other faults leave what comes after as it was.
            after = rows[np.searchsorted(rows, changed.rows[-1]) + 1 :] if changed.stays else rows[:0]
            value[changed.rows] += changed.by
            value[after] += changed.by[-1]
            if changed.frozen:
                value[changed.rows] = value[changed.rows[0]]
            keep[gone], event[labelled], count = False, count, count + 1
    found = replace(curves, value=curves.rounded(value))
    found = replace(found, sensor=found.sensor[keep], micros=found.micros[keep], value=found.value[keep])
    return Labelled(kind, found, event[keep], scored[keep])


def clean(curves: Curves) -> Labelled:
    """The curves as they are, the probation aside."""
    starts = {sensor: np.flatnonzero(curves.sensor == sensor) for sensor in np.unique(curves.sensor)}
    scored = np.ones(len(curves.value), bool)
    for rows in starts.values():
        scored[rows[: int(len(rows) * PROBATION)]] = False
    return Labelled("none", curves, np.full(len(curves.value), -1), scored)


@dataclass(frozen=True)
class _Change:
    rows: Rows
    by: NDArray[np.float64]
    stays: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class Kind:
    """How often a fault comes per sensor and day, and how one is drawn: rows labelled, rows changed, rows that get lost."""

    per_sensor: int
    draw: Callable[[Curves, Rows, np.random.RandomState], tuple[Rows, _Change, Rows]]
    meaning: str


def _size(numbers: np.random.RandomState) -> float:
    return float(numbers.uniform(SMALLEST, LARGEST) * numbers.choice([-1, 1]) * NOISE)


def _lasting(curves: Curves, slot: Rows, minutes: float) -> Rows:
    return slot[: max(2, round(minutes * 60 / curves.interval_seconds))]


def _nothing(slot: Rows) -> _Change:
    return _Change(slot[:1], np.zeros(1))


def _spike(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    return slot[:1], _Change(slot[:1], np.array([_size(numbers)])), slot[:0]


def _noise(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    rows = _lasting(curves, slot, numbers.uniform(10, 30))
    return rows, _Change(rows, numbers.normal(0, NOISE_FACTOR * NOISE, len(rows))), slot[:0]


def _shift(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    rows = _lasting(curves, slot, 60)
    return rows, _Change(rows, np.full(len(rows), _size(numbers)), stays=True), slot[:0]


def _drift(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    rows = _lasting(curves, slot, 120)
    return rows, _Change(rows, np.linspace(0, _size(numbers), len(rows)), stays=True), slot[:0]


def _stuck(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    rows = _lasting(curves, slot, numbers.uniform(60, 120))
    return rows, _Change(rows, np.zeros(len(rows)), frozen=True), slot[:0]


def _gap(curves: Curves, slot: Rows, numbers: np.random.RandomState) -> tuple[Rows, _Change, Rows]:
    rows = _lasting(curves, slot, numbers.uniform(15, 120))
    return slot[len(rows) : len(rows) + 1], _nothing(slot), rows


KINDS: dict[str, Kind] = {
    "spike": Kind(8, _spike, "one reading off by 5 to 15 σ"),
    "noise burst": Kind(3, _noise, "10 to 30 minutes of noise with five times the σ on top"),
    "level shift": Kind(2, _shift, "5 to 15 σ from one reading to the next, for good; its first hour is labelled"),
    "drift": Kind(2, _drift, "5 to 15 σ within two hours, then for good; the two hours are labelled"),
    "stuck": Kind(2, _stuck, "the same value for one to two hours"),
    "gap": Kind(3, _gap, "no readings for 15 to 120 minutes; the reading after them is labelled"),
}
