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
    """One kind of fault in every sensor's series, each in a separate time slot."""
    numbers = np.random.RandomState([seed, list(KINDS).index(kind)])
    value, event, keep = curves.value.copy(), np.full(len(curves.value), -1), np.ones(len(curves.value), bool)
    events = 0
    for rows in _by_sensor(curves):
        for slot in np.array_split(rows[_probation(rows) :], KINDS[kind].per_sensor):
            place = numbers.randint(len(slot) // 10, len(slot) // 3)
            labelled, change, lost = KINDS[kind].draw(curves, slot[place:], numbers)
            change.apply(value, rows)
            keep[lost], event[labelled], events = False, events, events + 1
    faulty = replace(curves, sensor=curves.sensor[keep], micros=curves.micros[keep], value=curves.rounded(value)[keep])
    return Labelled(kind, faulty, event[keep], _scored(curves)[keep])


def clean(curves: Curves) -> Labelled:
    """The curves as they are, the probation aside."""
    return Labelled("none", curves, np.full(len(curves.value), -1), _scored(curves))


def _by_sensor(curves: Curves) -> list[Rows]:
    return [np.flatnonzero(curves.sensor == sensor) for sensor in np.unique(curves.sensor)]


def _probation(rows: Rows) -> int:
    return int(len(rows) * PROBATION)


def _scored(curves: Curves) -> NDArray[np.bool_]:
    scored = np.ones(len(curves.value), bool)
    for rows in _by_sensor(curves):
        scored[rows[: _probation(rows)]] = False
    return scored


@dataclass(frozen=True)
class _Change:
    """What is added to some rows; whether it stays for all later rows; whether the rows freeze at the first one's value."""

    rows: Rows
    by: NDArray[np.float64]
    stays: bool = False
    frozen: bool = False

    def apply(self, value: NDArray[np.float64], rows: Rows) -> None:
        """Change a sensor's values in place; `rows` are all of the sensor's."""
        value[self.rows] += self.by
        if self.stays:
            value[rows[rows > self.rows[-1]]] += self.by[-1]
        if self.frozen:
            value[self.rows] = value[self.rows[0]]


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
    "level shift": Kind(2, _shift, "5 to 15 σ from one reading to the next, permanent; its first hour is labelled"),
    "drift": Kind(2, _drift, "5 to 15 σ within two hours, then permanent; the two hours are labelled"),
    "stuck": Kind(2, _stuck, "the same value for one to two hours"),
    "gap": Kind(3, _gap, "no readings for 15 to 120 minutes; the reading after them is labelled"),
}
