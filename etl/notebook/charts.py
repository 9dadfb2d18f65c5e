"""Plots of the reading notebooks, in the style of `etl.notebook.show`."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from etl.audit.states import Job, Status
from etl.notebook.explore.units import Panel, by_unit, fitting, main_unit, titled, unit_name
from etl.notebook.queries import Explored, Health
from etl.notebook.show import BAD, GOOD, INK, NEUTRAL, SERIES, THOUSANDS, finished, grid, only, say

JOBS = [job.value for job in Job]
STATUS = {Status.SUCCESS.value: GOOD, Status.FAILED.value: BAD, Status.RUNNING.value: NEUTRAL}
KINDS = {"outlier": ("o", BAD), "stuck": ("s", SERIES[1]), "gap": ("^", SERIES[3])}
DIMENSIONS = {"completeness": SERIES[0], "validity": SERIES[1], "uniqueness": SERIES[3], "timeliness": SERIES[4]}


def _times(values: pd.Series) -> np.ndarray[Any, Any]:
    times: np.ndarray[Any, Any] = pd.to_datetime(values, utc=True).dt.tz_localize(None).to_numpy()
    return times


def summary(explored: Explored) -> pd.DataFrame:
    """The feed between the two times, as one line."""
    line = explored.summary.iloc[0]
    shown = {name: f"{int(line[name]):,}" for name in ("readings", "sensors", "late", "anomalies recorded")}
    times = {
        name: "–" if pd.isna(line[name]) else f"{pd.Timestamp(line[name]).tz_convert('UTC'):%Y-%m-%d %H:%M:%S}"
        for name in ("first", "last")
    }
    return pd.DataFrame(
        [{**shown, "first (UTC)": times["first"], "last (UTC)": times["last"]}], index=[explored.contract.feed]
    )


def choice(explored: Explored) -> pd.DataFrame:
    """How many measures and sensors are shown of how many, which ones and why, and how to choose others."""
    lines = {
        "measures": (explored.measures, 'measures="NAME, PRE*"'),
        "sensors": (explored.sensors, 'sensors=NUMBER or sensor_names="NAME, NAME"'),
    }
    rows = [
        {
            "shown": chosen.in_words(noun),
            "names": chosen.listed,
            "to show others": "" if chosen.is_all else f"give the parameter {parameter}",
        }
        for noun, (chosen, parameter) in lines.items()
    ]
    table = pd.DataFrame(rows, index=list(lines))
    return table if table["to show others"].any() else table.drop(columns="to show others")


def windows(explored: Explored) -> Figure:
    """Average per window over all sensors, between the lowest and the highest value; one panel per shown measure and unit."""
    measures = explored.in_windows
    if not measures:
        return only("no shown measure has windows" if explored.contract.windows else "the contract has no windows")
    of_measure = {name: explored.windows[explored.windows["measure"] == name] for name in measures}
    found = [panel for name, rows in of_measure.items() for panel in by_unit(explored.contract, name, rows, "unit")]
    panels, note = fitting(found, explored.measures)
    figure, axes = grid(len(panels))
    for axis, panel, colour in zip(axes, panels, cycle(SERIES), strict=False):
        axis.set_title(f"{panel.title} per window, all sensors")
        if panel.rows.empty:
            say(axis, "nothing to show")
            continue
        when = _times(panel.rows["window_start"])
        low, average, high = (panel.rows[name].astype(float) for name in ("low", "average", "high"))
        axis.fill_between(when, low, high, color=colour, alpha=0.18, linewidth=0)
        axis.plot(when, average, color=colour, linewidth=1.4)
    return finished(figure, note)


def by_hour(explored: Explored) -> Figure:
    """Average of the first shown measure by day and hour, in the unit of most of its readings, as a heat map."""
    hours = explored.hours
    if hours.empty:
        return only("there is no average by day and hour")
    measure = explored.in_windows[0]
    column = explored.contract.column(measure)
    title = titled(column, main_unit(explored.windows, measure) or column.unit)
    figure, axis = plt.subplots(layout="constrained", figsize=(10, 1.3 + 0.28 * max(1, len(hours))))
    image = axis.imshow(hours.to_numpy(float), aspect="auto", cmap="viridis", interpolation="nearest")
    axis.set_yticks(range(len(hours)), [f"{day:%d %b}" for day in hours.index], fontsize=8)
    axis.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    axis.grid(visible=False)
    axis.set_title(f"{title}: average by day and hour (UTC)")
    figure.colorbar(image, ax=axis, pad=0.01)
    return finished(figure)


def anomalies(explored: Explored) -> Figure:
    """Readings of the shown sensors with their anomalies marked; one panel per shown measure and unit."""
    contract, readings = explored.contract, explored.readings
    if not explored.examined:
        return only(
            "no shown measure is examined for anomalies"
            if contract.anomalies is not None
            else "the contract has no rules for anomalies"
        )
    found = [panel for name in explored.examined for panel in by_unit(contract, name, readings, unit_name(name))]
    panels, note = fitting(found, explored.measures)
    figure, axes = grid(len(panels))
    for axis, panel in zip(axes, panels, strict=True):
        axis.set_title(f"{panel.title}: anomalies, threshold {explored.threshold:g}")
        if panel.rows.empty:
            say(axis, "nothing to show")
            continue
        times = _times(panel.rows[contract.event_time.column])
        axis.plot(times, panel.rows[panel.measure], ".", color="#BBBBBB", markersize=2, zorder=1)
        _mark(axis, _anomalies_of(explored, panel))
    return finished(figure, note)


def _anomalies_of(explored: Explored, panel: Panel) -> pd.DataFrame:
    """The anomalies of a panel's measure and unit."""
    found = explored.anomalies
    if found.empty:
        return found
    of_measure = found[found["measure"] == panel.measure]
    parts = by_unit(explored.contract, panel.measure, of_measure, unit_name(panel.measure))
    return next((part.rows for part in parts if part.title == panel.title), of_measure.iloc[:0])


