"""Plots of the reading notebooks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from etl.contract.model import Contract, EvolvedContract
from etl.notebook import charts
from etl.notebook.choice import Choice
from etl.notebook.queries import Explored


def test_what_a_contract_does_not_ask_for_takes_one_low_line(contract: Contract) -> None:
    nothing, now = pd.DataFrame(), datetime(2025, 6, 15, tzinfo=UTC)
    explored = Explored(
        contract=EvolvedContract.of(replace(contract, windows=None, anomalies=None)),
        since=now,
        until=now,
        measures=Choice(("temperature",), 1, ""),
        sensors=Choice((), 0, ""),
        summary=nothing,
        readings=nothing,
        windows=nothing,
        hours=nothing,
        anomalies=nothing,
        threshold=3.5,
    )
    said = {}
    for figure in (charts.windows(explored), charts.by_hour(explored), charts.anomalies(explored)):
        (axis,) = figure.axes
        said[axis.texts[0].get_text()] = figure.get_figheight() < 1
    assert said == {
        "the contract has no windows": True,
        "there is no average by day and hour": True,
        "the contract has no rules for anomalies": True,
    }
