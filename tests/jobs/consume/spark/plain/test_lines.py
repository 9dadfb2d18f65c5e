"""A plain message becomes, byte for byte, the line that splitting it into columns gives."""

from __future__ import annotations

import dataclasses
import random
import re
from datetime import datetime, timedelta

import pytest

from etl.contract.model import Column, Contract, EventTime
from etl.contract.reader import load_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.parse import split_messages
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.plain.lines import IS_FIRST, LINE, lines_of, part_lines, plain_form
from etl.jobs.consume.spark.session import spark_session
from etl.jobs.produce.simulate import simulate
from etl.settings import Settings
from tests.support.stack import JARS

SITE = Contract(
    feed="site",
    source=KafkaTopic("site"),
    table="site",
    columns=(
        Column("at", "timestamp", required=True, formats=("epoch_milliseconds",)),
        Column("id", "text", required=True, max_length=6),
        Column("latitude", "double", path=("place", "lat"), minimum=-90, maximum=90),
        Column("name", "text", missing=("none",)),
        Column("longitude", "double", path=("place", "lon")),
        Column("is on", "boolean", path=("is.on ($1)?",)),
        Column("count", "integer", bits=16),
    ),
    primary_key=("id", "at"),
    event_time=EventTime("at"),
)
SITE_MESSAGE = b'{"at":1750000000123,"id":"a","place":{"lat":1.50,"lon":-0},"name":"n","is.on ($1)?":null,"count":5}'
PIECES = [
    *(
        b'"',
        b",",
        b"\n",
        b"\r",
        b" ",
        b"\\",
        b"\\n",
        b"\xff",
        b"\xed\xa0\x80",
        b"\x1f",
        b"\0",
        b"null",
        b"{",
        b"[",
        b"#",
    ),
    *("ö中".encode(), "😀".encode(), "\u2028".encode(), "\ufffd".encode(), b"'", b"=1", b"true", b"NaN", b"none"),
    *(
        b"0",
        b"-0",
        b"-0.0",
        b"01",
        b"1.",
        b"1e2",
        b"5.5",
        b"60",
        b"60.0",
        b"60.01",
        b"-50",
        b"-50.1",
        b"100",
        b"100.01",
    ),
    *(b"90", b"-90.5", b"32767", b"32768", b"2147483648", b"9" * 16, b"1750000000", b"1750000000.5", b"9000000000000"),
    *(b"2024-02-29T00:00:00", b"2023-02-29 00:00:00", b"2023-05-31 24:00:00", b"2023-05-31T00:00:00+02:00"),
    *(b"1999-12-31 23:59:59", b"2000-01-01 00:00:00", b"9999-12-31T00:00:00Z", b"2023-05-31T00:00:00.1234567Z"),
    *(b"2023-05-31", b"2023-05-31T00:00", b"2023-5-31T00:00:00", b"a" * 7, "ö".encode() * 6),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(home=tmp_path_factory.mktemp("home"), jars=JARS)


def changed(message: bytes, chance: random.Random) -> bytes:
    """A message with something else at any place, or instead of one of its values, or at its end."""
    piece = chance.choice(PIECES)
    values = [match.span() for match in re.finditer(rb"(?<=:)[^,{}]+", message)]
    start, end = chance.choice(values)
    value = message[start:end].strip(b'"')
    anywhere = chance.randrange(len(message) + 1)
    return chance.choice(
        [
            message[:anywhere] + piece + message[anywhere + chance.randrange(3) :],
            message[:start] + piece + message[end:],
            message[:start] + b'"' + piece + b'"' + message[end:],
            message[:start] + b'"' + value + piece + b'"' + message[end:],
        ]
    )


def of_simulator(contract: Contract) -> list[bytes]:
    (chunk,) = simulate(contract, 200, seed=1, start=datetime(2025, 6, 15), bad_share=0.0)
    return [message.value or b"" for message in chunk]


def is_plain(message: bytes, contract: Contract) -> bool:
    form = plain_form(contract)
    return form is not None and re.search(form.expression, message.decode("utf-8", "replace")) is not None


@pytest.mark.integration
@pytest.mark.parametrize("feed", ["sensor_readings", "raw_iot", "site"])
def test_lines_are_the_same_whatever_way_they_are_made(settings: Settings, feed: str) -> None:
    contract = SITE if feed == "site" else load_contract(feed, settings)
    chance = random.Random(feed)
    sound = [SITE_MESSAGE] if feed == "site" else of_simulator(contract)
    messages: list[bytes | None] = [*sound, None, b"", b" "]
    messages += [changed(chance.choice(sound), chance) for _ in range(1_000)]
    messages.append(SITE_MESSAGE.replace(b'"n"', b'"' + "aö中".encode() * 50_000 + b'"'))
    plain = sum(is_plain(message, contract) for message in messages if message)
    assert len(messages) / 10 < plain < len(messages)
    time = datetime(2025, 6, 15)
    rows = [(message, n % 3, n, time + timedelta(milliseconds=n)) for n, message in enumerate(messages)]
    schema = "value binary, partition int, offset long, timestamp timestamp"
    frame = spark_session(settings).createDataFrame(rows, schema).coalesce(1)
    found, expected = part_lines(frame, contract).collect(), lines_of(split_messages(frame, contract)).collect()
    assert found == expected
    assert [row[LINE] for row in found if row[UNPARSABLE]]
    assert all(row[IS_FIRST] for row in found)


@pytest.mark.parametrize("feed", ["sensor_readings", "raw_iot"])
def test_what_the_simulator_sends_is_plain(feed: str, settings: Settings) -> None:
    contract = load_contract(feed, settings)
    assert all(is_plain(message, contract) for message in of_simulator(contract))


@pytest.mark.parametrize("missing", [b',"count":5', b',"is.on ($1)?":null', b',"lon":-0', b""])
def test_an_optional_value_may_be_missing(missing: bytes) -> None:
    form = plain_form(SITE)
    assert form is not None
    match = re.search(form.expression, SITE_MESSAGE.replace(missing, b"").decode())
    assert match is not None
    groups = match.groups(default="")
    values = [groups[2 * place] + groups[2 * place + 1] for place in form.places]
    assert values == [
        *("1750000000123", "a", "1.50", "n", "" if b"lon" in missing else "-0"),
        *("", "" if b"count" in missing else "5"),
    ]


def test_what_has_no_plain_form(settings: Settings) -> None:
    assert plain_form(load_contract("device_events", settings)) is None
    for more in (
        Column("more", "text", origin="key"),
        Column("more", "text", pattern="a+"),
        Column("more", "text", path=("id",)),
        Column("more", "timestamp", formats=("%d.%m.%Y",)),
    ):
        assert plain_form(dataclasses.replace(SITE, columns=(*SITE.columns, more))) is None
