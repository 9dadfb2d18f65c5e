"""From a topic into a table with dlt, as its users would write it; prints what was left out as JSON.

`python whole_dlt.py dicts|arrow|arrow-upsert|arrow-parquet BOOTSTRAP TOPIC TABLE`, the database's URL in DATABASE_URL.
The table exists, unique on sensor and time; dlt adds its own columns. A message that no row can hold is left out and counted:
one bad value would stop the whole load.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

import dlt
import orjson
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

URL = os.environ["DATABASE_URL"]
PAGE = 100_000
rejected = []
SCHEMA = pa.schema(
    [("sensor_id", pa.int32()), ("temperature", pa.float64()), ("humidity", pa.float64()), ("timestamp", pa.string())]
)


def reading(value):
    """The parsed message; None where a column could not hold its value."""
    try:
        found = orjson.loads(value)
        datetime.fromisoformat(found["timestamp"])
        is_sound = type(found["sensor_id"]) is int and type(found["temperature"]) is type(found["humidity"]) is float
    except (ValueError, KeyError, TypeError):
        return None
    return found if is_sound else None


def pages(bootstrap, topic):
    """What the topic holds now, in pages of parsed messages."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "dlt", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    ends = {part: consumer.get_watermark_offsets(TopicPartition(topic, part))[1] for part in partitions}
    consumer.assign([TopicPartition(topic, part, 0) for part in partitions])
    remaining = sum(ends.values())
    while remaining:
        messages = consumer.consume(min(PAGE, remaining), timeout=1.0)
        remaining -= len(messages)
        if messages:
            page = [found for message in messages if (found := reading(message.value())) is not None]
            rejected.append(len(messages) - len(page))
            yield page
    consumer.close()


def tables(bootstrap, topic):
    for page in pages(bootstrap, topic):
        table = pa.Table.from_pylist(page, schema=SCHEMA)
        times = table["timestamp"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        yield table.set_column(3, "timestamp", times)


MODES = {
    "dicts": (pages, {"write_disposition": "append"}, {}),
    "arrow": (tables, {"write_disposition": "append"}, {"loader_file_format": "csv"}),
    "arrow-upsert": (
        tables,
        {
            "write_disposition": {"disposition": "merge", "strategy": "upsert"},
            "primary_key": ("sensor_id", "timestamp"),
        },
        {"loader_file_format": "csv"},
    ),
    "arrow-parquet": (tables, {"write_disposition": "append"}, {"loader_file_format": "parquet"}),
}

if __name__ == "__main__":
    mode, bootstrap, topic, table = sys.argv[1:]
    source, hints, options = MODES[mode]
    if mode == "dicts":
        hints["columns"] = {"timestamp": {"data_type": "timestamp"}}
    pipeline = dlt.pipeline(
        f"whole_{topic}",
        destination=dlt.destinations.postgres(URL),
        dataset_name="public",
        pipelines_dir=str(Path.cwd()),
    )
    pipeline.run(dlt.resource(source(bootstrap, topic), name=table, **hints), **options)
    print(json.dumps({"rejected": sum(rejected)}))
