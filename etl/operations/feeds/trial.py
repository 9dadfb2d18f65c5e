"""What a contract would do with some records: the loader's validation and what follows from its rows, without a database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etl.contract.model import BROKER_TIME, Contract
from etl.jobs.load.derived.anomalies import anomalies_in
from etl.jobs.load.derived.new_windows import in_memory
from etl.jobs.load.derived.newest_rows import in_order, with_values
from etl.operations.feeds.broken_rules import broken_rule
from etl.validation.reasons import Reason
from etl.validation.rejects import COORDINATES
from etl.validation.validate import Validated, validate

GOOD_SHARE = 0.95
"""A contract fits a sample of which at least this share is loaded, or is known from an earlier row."""
EXAMPLES = 3
_LONGEST_EXAMPLE = 40
_MOST_UNKNOWN = 20
_WITHOUT_READING = (Reason.NO_READING, Reason.TOMBSTONE)


@dataclass(frozen=True)
class TriedRows:
    """Readings as text columns, as the consumer writes them to part files."""

    table: pa.Table
    headers: Mapping[int, tuple[str, ...]]
    """Number of a CSV file in `source_partition` → its columns."""
    records: int
    """How many messages, lines or rows of files these are."""


@dataclass(frozen=True)
class Rejection:
    """Readings that break one rule in one column."""

    reason: str
    column: str | None
    """None where the message as a whole is wrong."""
    rows: int
    examples: tuple[str, ...]
    """Different values, or beginnings of messages."""
    words: str
    line: str
    """The contract's line, as `BrokenRule` has it."""


