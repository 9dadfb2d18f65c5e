"""How good the readings of a load are: per rule how many values were checked and how many failed, and one score.

The score follows four of the six dimensions of DAMA UK, "The Six Primary Dimensions for Data Quality Assessment" (2013);
the two others, accuracy and consistency, need a truth to compare with. Each component is a percentage:

* completeness: required values that are there; with a `fleet` in the contract, times the share of expected readings seen;
* validity: rows that were not rejected, or only for a missing value;
* uniqueness: valid rows that are the first with their key, neither duplicates nor conflicting;
* timeliness: loaded rows that were not late.

The score is their mean, weighted by WEIGHTS: a choice of this project, because a wrong reading misleads more than a
late one. It rates what arrived; docs/quality.md shows an example.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, delete, insert, select

from etl.database import insert_rows
from etl.database.schema.tables.audit_tables import etl_quality, etl_quality_score
from etl.jobs.load.derived.base import Derived, LoadSoFar, NewRows
from etl.jobs.load.derived.fleet import Fleet, fleet_of_load
from etl.jobs.load.derived.tally import ON_TIME, READABLE, UNIQUE, VALID, Tally, dimension

WEIGHTS = {"completeness": 0.3, "validity": 0.4, "uniqueness": 0.15, "timeliness": 0.15}


class Quality(Derived):
    """The rules' tallies and the score of each load, in `etl_quality` and `etl_quality_score`."""

    def update(self, connection: Connection, new: NewRows) -> None:
        """Add an archive's tally to that of its load, and recompute the load's score."""
        if new.tally is None or new.load is None:
            return
        summed = _with_earlier(connection, new.log_id, new.tally)
        connection.execute(delete(etl_quality).where(etl_quality.c.log_id == new.log_id))
        rows = [
            {
                "log_id": new.log_id,
                "feed": new.contract.feed,
                "rule": rule,
                "dimension": dimension(rule),
                "checked": checked,
                "failed": summed.failed[rule],
            }
            for rule, checked in sorted(summed.checked.items())
        ]
        if not rows or not summed.checked[READABLE]:
            return
        insert_rows(connection, etl_quality, rows)
        fleet, summary = _fleet(connection, new, new.load), new.load.summary
        connection.execute(delete(etl_quality_score).where(etl_quality_score.c.log_id == new.log_id))
        connection.execute(
            insert(etl_quality_score).values(
                log_id=new.log_id,
                feed=new.contract.feed,
                age_seconds=summary.age_seconds,
                lateness_mean_seconds=summary.lateness_mean_seconds,
                lateness_max_seconds=summary.lateness_max_seconds,
                **score(summed, fleet),
                **(vars(fleet) if fleet else {}),
            )
        )

    def forget(self, connection: Connection, loads: list[int]) -> None:
        for table in (etl_quality, etl_quality_score):
            connection.execute(delete(table).where(table.c.log_id.in_(loads)))


def scored(connection: Connection, log_id: int) -> dict[str, float]:
    """The score of a load and its components; empty where it loaded nothing."""
    names = ("score", *WEIGHTS)
    row = connection.execute(select(etl_quality_score).where(etl_quality_score.c.log_id == log_id)).mappings().first()
    return {name: row[name] for name in names} if row else {}


def score(tally: Tally, fleet: Fleet | None = None) -> dict[str, float]:
    """The components and their weighted mean, each from 0 to 100. What was not checked counts as good."""
    seen = min(1.0, fleet.readings_seen / fleet.readings_expected) if fleet and fleet.readings_expected else 1.0
    components = {
        "completeness": 100 * seen * _good(tally, [rule for rule in tally.checked if rule.endswith(".required")]),
        "validity": 100 * _good(tally, [VALID]),
        "uniqueness": 100 * _good(tally, [UNIQUE]),
        "timeliness": 100 * _good(tally, [ON_TIME]),
    }
    return {**components, "score": sum(WEIGHTS[name] * value for name, value in components.items())}


def _good(tally: Tally, rules: list[str]) -> float:
    """The share of checked values that did not fail, 0 to 1."""
    checked = sum(tally.checked[rule] for rule in rules)
    return 1 - sum(tally.failed[rule] for rule in rules) / checked if checked else 1.0


def _with_earlier(connection: Connection, log_id: int, tally: Tally) -> Tally:
    """The tally with those of the archives that the same load took before."""
    summed = Tally(Counter(tally.checked), Counter(tally.failed))
    for row in connection.execute(select(etl_quality).where(etl_quality.c.log_id == log_id)):
        summed.add(row.rule, row.checked, row.failed)
    return summed


def _fleet(connection: Connection, new: NewRows, load: LoadSoFar) -> Fleet | None:
    """The fleet of the load so far: in memory, or from the table where that is not possible."""
    expected = new.contract.fleet
    if expected is None:
        return None
    if load.seen is not None and new.number != 0:
        load.seen = load.seen.with_archive(new.kept, expected) if new.kept and new.kept_are_all else None
    return load.seen.against(expected) if load.seen else fleet_of_load(connection, new.contract, new.table, new.log_id)
