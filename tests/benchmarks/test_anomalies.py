from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.anomalies import contenders, report, run
from benchmarks.anomalies.__main__ import DOCUMENT, RESULTS
from benchmarks.anomalies.curves import curves
from benchmarks.anomalies.faults import KINDS, Labelled, clean, inject
from benchmarks.anomalies.scoring import interval, score
from etl.contract.rules.anomalies import AnomalyRules


def test_the_document_shows_the_figures_of_the_last_run() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert report.inserted(document, report.markdown(json.loads(RESULTS.read_text("utf-8")))) == document


def test_the_default_threshold_is_the_chosen_one() -> None:
    figures = json.loads(RESULTS.read_text("utf-8"))
    assert figures[contenders.ours().name]["threshold"] == AnomalyRules(()).threshold


def test_faults_are_labelled_where_they_were_put() -> None:
    curve = next(curves(1, hours=12, sensors=6))
    for kind in KINDS:
        labelled = inject(curve, kind, seed=1)
        assert labelled.events == 2 * KINDS[kind].per_sensor, "two sensors"
        assert labelled.scored[labelled.event >= 0].all(), "none in the probation"
        assert (len(labelled.curves.value) < len(curve.value)) == (kind == "gap")
        if kind == "spike":
            assert (np.abs(labelled.curves.value - curve.value) > 1).tolist() == (labelled.event >= 0).tolist()


def test_recall_counts_events_and_precision_counts_readings() -> None:
    curve = next(curves(1, hours=1, sensors=3))
    event, called = np.full(360, -1), np.zeros(360, bool)
    event[100:110], event[200:210] = 0, 1
    called[[5, 105, 106, 300]] = True
    scored = np.arange(360) >= 50
    found = score(Labelled("spike", curve, event, scored), called)
    assert (found.precision, found.recall) == (2 / 3, 1 / 2)
    assert found.composite == pytest.approx(4 / 7)


def test_an_interval_is_students() -> None:
    mean, half = interval([1.0, 2.0, 3.0, float("nan")])
    assert (mean, round(half, 3)) == (2.0, 2.484)


def test_ours_finds_spikes_that_the_global_score_does_not() -> None:
    pairs = [(contenders.ours(), (5.0,)), (contenders.global_z(), (5.0,))]
    results = run.measure([1], pairs, hours=12, sensors=6)
    ours, simple = (results[one.name, 5.0].scores["spike", "10 s", 1] for one, _ in pairs)
    assert ours.recall > 0.7 > 0.3 > simple.recall
    assert clean(next(curves(1, hours=1, sensors=3))).events == 0
