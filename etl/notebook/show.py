"""How results look in the notebooks: small tables and plots in one style."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
import structlog
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from etl.audit.counts import Counts
from etl.contract.reader import Contract
from etl.jobs.load.sample import MOST_MEASURES
from etl.jobs.merge.job import Merged
from etl.notebook.choice import Choice
from etl.notebook.explore.units import by_unit, fitting, unit_name, with_units
from etl.notebook.sample_values import allowed_numbers, as_times, with_combined
from etl.settings import Settings
from etl.storage.batch_csv import read_frame
from etl.storage.manifests import Archive
from etl.validation.message import read
from etl.validation.texts import encode_raw

if TYPE_CHECKING:  # a notebook imports only the job that it runs
    from etl.jobs.consume.consumed import Consumed
    from etl.jobs.load.job import Loaded

# A meaning has the same colour in all plots and dashboards; colour-blind people can distinguish the colours
# (Okabe and Ito, https://jfly.uni-koeln.de/color/).
GOOD, BAD, NEUTRAL, WARNING, INK = "#009E73", "#D55E00", "#56B4E9", "#E69F00", "#333333"
SERIES = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]


MAX_ITEMS_SHOWN = 20
_CELLS_SHOWN = 200_000
_LABEL_SHOWN = 40
_TEXT_SHOWN = 500
THOUSANDS = StrMethodFormatter("{x:,.0f}")


def prepare() -> None:
    """Set the style of plots and the form of log lines. Call it once, at the top of a notebook."""
    plt.rcParams.update(
        {
            "figure.figsize": (9, 3.2),
            "figure.dpi": 110,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=SERIES),
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "text.color": INK,
            "legend.frameon": False,
            "date.converter": "concise",
            # Twelve times of a day have room below a panel of half the width.
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 8,
        }
    )
    pd.set_option("display.max_colwidth", None)
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stdout),
    )


def counts(result_counts: Counts, cycle_id: str) -> pd.DataFrame:
    """One job's numbers as a one-line table."""
    row = {name.capitalize(): f"{value:,}" for name, value in vars(result_counts).items()}
    return pd.DataFrame([row], index=pd.Index([cycle_id], name="cycle"))


