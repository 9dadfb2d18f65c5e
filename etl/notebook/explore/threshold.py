"""The anomalies of `explore_readings`, under a slider for their threshold where somebody runs the notebook in a browser.

Without a person in front of it – papermill, `nbconvert --execute` – and in kernels without ipywidgets, plot and table are shown
alone. They are the cell's usual output, which the slider only replaces, so that exports of the saved notebook show them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.display_functions import display
from IPython.core.getipython import get_ipython

from etl.notebook import charts
from etl.notebook.queries import Explored, with_threshold

WIDGET = "application/vnd.jupyter.widget-view+json"
_STEP, _LOW, _HIGH = 0.5, 1.0, 20.0


def show_anomalies(explored: Explored) -> None:
    """Show the anomalies as a plot and a table of the strongest; moving the slider draws both again, without a query."""
    slider = _slider(explored.threshold) if explored.examined and _is_run_by_front_end() else None
    if slider is not None:
        # Empty HTML instead of the usual text: nothing is in the slider's place where it cannot be drawn.
        display({WIDGET: slider.get_view_spec(), "text/html": ""}, raw=True)  # type: ignore[no-untyped-call]
    plot = display(charts.anomalies(explored), display_id=True)  # type: ignore[no-untyped-call]
    table = display(charts.strongest(explored), display_id=True)  # type: ignore[no-untyped-call]
    if slider is None:
        return

    def draw(change: Mapping[str, Any]) -> None:
        moved = with_threshold(explored, change["new"])
        plot.update(charts.anomalies(moved))
        table.update(charts.strongest(moved))

    slider.observe(draw, "value")


def _is_run_by_front_end() -> bool:
    """Whether a person's front end has sent this cell: it names the cell, which papermill and nbclient do not."""
    shell = get_ipython()
    request = shell.get_parent() if shell is not None and hasattr(shell, "get_parent") else {}
    return bool(request.get("metadata", {}).get("cellId"))


def _slider(threshold: float) -> Any:
    """A slider around a threshold, which acts when it is let go; None without ipywidgets."""
    try:
        from ipywidgets import FloatSlider
    except ImportError:
        return None
    return FloatSlider(
        value=threshold,
        min=min(_LOW, threshold),
        max=max(_HIGH, 2 * threshold),
        step=_STEP,
        description="Threshold",
        readout_format=".1f",
        continuous_update=False,
    )
