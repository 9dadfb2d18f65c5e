"""Whatever a producer sends: no job fails, every message is accounted for, and its good neighbours are loaded."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from tests.support.stack import Project

MESSAGES = 400
GOOD = '{"sensor_id":%d,"temperature":20.5,"humidity":50.0,"timestamp":"2025-06-15T09:12:01Z"}'
PIECES = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\0",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b",",
    b"NaN",
    rb"\ud800",
    b"\xe2\x80\xa8",
    b"\r\n",
]
LARGE = [
    GOOD.replace("20.5", '"' + "a\u00f6" * 1_000_000 + '"') % 1,
    GOOD.replace("}", ',"u":"' + "a\u00f6" * 2_600_000 + '"}') % 1,
    GOOD.replace("}", "".join(f',"k{number}":{number}' for number in range(100_000)) + "}") % 1,
    GOOD.replace("}", ',"u":' + "[" * 10_000 + "]" * 10_000 + "}") % 1,
    '{"a":' * 10_000,
    GOOD.replace("20.5", "1" * 100_000) % 1,
    GOOD.replace("20.5", "1e999999999") % 1,
    GOOD.replace("}", ',"' + "k" * 1_000_000 + '":1}') % 1,
    GOOD.replace("2025", "9" * 10_000) % 1,
    "[" * 1_000_000,
    ", " * 500_000,
]


def hostile(chance: random.Random) -> Iterator[bytes | None]:
    """A good message with pieces put into it, taken out of it, or said twice."""
    yield from (text.encode() for text in LARGE)
    yield from (None, b"", b"{}", b"[]", b"null", b"\xff" * 1000, b"\0" * 1000, (GOOD % 1).encode("utf-16"))
    for _ in range(MESSAGES):
        text = (GOOD % chance.randrange(1, 1000)).encode()
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(text))
            piece = chance.choice([*PIECES, text[place:], chance.randbytes(5)])
            text = text[:place] + piece + text[place + chance.randrange(3) :]
        yield text


def test_no_message_stops_a_job(project: Project) -> None:
    chance = random.Random(15)
    admin = KafkaAdminClient(bootstrap_servers=project.stack.kafka)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, project.topic, {"max.message.bytes": "20000000"})])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=project.stack.kafka, max_request_size=20_000_000)
    sent = []
    for number, message in enumerate(hostile(chance)):
        good = json.loads(GOOD % 1) | {
            "temperature": 30.0,
            "timestamp": f"2025-06-16T{number // 60:02}:{number % 60:02}:00Z",
        }
        for value in (message, json.dumps(good).encode()):
            key = chance.choice([None, b"", b"\xff\0", b"k" * 10_000]) if value is not None else b"k"
            headers = chance.choice(
                [[], [("h", b"\xff" * 100_000)] if number % 50 == 0 else [], [("\u00e4", b""), ("h", b"\0")]]
            )
            sent.append(producer.send(project.topic, value=value, key=key, headers=headers))
    producer.flush()
    for future in sent:
        future.get(timeout=30)
    producer.close()
    consumed = consume(project.settings, project.contract)
    assert (consumed.counts.read, consumed.backlog) == (len(sent), 0)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(len(sent))
    assert project.value("SELECT count(*) FROM sensor_data WHERE temperature = 30") == len(sent) / 2
    assert consume(project.settings, project.contract).counts.read == 0
    assert {row["status"] for row in project.log()} == {"SUCCESS"}
