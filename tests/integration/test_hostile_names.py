"""Whatever columns and tables are called, a feed loads, is derived, and can be looked at."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
import sqlglot
import yaml

from etl.contract.reader import Contract, parse_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database import reserved_words
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.notebook import charts, show
from etl.notebook import queries as reading
from tests.support.batches import write_batch
from tests.support.commands import Readings, run_all, statements
from tests.support.edits import Tanks
from tests.support.hostile import NAMES, ROLES, document, readings
from tests.support.labels import colliding
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


def test_names_of_our_own_statements_and_of_sql_are_columns_like_others(project: Project) -> None:
    """Each in the place where it would hurt: as table, sensor, event time and measure; and all of them as measures."""
    cases = [(table, sensor, time, [measure, "level"]) for table, sensor, time, measure in ROLES]
    cases.append(("everything", "device", "at", NAMES))
    feeds = []
    for number, (table, sensor, time, measures) in enumerate(cases):
        feeds.append(feed := Tanks(project, document(f"hostile_{number}", table, sensor, time, measures)))
        # First in memory; then by the database, for what is older does not lie near.
        for days in ((2,), (1, 3)):
            rows = [row for day in days for row in readings(sensor, time, measures, day=day)]
            feed.write(rows)
            loaded = feed.cycle()
            assert (loaded.counts.processed, loaded.counts.rejected) == (len(rows), 0), table
        feed.require_windows()
        explored = reading.explore(project.settings, feed.contract, since="7d", sensors=2)
        assert (len(explored.readings), explored.summary["sensors"][0]) == (180, 2)
        assert len(charts.strongest(explored)) > 0
        assert show.readings(loaded.sample, feed.contract)
        assert charts.anomalies(explored)
        assert feed.sql(f'SELECT count(*) FROM "v_{table}_latest"') == [(2,)]
        assert feed.sql(f"SELECT count(DISTINCT measure) FROM etl_anomaly WHERE feed = '{feed.feed}'") == [(2,)]
    feeds[0].init()
    for view, columns in (("v_etl_windows", "feed"), ("v_etl_latest", "feed")):
        assert len(feeds[0].sql(f"SELECT DISTINCT {columns} FROM {view}")) == len(feeds)
    # The last readings of a feed's two sensors are of the same moment.
    assert feeds[0].sql("SELECT * FROM v_etl_silent") == []


@pytest.mark.parametrize(("table", "sensor", "time", "measure"), ROLES)
def test_every_command_takes_them_and_makes_up_no_name_that_is_not_tried(
    project: Project, tmp_path: Path, table: str, sensor: str, time: str, measure: str
) -> None:
    text = yaml.safe_dump(document("hostile", table, sensor, time, [measure, "level"]))
    contract = replace(parse_contract(text, tmp_path / "hostile.odcs.yaml"), source=KafkaTopic(project.topic))

    def load_batch(under: Contract, some: Readings) -> Loaded:
        write_batch(project.settings, under, project.topic, secrets.token_hex(8), some)
        merge(project.settings, under)
        return load(project.settings, under)

    with statements() as said:
        run_all(project.settings, contract, load_batch, readings(sensor, time, [measure, "level"], day=2))
    asked = [one for one in dict.fromkeys(said) if one.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))]
    assert len(asked) > 50
    for one in asked:
        (tree,) = sqlglot.parse(re.sub(r"%\(\w+\)s", "NULL", one).replace("%%", "%"), dialect="postgres")
        assert tree is not None
        assert colliding(tree, contract) == set(), one


def test_every_word_that_the_server_reserves_is_put_into_quotes(project: Project) -> None:
    query = "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')"
    assert {word for (word,) in project.sql(query)} <= set(reserved_words.POSTGRESQL.split())