def _mark(axis: Axes, found: pd.DataFrame) -> None:
    """Draw anomalies over their readings, each kind with its own marker."""
    if found.empty:
        return
    for kind, group in found.groupby("kind"):
        marker, colour = KINDS[str(kind)]
        label = f"{kind} ({len(group)})"
        axis.scatter(
            _times(group["event_time"]), group["value"], marker=marker, color=colour, s=28, zorder=3, label=label
        )
    axis.legend(fontsize=8, loc="upper left")


def strongest(explored: Explored, rows: int = 10) -> pd.DataFrame:
    """The anomalies with the highest scores."""
    if explored.anomalies.empty:
        return pd.DataFrame(columns=["measure", "event_time", "value", "expected", "score", "kind"])
    top = explored.anomalies.sort_values("score", ascending=False).head(rows).copy()
    top["expected"] = [
        "" if pd.isna(low) or pd.isna(high) else f"{low:.2f} – {high:.2f}"
        for low, high in zip(top["expected_low"], top["expected_high"], strict=True)
    ]
    top["event_time"] = pd.to_datetime(top["event_time"], utc=True).dt.strftime("%Y-%m-%d %H:%M:%S")
    own = [f"sensor {name}" if f"sensor {name}" in top else name for name in explored.contract.sensor]
    shown = [*own, "measure", "event_time", "value", "expected", "score", "kind"]
    return top[shown].round({"value": 2, "score": 1}).reset_index(drop=True)


# --- the audit log ---------------------------------------------------------------------------------------------------