@dataclass(frozen=True)
class Trial:
    """What would become of the readings, if they were the feed's first ones."""

    feed: str
    records: int
    """Messages, lines or rows of files."""
    readings: int
    loaded: int
    duplicate: int
    conflicting: int
    """Readings with the key of an earlier one and other values."""
    on_conflict: str
    rejections: tuple[Rejection, ...]
    """The most frequent first."""
    late: int
    """Loaded readings that lie further behind an earlier one than the contract's lateness: late, if a load ends between them."""
    sensors: int
    first: datetime | None
    """The oldest event time."""
    last: datetime | None
    windows: Mapping[str, int]
    """Table → rows of windows."""
    measures: tuple[str, ...]
    """What windows have statistics of."""
    anomalies: Mapping[str, int] | None
    """Kind → how many; None where the contract looks for none."""
    unknown: Mapping[str, int]
    """Key or column that the contract does not name → how many readings have it; the most frequent ones."""
    unknown_left: int = 0
    """How many more there are."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """File that a job would set aside as a whole → why."""
    is_whole: bool = True
    """Whether all records of the sample were tried."""

    @property
    def rejected(self) -> int:
        return sum(rejection.rows for rejection in self.rejections)

    @property
    def good_share(self) -> float:
        """The share of readings that are loaded, or are what the contract says of repeated keys.

        Messages without a reading, such as deletes and tombstones, do not count, as long as most messages have one.
        """
        repeated = self.duplicate + (0 if self.on_conflict == "quarantine" else self.conflicting)
        without = sum(rejection.rows for rejection in self.rejections if rejection.reason in _WITHOUT_READING)
        counted = self.readings - (without if 2 * without < self.readings else 0)
        return (self.loaded + repeated) / counted if counted else 0.0

    @property
    def fits(self) -> bool:
        return self.good_share >= GOOD_SHARE and not self.unreadable


def try_rows(contract: Contract, chunks: Iterable[TriedRows], *, now: datetime | None = None) -> Trial:
    """Validate readings by a contract, and compute what the first load of a feed would derive from them.

    :param now: the current time, with a time zone; None: the clock's.
    """
    tally = _Tally(contract, now or datetime.now(UTC))
    for chunk in chunks:
        tally.count(chunk)
    accepted = tally.accepted()
    kept, duplicate, conflicting = _divided(accepted, contract)
    time = contract.event_time.column
    span = pc.min_max(kept[time]).as_py()
    sensors = in_order(with_values(kept, (*contract.sensor, time)), contract.sensor, time)
    windows, anomalies = contract.windows, contract.anomalies
    return Trial(
        feed=contract.feed,
        records=tally.records,
        readings=tally.readings,
        loaded=kept.num_rows,
        duplicate=duplicate,
        conflicting=conflicting,
        on_conflict=contract.on_conflict,
        rejections=tally.rejections(),
        late=_late(kept, contract),
        sensors=int(sensors.number_changes.sum()),
        first=span["min"],
        last=span["max"],
        windows=_windows(kept, contract),
        measures=windows.measures if windows else (),
        anomalies=None if anomalies is None else _counts(anomalies_in(sensors, time, anomalies)["kind"]),
        unknown=dict(tally.unknown.most_common(_MOST_UNKNOWN)),
        unknown_left=max(0, len(tally.unknown) - _MOST_UNKNOWN),
    )


@dataclass
class _Tally:
    """Counts chunk by chunk."""

    contract: Contract
    now: datetime
    readings: int = 0
    records: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    _accepted: list[pa.Table] = field(default_factory=list)
    _rejected: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    _examples: dict[tuple[str, str | None], dict[str, None]] = field(default_factory=dict)

    def count(self, chunk: TriedRows) -> None:
        checked = validate(chunk.table, self.contract, now=self.now, headers=chunk.headers)
        self.readings += chunk.table.num_rows
        self.records += chunk.records
        self.unknown += checked.unknown
        self._accepted.append(checked.accepted)
        self._count_rejected(checked)

    def _count_rejected(self, checked: Validated) -> None:
        names = ("reason", "problems", "raw")
        for reason, problems, raw in zip(*(checked.rejected[name].to_pylist() for name in names), strict=True):
            first = json.loads(problems)[0]
            place = (reason, first["column"])
            self._rejected[place] += 1
            examples = self._examples.setdefault(place, {})
            text = raw if first["column"] is None else first["value"]
            if text and len(examples) < EXAMPLES:
                examples[text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"] = None

    def accepted(self) -> pa.Table:
        if self._accepted:
            return pa.concat_tables(self._accepted)
        empty = pa.table({name: pa.array([], pa.string()) for name in (*self.contract.read_names, *COORDINATES)})
        return validate(empty, self.contract, now=self.now).accepted

    def rejections(self) -> tuple[Rejection, ...]:
        return tuple(self._rejection(*place, rows) for place, rows in self._rejected.most_common())

    def _rejection(self, reason: str, column: str | None, rows: int) -> Rejection:
        examples = tuple(self._examples[reason, column])
        rule = broken_rule(self.contract, Reason(reason), column, examples[0] if examples else None)
        return Rejection(reason, column, rows, examples, rule.words, rule.line)


# --- rows with the same key ------------------------------------------------------------------------------------------


def _divided(rows: pa.Table, contract: Contract) -> tuple[pa.Table, int, int]:
    """The first row of each key, and how many later ones have the same values and how many have others."""
    key = contract.primary_key
    if not key or not rows.num_rows:
        return rows, 0, 0
    first = _first_of_key(rows, key)
    places = np.arange(rows.num_rows)
    later = np.flatnonzero(first != places)
    # A message that is sent twice differs in the time at which the broker received it, and in nothing else.
    received = [column.name for column in contract.columns if column.origin == BROKER_TIME and column.name not in key]
    values = rows.drop_columns([*COORDINATES, *received])
    same = _equal(values.take(pa.array(later)), values.take(pa.array(first[later])))
    return rows.filter(pa.array(first == places)), int(same.sum()), int((~same).sum())


def _first_of_key(rows: pa.Table, key: tuple[str, ...]) -> NDArray[np.int64]:
    """For each row the place of the first one with its key."""
    number = np.zeros(rows.num_rows, np.int64)
    for name in key:
        codes = rows[name].combine_chunks().dictionary_encode()
        number = number * len(codes.dictionary) + codes.indices.to_numpy(zero_copy_only=False)
        number = np.unique(number, return_inverse=True)[1]
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    places: NDArray[np.int64] = first[inverse]
    return places


def _equal(some: pa.Table, others: pa.Table) -> NDArray[np.bool_]:
    """Row by row, whether all values are equal; a missing value equals a missing one."""
    equal = np.ones(some.num_rows, bool)
    for name in some.column_names:
        left, right = some[name], others[name]
        both_missing = pc.and_(pc.is_null(left), pc.is_null(right))
        equal &= pc.or_(pc.fill_null(pc.equal(left, right), False), both_missing).to_numpy()
    return equal


# --- what follows from the rows --------------------------------------------------------------------------------------


def _late(rows: pa.Table, contract: Contract) -> int:
    times = rows[contract.event_time.column].drop_null().cast(pa.int64()).to_numpy()
    behind = np.maximum.accumulate(times) - times if len(times) else times
    return int((behind > contract.lateness_seconds * 1e6).sum())


def _windows(rows: pa.Table, contract: Contract) -> dict[str, int]:
    """Table of windows → its rows."""
    windows, time = contract.windows, contract.event_time.column
    if windows is None:
        return {}
    readings = in_order(with_values(rows, (*windows.key, time)), windows.key, time)
    counted = {}
    for name, seconds in windows.sizes:
        length = seconds * 1_000_000
        statistics = in_memory(readings, readings.micros // length * length, windows) if len(readings.micros) else None
        counted[f"{contract.table}_{name}"] = statistics.num_rows if statistics else 0
    return counted


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return {str(entry["values"]): entry["counts"] for entry in pc.value_counts(values).to_pylist()}


def as_json(trial: Trial) -> dict[str, Any]:
    """A trial as plain values."""
    rejections = [vars(rejection) for rejection in trial.rejections]
    return {
        **vars(trial),
        "rejections": rejections,
        "rejected": trial.rejected,
        "good_share": trial.good_share,
        "fits": trial.fits,
    }
