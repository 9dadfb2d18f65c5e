"""The alert rules of docs/examples, with Prometheus' own program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.operations.metrics.collect import read_metrics
from etl.settings import PROJECT_ROOT
from tests.support.metrics import promtool
from tests.support.tsqlfeed import Feed, sensed

EXAMPLES = PROJECT_ROOT / "docs" / "examples"
RULES, TESTS = EXAMPLES / "prometheus-rules.yaml", EXAMPLES / "prometheus-rules-test.yaml"


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_promtool_accepts_the_rules() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", str(RULES))


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


def test_the_tests_of_the_rules_can_fail(tmp_path: Path) -> None:
    (tmp_path / RULES.name).write_text(RULES.read_text("utf-8").replace("> 0.2", "> 0.3"), "utf-8")
    (tmp_path / TESTS.name).write_text(TESTS.read_text("utf-8"), "utf-8")
    with pytest.raises(AssertionError, match="EtlManyRowsRejected"):
        promtool("test", "rules", str(tmp_path / TESTS.name))


def test_every_rule_has_a_time_at_which_it_fires_and_one_at_which_it_does_not() -> None:
    cases = [case for test in yaml.safe_load(TESTS.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    assert fires == {rule["alert"] for rule in rules()}
    # Of these two, other series of the same test are the counterexample.
    assert fires - {case["alertname"] for case in cases if not case.get("exp_alerts")} == {
        "EtlManyRowsRejected",
        "EtlJobsSlow",
    }


def test_the_rules_use_metrics_that_there_are(feed: Feed) -> None:
    known = {family.name for family in read_metrics(feed.settings).collect()}
    used = {name for rule in rules() for name in re.findall(r"\betl_\w+", rule["expr"])}
    assert {re.sub(r"_(total|bucket|info)$", "", name) for name in used} <= known
    assert len(used) >= 8


def test_the_documentation_has_every_metric_with_its_labels(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00")])
    page = (PROJECT_ROOT / "docs" / "monitoring.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`etl_\w+`(?:, )?)+) \| (.+?) \|", page, re.MULTILINE)
    documented = {name: set(re.findall(r"\w+", labels)) for names, labels in rows for name in re.findall(r"\w+", names)}
    found: dict[str, set[str]] = {}
    for family in read_metrics(feed.settings).collect():
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert set(found) == set(documented)
    # Metrics that this feed has none of.
    assert {name: labels for name, labels in found.items() if labels not in (set(), documented[name])} == {}