def activity(health: Health) -> Figure:
    """Records per job, and how the jobs ended."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(10, 3), width_ratios=[2, 1])
    left.set_title("Records per job: processed and rejected")
    right.set_title("How jobs ended")
    if health.jobs.empty:
        say(left, "no job has run in this period")
        say(right, "–")
        return finished(figure)
    sums = health.jobs.groupby("job_name")[["records_processed", "records_rejected"]].sum().reindex(JOBS, fill_value=0)
    left.barh(JOBS, sums["records_processed"], color=GOOD, label="processed", height=0.6)
    bars = left.barh(
        JOBS, sums["records_rejected"], left=sums["records_processed"], color=BAD, label="rejected", height=0.6
    )
    left.bar_label(bars, [f" {p:,} + {r:,}" for p, r in sums.itertuples(index=False)], fontsize=9)
    left.xaxis.set_major_formatter(THOUSANDS)
    left.margins(x=0.2)
    left.invert_yaxis()
    counts = health.jobs["status"].value_counts().reindex(list(STATUS), fill_value=0)
    counts = counts[counts > 0]
    right.pie(
        counts,
        labels=[f"{name} {number}" for name, number in counts.items()],
        colors=[STATUS[str(name)] for name in counts.index],
        startangle=90,
        counterclock=False,
        wedgeprops={"width": 0.42, "edgecolor": "white"},
        textprops={"fontsize": 9, "color": INK},
    )
    return finished(figure)


def pace(health: Health) -> Figure:
    """Duration of each job over time, and how many cycles there were per hour or day."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(10, 3), width_ratios=[2, 1])
    left.set_title("Duration per job, in seconds")
    right.set_title("Cycles")
    if health.jobs.empty:
        say(left, "no job has run in this period")
        say(right, "–")
        return finished(figure)
    times = pd.to_datetime(health.jobs["start_time"], utc=True)
    for job, colour in zip(JOBS, SERIES, strict=False):
        is_of_job = health.jobs["job_name"] == job
        left.plot(
            _times(health.jobs.loc[is_of_job, "start_time"]),
            health.jobs.loc[is_of_job, "duration_seconds"].astype(float),
            marker=".",
            markersize=5,
            linewidth=1,
            color=colour,
            label=job,
        )
    left.legend(fontsize=8, ncols=4, loc="upper left")
    left.margins(y=0.25)
    step = "h" if times.max() - times.min() < pd.Timedelta(days=2) else "D"
    begun = (
        health.jobs.assign(start=times).groupby("cycle_id")["start"].min().dt.floor(step).value_counts().sort_index()
    )
    label = "%H:%M" if step == "h" else "%d %b"
    right.bar([f"{moment:{label}}" for moment in begun.index], begun.to_numpy(), color=SERIES[0], width=0.7)
    # A single bar as wide as the plot would look like an error.
    right.set_xlim(-0.6, max(len(begun), 6) - 0.4)
    right.set_title(f"Cycles per {'hour' if step == 'h' else 'day'} (UTC)")
    right.tick_params(axis="x", labelrotation=60 if len(begun) > 6 else 0, labelsize=8)
    return finished(figure)


def quality(health: Health) -> Figure:
    """Quality score with its components over time, and rejected rows by reason."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(10, 3.2), width_ratios=[2, 1])
    left.set_title("Quality per load: score and components, 0 to 100")
    right.set_title("Rejected rows by reason")
    if health.quality.empty:
        say(left, "nothing was loaded in this period")
    else:
        when = _times(health.quality["end_time"])
        for name, colour in DIMENSIONS.items():
            left.plot(when, health.quality[name].astype(float), color=colour, linewidth=1, alpha=0.8, label=name)
        left.plot(when, health.quality["score"].astype(float), color=INK, linewidth=2.2, marker=".", label="score")
        left.set_ylim(-3, 118)
        left.legend(fontsize=8, ncols=5, loc="upper left")
    reasons = health.quarantine.groupby("reason")["rows"].sum().sort_values() if len(health.quarantine) else None
    if reasons is None:
        say(right, "nothing was rejected")
    else:
        bars = right.barh([str(name) for name in reasons.index], reasons.to_numpy(), color=BAD, height=0.65)
        right.bar_label(bars, fmt=" {:,.0f}", fontsize=8)
        right.margins(x=0.2)
    return finished(figure)


def quarantine(health: Health) -> pd.DataFrame:
    """Rejected rows by reason and feed, and how many of them are still undecided."""
    if health.quarantine.empty:
        return pd.DataFrame(columns=["rejected", "still quarantined"])
    table = health.quarantine.pivot_table(index="reason", columns="feed", values="rows", aggfunc="sum", fill_value=0)
    waiting = health.quarantine[health.quarantine["status"] == "QUARANTINED"].groupby("reason")["rows"].sum()
    table = table.assign(rejected=table.sum(axis=1)).sort_values("rejected", ascending=False)
    table["still quarantined"] = waiting.reindex(table.index, fill_value=0)
    return table.rename_axis(columns=None)


def failures(health: Health) -> pd.DataFrame:
    """The newest failed jobs with their cause and notebook."""
    shown = health.failures.copy()
    if len(shown):
        shown["start_time"] = pd.to_datetime(shown["start_time"], utc=True).dt.strftime("%Y-%m-%d %H:%M:%S")
        shown["error_message"] = shown["error_message"].str.split("\n").str[0].str.slice(0, 160)
    return shown.fillna("")
