"""Computes in memory the windows that hold only rows newer than all others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, MetaData, Table, delete, select

from etl.contract.model import Windows
from etl.database import MOMENT, make_stage
from etl.database.schema.windows import Touched, filling, keep_touched, recompute, smallest_first, table_of_size
from etl.jobs.load.derived.base import NewRows
from etl.jobs.load.derived.newest_rows import FreshRows, Ordered, micros_of, moments


def add_newest(connection: Connection, new: NewRows, fresh: FreshRows) -> None:
    """Update windows after an archive came in, of which all rows newer than `fresh.newest` are in memory.

    Windows that hold only these rows are computed in memory; the database computes the others.
    """
    contract, table, of_archive = new.contract, new.table, new.condition
    windows = contract.windows
    if windows is None:
        return
    readings = fresh.by(windows.key)
    time = table.c[fresh.time]
    done: dict[int, Table] = {}
    for name, seconds in smallest_first(windows):
        length = seconds * 1_000_000
        start = readings.micros // length * length
        # What lies before this moment shares its window with others.
        since = 0 if fresh.newest is None else (micros_of(fresh.newest) // length + 1) * length
        alone = start >= since
        (first,) = moments(np.array([since])).to_pylist()
        rows = table_of_size(contract, windows, name)
        connection.execute(delete(rows).where(rows.c.window_start >= first))
        if fresh.older_rows or not alone.all():
            kept = _keep_shared(connection, new, fresh, readings, name, seconds, since)
            recompute(connection, contract, table, [Touched(kept, rows, filling(done, seconds))])
        done[seconds] = rows
        if alone.any():
            statistics = in_memory(readings.where(alone), start[alone], windows)
            stage = make_stage(connection, rows, statistics.column_names)
            stage.copy_unseen(statistics, {})
            if stage.insert_new({})[0] != statistics.num_rows:
                # Keys that differ here are equal by the database's collation, so the database computes these windows.
                in_windows = select(table).where(of_archive, time >= first).subquery("own")
                kept = keep_touched(connection, contract, name, seconds, in_windows, fresh.time)
                recompute(connection, contract, table, [Touched(kept, rows, None)])


def in_memory(readings: Ordered, start: NDArray[np.int64], windows: Windows) -> pa.Table:
    """Statistics of windows, a row per measure that has a value in them.

    :param start: of each reading's window, in microseconds since 1970.
    """
    opens = np.flatnonzero(readings.number_changes | (np.diff(start, prepend=-1) != 0))
    rows = np.diff(opens, append=len(start))
    tables = []
    for measure in windows.measures:
        values = pc.fill_null(pc.cast(readings.table[measure], pa.float64()), float("nan")).to_numpy()
        is_value = ~np.isnan(values)
        count = np.add.reduceat(is_value.astype(np.int64), opens)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.add.reduceat(np.where(is_value, values, 0.0), opens) / count
            off = np.where(is_value, values - np.repeat(mean, rows), 0.0)
            deviation = np.sqrt(np.add.reduceat(off * off, opens) / (count - 1))
        figures = {
            "count": pa.array(count),
            "min": pa.array(np.fmin.reduceat(values, opens)),
            "max": pa.array(np.fmax.reduceat(values, opens)),
            "avg": pa.array(mean),
            "stddev": pa.array(deviation, mask=count < 2),
        }
        names = {"measure": pa.array([measure] * len(opens)), "window_start": moments(start[opens])}
        keys = {key: readings.table[key].take(pa.array(opens)) for key in windows.key}
        tables.append(pa.table({**keys, **names, **figures}).filter(pa.array(count > 0)))
    return pa.concat_tables(tables)


def _keep_shared(
    connection: Connection, new: NewRows, fresh: FreshRows, readings: Ordered, name: str, seconds: int, since: int
) -> Table:
    """The windows of one size that hold rows of the archive and begin before a moment; a temporary table."""
    contract, windows = new.contract, new.contract.windows
    assert windows is not None
    if not new.kept_are_all:
        # The table had some of these rows before, in windows that need not change.
        (first,) = moments(np.array([since])).to_pylist()
        rows = select(new.table).where(new.condition, new.table.c[fresh.time] < first).subquery("shared")
        return keep_touched(connection, contract, name, seconds, rows, fresh.time)
    found = fresh.in_windows_before(since, seconds, windows.key, readings)
    columns = [Column(key, new.table.c[key].type) for key in windows.key]
    shared = Table(f"{name}_{contract.table}", MetaData(), *columns, Column("window_start", MOMENT))
    stage = make_stage(connection, shared, found.column_names)
    stage.copy(found)
    return keep_touched(connection, contract, name, seconds, stage.staged, "window_start")
