"""Keys that no contract names, on a real database: taken up within bounds, and never a reason for a load to fail."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from etl.contract.reader import Column, Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database import dispose, lock_feed, make_engine, transaction
from etl.database.schema.feed_table import with_added_columns
from etl.errors import ContractError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import Loaded, load
from etl.jobs.load.new_columns import take_up
from etl.jobs.load.tables import ensure_feed
from etl.jobs.merge.job import merge
from tests.support.batches import write_batch
from tests.support.edits import Tanks, column
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql


@pytest.fixture
def tanks(project: Project) -> Tanks:
    found = Tanks(project)
    found.custom("unknownKeys", "evolve")
    return found


def sent(tanks: Tanks, *messages: dict[str, Any]) -> Loaded:
    """Load messages as Spark has split them, each with its own text."""
    contract = replace(tanks.contract, source=KafkaTopic("tanks"))
    whole = [{**tanks.reading(), **message} for message in messages]
    readings = [
        {**{name: str(message[name]) for name in contract.column_names if name in message}, "raw": json.dumps(message)}
        for message in whole
    ]
    write_batch(tanks.project.settings, contract, "tanks", secrets.token_hex(8), readings)
    merge(tanks.project.settings, contract)
    return load(tanks.project.settings, contract)


def test_a_key_that_begins_with_whole_numbers_takes_decimals(tanks: Tanks) -> None:
    """Also a column that an earlier version took up as an integer."""
    loads = [tanks.load({"power": value, "frame_count": 1}) for value in (400, 400.5)]
    assert [loaded.counts.processed for loaded in loads] == [1, 1]
    assert tanks.sql("SELECT power, frame_count FROM tanks ORDER BY time") == [(400.0, 1), (400.5, 1)]
    assert tanks.types()["frame_count"] == "bigint"
    assert tanks.load({"frame_count": 1.5}).counts.processed == 1
    assert tanks.types()["frame_count"] == "double precision"
    assert tanks.load({"frame_count": "many"}).counts.rejected == 1


def test_whole_numbers_and_then_decimals_of_a_measure_are_all_in_the_table(tanks: Tanks) -> None:
    """29 and 30 first, 29.5 in a later load: in files of a landing folder and in messages."""
    for loading in (tanks.load, partial(sent, tanks)):
        assert loading({"humidity": 29}, {"humidity": 30}).counts.processed == 2
        assert loading({"humidity": 29.5}).counts.processed == 1
    assert tanks.sql("SELECT humidity FROM tanks ORDER BY time") == [(29.0,), (30.0,), (29.5,)] * 2
    assert tanks.sql("SELECT column_name, type FROM etl_column") == [("humidity", "double")]


def test_the_type_of_a_column_is_that_of_all_its_values_however_many(tanks: Tanks) -> None:
    codes = [f"{number:05}" for number in range(9_400, 10_500)]
    assert tanks.load(*({"zip": code} for code in codes)).counts.processed == len(codes)
    assert tanks.sql("SELECT zip FROM tanks ORDER BY time") == [(code,) for code in codes]
    assert sent(tanks, {"open": True}, {"open": 1}).counts.processed == 2
    assert tanks.sql("SELECT open FROM tanks WHERE open IS NOT NULL ORDER BY time") == [("true",), ("1",)]


def test_keys_that_meet_names_of_columns_get_names_of_their_own(tanks: Tanks) -> None:
    tanks.columns["level"]["name"] = "T"
    tanks.custom("windows", None)
    tanks.columns["note"].update(logicalTypeOptions={"maxLength": 5})
    tanks.save()
    message = {"T": 21.5, "t": 1714521600, "xmin": 5, "source_name": "x", "ID": "0012", "Id": "12e5", "id": 1}
    assert sent(tanks, message).counts.processed == 1
    assert tanks.sql('SELECT "T", t_, xmin_, source_name_, "ID", "Id_", id_2 FROM tanks') == [
        (21.5, 1714521600, 5, "x", "0012", "12e5", 1)
    ]
    # What an earlier contract has left behind, and cannot take the new values.
    tanks.remove("note")
    tanks.remove("rssi")
    tanks.save()
    assert sent(tanks, {"T": 1, "note": "longer than five", "rssi": 7}).counts.processed == 1
    newest = "SELECT note_, rssi FROM tanks ORDER BY time DESC LIMIT 1"
    assert tanks.sql(newest) == [("longer than five", 7.0)]
    assert tanks.types()["rssi"] == "double precision"


def test_a_feed_adds_new_columns_up_to_its_limit(tanks: Tanks) -> None:
    tanks.custom("maxNewColumns", 30)
    tanks.custom("windows", {"sizes": ["5m"], "measures": ["level"]})
    keys = {f"key_{number:02}": number for number in range(40)}
    often = {f"key_{number:02}": number for number in range(35, 40)}
    assert tanks.load(keys, often).counts.processed == 2
    taken = {name for (name,) in tanks.sql("SELECT column_name FROM etl_column")}
    assert taken == {f"key_{number:02}" for number in [*range(25), *range(35, 40)]}
    left = [f"key_{number}" for number in range(25, 35)]
    assert tanks.project.log()[-1]["notes"]["keys_not_taken_up"] == {"count": 10, "names": left}
    assert tanks.load({"another": 1, "key_00": 0.5}).counts.processed == 1
    assert tanks.project.log()[-1]["notes"]["keys_not_taken_up"] == {"count": 1, "names": ["another"]}


def test_a_view_with_rows_of_its_own_does_not_stop_a_feed_that_evolves(tanks: Tanks) -> None:
    tanks.load()
    tanks.run("CREATE MATERIALIZED VIEW kept AS SELECT device FROM v_tanks")
    assert tanks.load({"more": 1}).counts.processed == 1
    assert tanks.types()["more"] == "double precision"


def test_one_feed_that_is_refused_does_not_stop_the_others(tanks: Tanks) -> None:
    """Nor one whose contract cannot be read; `init` names both, and a cycle of another feed does not notice."""
    for number in range(1_700):
        tanks.add(column(f"c{number}", "number"))
    assert "tanks.odcs.yaml: PostgreSQL cannot hold table tanks: 1,713 columns; 1,600 are possible." in tanks.check()
    (tanks.file.parent / "broken.odcs.yaml").write_text("name: [", "utf-8")
    done = tanks.project.etl("init", expect=2)
    assert "tanks.odcs.yaml" in done.stderr
    assert tanks.sql("SELECT count(*) FROM v_room_temperatures") == [(0,)]
    assert tanks.sql("SELECT count(*) FROM v_etl_windows") == [(0,)]
    with pytest.raises(ContractError, match="1,713 columns"):
        tanks.load()
    assert tanks.project.log()[-1]["status"] == "FAILED"
    rooms = tanks.project.home / "landing" / "room_temperatures"
    rooms.mkdir()
    (rooms / "a.csv").write_text("id,room_id/id,noted_date,temp,out/in\nr,Room Admin,08-12-2018 09:30,29,In\n")
    tanks.project.etl("run", "room_temperatures", "--messages", "0")
    assert tanks.sql("SELECT count(*) FROM room_temperatures") == [(1,)]


def test_many_measures_have_windows(tanks: Tanks) -> None:
    names = [f"m{number}" for number in range(340)]
    for name in names:
        tanks.add(column(name, "number"))
    tanks.custom("windows", None)
    assert tanks.load(*[dict.fromkeys(names, 1)] * 2).counts.processed == 2
    tanks.custom("sensor", "site")
    assert tanks.load().counts.processed == 1
    tanks.require_windows()


def test_a_contract_is_checked_without_a_database_too(tanks: Tanks, contract: Contract) -> None:
    tanks.project.env["ETL_DATABASE_URL"] = "postgresql://u:p@127.0.0.1:9/d"
    said = tanks.check()
    assert "tanks.odcs.yaml is fine" in said
    assert "Not compared with the database: The database 127.0.0.1:9/d does not answer" in said
    tanks.document["schema"][0]["physicalName"] = f"v_{contract.table}"[2:] + "_5m"
    assert "sensor_data_5m would belong to feed sensor_readings as well" in tanks.check()


def test_a_loader_that_waits_for_its_turn_sees_the_column_that_another_added_meanwhile(tanks: Tanks) -> None:
    tanks.load()
    tanks.drop({"power": 1.5})
    settings, declared = tanks.project.settings, tanks.contract
    consume(settings, declared)
    merge(settings, declared)
    engine = make_engine(settings)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            lock_feed(connection, declared.feed)
            loader = pool.submit(load, settings, declared)
            while not tanks.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory%'"):
                assert not loader.done()
            contract = with_added_columns(connection, declared)
            ensure_feed(connection, take_up(connection, contract, (Column("power", "double", added=True),), 1))
        assert loader.result().counts.processed == 1
    dispose(engine)
    assert tanks.sql("SELECT power FROM tanks ORDER BY time") == [(None,), (1.5,)]
    assert tanks.sql("SELECT column_name, type FROM etl_column") == [("power", "double")]