def messages(values: Iterable[bytes], contract: Contract) -> pd.DataFrame:
    """The readings in messages or lines, as a data frame in the contract's columns; unreadable ones are left out.

    Of wide messages only the first ones are read.
    """
    header = (
        tuple(column.source[0] for column in contract.message_columns) if contract.source.format.is_tabular else None
    )
    rows: list[Mapping[str, str | None]] = []
    for value in islice(values, max(1, _CELLS_SHOWN // len(contract.columns))):
        raw = encode_raw(value)
        for item in range(MAX_ITEMS_SHOWN if contract.explode else 1):
            reading = read(raw, contract, item, header)
            if reading.reason is not None:
                break
            rows.append(with_combined(reading.texts, contract))
    return pd.DataFrame(rows, columns=list(contract.column_names))


def readings(frame: pd.DataFrame, contract: Contract, *, sensors: int = 5, measures: Choice | None = None) -> Figure:
    """Measures over time, a line per sensor and a panel per unit; values that the contract forbids are left out.

    :param measures: those to show, which the frame has; None: those with the most values in it.
    """
    time = contract.event_time.column
    by = [name for name in contract.sensor if name in frame] or [contract.message_key]
    chosen = measures or _most_filled(frame, contract)
    frame = with_units(frame, contract).assign(**{time: as_times(frame[time], contract)})
    key = " ".join(by)
    names = frame[by].map(str).agg(" ".join, axis=1) if len(frame) else frame[by[0]]
    shown = frame.assign(**{key: names})
    shown = shown[shown[key].isin(shown[key].value_counts().index[:sensors])].sort_values(time)
    found = [panel for name in chosen.names for panel in by_unit(contract, name, shown, unit_name(name))]
    panels, note = fitting(found, chosen)
    figure, axes = grid(max(1, len(panels)))
    for axis, panel in zip(axes, panels, strict=False):
        column = contract.column(panel.measure)
        for name, group in panel.rows.groupby(key):
            values = allowed_numbers(group[column.name], column)
            axis.plot(
                group[time].dt.tz_localize(None).to_numpy(),
                values,
                marker=".",
                markersize=3,
                linewidth=1,
                label=_shortened(f"{key} {name}"),
            )
        axis.set_title(panel.title)
    # Where panels show different sensors, each says which.
    for axis in axes if len(found) > len(chosen.names) else axes[:2][-1:]:
        if len(shown):
            axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    if not len(shown):
        say(axes[0], "nothing to show")
    return finished(figure, note)


def _most_filled(frame: pd.DataFrame, contract: Contract) -> Choice:
    """The measures with the most values in a frame, in the contract's order."""
    every = contract.measures
    present = [name for name in every if name in frame]
    if len(present) == len(every) <= MOST_MEASURES:
        return Choice(every, len(every), "")
    counts = frame[present].count()
    chosen = {*sorted(present, key=lambda name: -counts[name])[:MOST_MEASURES]}
    return Choice(tuple(name for name in present if name in chosen), len(every), "those with the most values")


def _shortened(text: str) -> str:
    return text if len(text) <= _LABEL_SHOWN else f"{text[: _LABEL_SHOWN - 1]}…"


def batches(consumed: Consumed) -> pd.DataFrame:
    """The micro-batches of a job: a line per batch and partition."""
    rows = [
        {"batch": b.batch_id, "partition": int(part), "first offset": o.first, "next offset": o.next, "rows": o.rows}
        for b in consumed.batches
        for part, o in b.offsets.items()
    ]
    return pd.DataFrame(rows, columns=["batch", "partition", "first offset", "next offset", "rows"])


def batch_plot(consumed: Consumed) -> Figure:
    """Messages per micro-batch, parsed and unparsable."""
    figure, axis = plt.subplots(layout="constrained")
    names = [str(batch.batch_id) for batch in consumed.batches]
    parsed = [batch.messages - batch.unparsable for batch in consumed.batches]
    broken = [batch.unparsable for batch in consumed.batches]
    axis.barh(names, parsed, color=GOOD, label="parsed", height=0.6)
    bars = axis.barh(names, broken, left=parsed, color=BAD, label="unparsable", height=0.6)
    axis.bar_label(bars, [f" {p:,} + {b:,}" for p, b in zip(parsed, broken, strict=True)], fontsize=9)
    axis.set_title("Messages per micro-batch: parsed + unparsable")
    axis.set_ylabel("batch")
    axis.xaxis.set_major_formatter(THOUSANDS)
    if names:
        axis.margins(x=0.15)
        axis.invert_yaxis()
        figure.set_figheight(1.2 + 0.4 * len(names))
    else:
        say(axis, "no new messages")
    return finished(figure)


def manifest(archives: Iterable[Archive]) -> pd.DataFrame:
    """The manifests of some archives, one line each."""
    rows = [
        {
            "archive": archive.file_name,
            "rows": f"{archive.rows:,}",
            "MB": f"{archive.bytes / 1e6:.1f}",
            "parts": len(archive.parts),
            "offsets": ", ".join(f"{part}: {o.first}–{o.next - 1}" for part, o in archive.offsets.items()),
            "sha256": archive.sha256[:12] + "…",
        }
        for archive in archives
    ]
    return pd.DataFrame(rows, columns=["archive", "rows", "MB", "parts", "offsets", "sha256"])


def parts(archives: Iterable[Archive]) -> pd.DataFrame:
    """The part files that became archives, one line each."""
    rows = [
        {
            "part": part.name,
            "rows": f"{part.rows:,}",
            "kB": f"{part.bytes / 1e3:,.0f}",
            "sha256": part.sha256[:12] + "…",
        }
        for archive in archives
        for part in archive.parts
    ]
    return pd.DataFrame(rows, columns=["part", "rows", "kB", "sha256"])


def archive_head(settings: Settings, merged: Merged, rows: int = 8) -> pd.DataFrame:
    """The first rows of the newest archive of a merge, long texts cut; an empty data frame if there was nothing to archive."""
    if not merged.archives:
        return pd.DataFrame()
    newest = merged.archives[-1]
    frame = read_frame(settings.backup / newest.feed / newest.file_name, rows=rows)
    return frame.map(_cut, na_action="ignore")


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}…"


def outcome(loaded: Loaded) -> Figure:
    """What became of the rows: loaded, duplicate, conflicting if there are any, and rejected by reason."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", width_ratios=[1, 2])
    numbers = loaded.counts
    shown = {
        "loaded": (numbers.processed, GOOD),
        "duplicate": (numbers.duplicate, NEUTRAL),
        "conflicting": (numbers.conflicting, WARNING),
        "rejected": (numbers.rejected, BAD),
    }
    if not numbers.conflicting:
        del shown["conflicting"]
    bars = left.bar(list(shown), [rows for rows, _ in shown.values()], color=[colour for _, colour in shown.values()])
    left.bar_label(bars, fmt="{:,.0f}", fontsize=9)
    left.yaxis.set_major_formatter(THOUSANDS)
    left.set_title("Rows of this load")
    left.margins(y=0.15)
    if len(loaded.reasons):
        bars = right.barh(loaded.reasons.index[::-1], loaded.reasons.to_numpy()[::-1], color=BAD)
        right.bar_label(bars, fmt=" {:,.0f}", fontsize=9)
        right.margins(x=0.1)
    else:
        say(right, "nothing was rejected")
    right.set_title("Rejected by reason")
    return finished(figure)


def say(axis: Axes, text: str) -> None:
    """Write a text in place of a plot."""
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, color="#888888")
    axis.set_xticks([])
    axis.set_yticks([])


def only(text: str) -> Figure:
    """A text in place of a whole figure, as low as one line."""
    figure, axis = plt.subplots(layout="constrained", figsize=(10, 0.7))
    say(axis, text)
    return finished(figure)


def grid(panels: int, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure of several panels, with a number of them side by side."""
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure, axes = plt.subplots(rows, columns, layout="constrained", squeeze=False, figsize=(10, 0.3 + 2.9 * rows))
    for spare in axes.flat[panels:]:
        spare.set_visible(False)
    return figure, list(axes.flat[:panels])


def finished(figure: Figure, note: str = "") -> Figure:
    """Close a figure for pyplot, so that a notebook shows it once: as the cell's value.

    :param note: a line above the panels.
    """
    if note:
        figure.suptitle(note, x=0.01, ha="left", fontsize=9, color="#666666")
    plt.close(figure)
    return figure
