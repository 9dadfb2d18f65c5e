"""The readings of an archive that are newer than all others of the feed, kept in memory for what is derived from them.

A database takes longer to read back what was just written, in the order of sensors and time, than to write it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etl.contract.model import Contract
from etl.storage.manifests import MOST_ROWS

_MOMENT = pa.timestamp("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600_000_000


class Fresh:
    """Collects an archive's rows as they are loaded, and then returns those that are now the newest in the table.

    Only for feeds whose rows are unique by sensor and time, and only where most rows are newer than those loaded before.

    :param newest: the newest event time that was loaded before; None before the first load.
    """

    def __init__(self, contract: Contract, newest: datetime | None) -> None:
        self.newest = newest
        self.sensor = contract.sensor
        self.time = contract.event_time.column
        names = [*contract.sensor, self.time]
        names += [*contract.windows.key, *contract.windows.measures] if contract.windows else []
        names += contract.anomalies.measures if contract.anomalies else ()
        self._columns = list(dict.fromkeys(names))
        key = contract.windows.key if contract.windows else ()
        self._columns_of_older = list(dict.fromkeys((*contract.sensor, self.time, *key, "lateness_seconds")))
        is_derived = contract.windows or contract.anomalies or contract.fleet
        self.is_worth_it = bool(is_derived) and {*contract.primary_key} == {*contract.sensor, self.time}
        """Whether rows are kept, so far."""
        self._fresh: list[pa.Table] = []
        self._older: list[pa.Table] = []

    def keep(self, rows: pa.Table) -> None:
        """Take rows with `lateness_seconds`. Of rows with the same key, the one that the table takes must come first."""
        if not self.is_worth_it or not rows.num_rows:
            return
        has_all = not any(rows[name].null_count for name in (*self.sensor, self.time))
        if self.newest is not None:
            newer = pc.greater(rows[self.time], pa.scalar(self.newest, _MOMENT))
            self._older.append(rows.filter(pc.invert(newer)).select(self._columns_of_older))
            rows = rows.filter(newer)
        self._fresh.append(rows.select(self._columns))
        self.is_worth_it = has_all and sum(rows.num_rows for rows in (*self._fresh, *self._older)) <= MOST_ROWS
        if not self.is_worth_it:
            self._fresh.clear()
            self._older.clear()

    def loaded(self) -> FreshRows | None:
        """The rows that are newer than those loaded before, each key once; None where they were not kept, or are too few."""
        number = sum(rows.num_rows for rows in self._fresh)
        older = pa.concat_tables(self._older) if self._older else None
        if not self.is_worth_it or number < max(1, older.num_rows if older else 0):
            return None
        ordered = in_order(pa.concat_tables(self._fresh), self.sensor, self.time)
        once = ordered.where(ordered.number_changes | (np.diff(ordered.micros, prepend=-1) != 0))
        return FreshRows(self.newest, self.time, self.sensor, once, older) if self._is_near(older, once) else None

    def _is_near(self, older: pa.Table | None, fresh: Ordered) -> bool:
        """Whether older rows reach back at most an hour, or as long as fresh rows reach ahead: all between has to be read."""
        on_time = older.filter(pc.is_null(older["lateness_seconds"])) if older else None
        if not on_time or self.newest is None:
            return True
        newest = micros_of(self.newest)
        oldest = micros_of(pc.min(on_time[self.time]).as_py())
        return bool(newest - oldest <= max(fresh.micros.max() - newest, _HOUR))


class Ordered:
    """Readings key by key, and in the order of time.

    :param number: of each reading's key.
    :param micros: its time, in microseconds since 1970.
    """

    def __init__(self, table: pa.Table, number: NDArray[np.int64], micros: NDArray[np.int64]) -> None:
        self.table = table
        self.number = number
        self.micros = micros

    @property
    def number_changes(self) -> NDArray[np.bool_]:
        """Whether a reading is the first of its key."""
        changes: NDArray[np.bool_] = np.diff(self.number, prepend=-1) != 0
        return changes

    @property
    def begins(self) -> NDArray[np.int64]:
        """The place of each key's first reading."""
        return np.flatnonzero(self.number_changes)

    def of_each_window(self, length: int) -> NDArray[np.int64]:
        """The place of the first reading of each key in each window of this many microseconds."""
        return np.flatnonzero(self.number_changes | (np.diff(self.micros // length, prepend=-1) != 0))

    def keys(self, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """Each key, by the names of its columns."""
        first = self.table.select(names).take(pa.array(self.begins))
        return list(zip(*(column.to_pylist() for column in first.columns), strict=True))

    def where(self, mask: NDArray[np.bool_]) -> Ordered:
        """The readings where the mask is true."""
        if mask.all():
            return self
        return Ordered(self.table.filter(pa.array(mask)), self.number[mask], self.micros[mask])


class FreshRows:
    """The rows of an archive that are newer than `newest`, each with a sensor and a time."""

    def __init__(
        self, newest: datetime | None, time: str, sensor: tuple[str, ...], by_sensor: Ordered, older: pa.Table | None
    ) -> None:
        self.newest = newest
        self.time = time
        self.sensor = sensor
        self._by_sensor = by_sensor
        self._older = older if older is not None and older.num_rows else None

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self._by_sensor.table.num_rows)

    @property
    def older_rows(self) -> int:
        """How many other rows of the archive were accepted. The table may have had some of them before."""
        return self._older.num_rows if self._older else 0

    @property
    def older_on_time(self) -> Ordered | None:
        """Sensor and time of those that are not late; None without any."""
        if self._older is None:
            return None
        on_time = self._older.filter(pc.is_null(self._older["lateness_seconds"])).select([*self.sensor, self.time])
        return in_order(on_time, self.sensor, self.time) if on_time.num_rows else None

    def in_windows_before(self, moment: int, seconds: int, key: tuple[str, ...], by_key: Ordered) -> pa.Table:
        """The key and beginning (`window_start`) of each window that begins before `moment` and holds an accepted row of the
        archive.

        :param moment: in microseconds since 1970; as the windows' beginnings.
        :param by_key: what `by` returns.
        """
        length, names = seconds * 1_000_000, [*key, self.time]
        first = by_key.of_each_window(length)
        found = by_key.table.select(names).take(pa.array(first[by_key.micros[first] < moment]))
        if self._older is not None:
            found = pa.concat_tables([found, with_values(self._older.select(names), key)])
        rows = in_order(found, key, self.time)
        first = rows.of_each_window(length)
        start = rows.micros[first] // length * length
        return rows.table.select(key).take(pa.array(first)).append_column("window_start", moments(start))

    def by(self, key: tuple[str, ...]) -> Ordered:
        """The readings key by key, and in the order of time; without those that have no value of the key."""
        if key == self.sensor:
            return self._by_sensor
        return in_order(with_values(self._by_sensor.table, key), key, self.time)

    def first_moments(self) -> dict[tuple[Any, ...], int]:
        """When each sensor sent the first reading of the archive that is not late, in microseconds since 1970.

        The sensors of the fresh rows come first, in the order that these have.
        """
        first: dict[tuple[Any, ...], int] = {}
        older = self.older_on_time
        for rows in (self._by_sensor, older) if older else (self._by_sensor,):
            for sensor, moment in zip(rows.keys(self.sensor), rows.micros[rows.begins].tolist(), strict=True):
                first[sensor] = min(moment, first.get(sensor, moment))
        return first


def with_values(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The rows that have a value in each of these columns."""
    for name in names:
        if table[name].null_count:
            table = table.filter(pc.is_valid(table[name]))
    return table


def in_order(table: pa.Table, key: tuple[str, ...], time: str) -> Ordered:
    """Rows key by key, and in the order of time; each has a key and a time."""
    number = np.zeros(table.num_rows, np.int64)
    for name in key:
        codes = table[name].combine_chunks().dictionary_encode()
        number = number * len(codes.dictionary) + codes.indices.to_numpy(zero_copy_only=False)
    micros = table[time].cast(_MOMENT).cast(pa.int64()).to_numpy()
    # NumPy sorts numbers of 16 bits many times as fast as others. Mostly the rows of a key come in the order of time.
    order = np.argsort(number.astype(np.min_scalar_type(number.max(initial=0))), kind="stable")
    if ((np.diff(micros[order]) < 0) & (np.diff(number[order]) == 0)).any():
        order = np.lexsort((micros, number))  # stable
    return Ordered(table.take(pa.array(order)), number[order], micros[order])


def moments(micros: NDArray[np.int64]) -> pa.Array:
    """Microseconds since 1970 as moments."""
    return pa.array(micros, pa.int64()).cast(_MOMENT)


def micros_of(moment: datetime) -> int:
    """A moment, with its time zone, as microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
