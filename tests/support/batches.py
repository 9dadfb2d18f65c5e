"""Batches as `consume` leaves them, written by a test: the merger and the loader take them without Spark's start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.settings import Settings
from etl.storage import batch_csv, manifests
from etl.storage.batch_csv import to_csv
from etl.storage.publish import finished_part, publish_batch, temporary_batch

Values = Mapping[str, str | None]


def write_batch(
    settings: Settings,
    contract: Contract,
    topic: str,
    topic_id: str,
    readings: Sequence[Values],
    *,
    start: int = 0,
    query_id: str = "",
) -> None:
    """A committed batch of readings of a topic, at offsets from `start` on of partition 0."""
    query_id = query_id or topic_id
    rows = [
        {
            **reading,
            "source_partition": "0",
            "source_offset": str(start + place),
            "source_item": "0",
            "source_time": "2025-06-15 09:12:02.000",
            "raw": reading.get("raw"),
        }
        for place, reading in enumerate(readings)
    ]
    columns = EvolvedContract.of(contract).file_columns
    schema = pa.schema([(name, pa.string()) for name in columns])
    output = manifests.feed_output(settings, contract.feed)
    folder = temporary_batch(output, query_id, start)
    folder.mkdir(parents=True)
    file = folder / "part-00000.csv"
    file.write_bytes(batch_csv.header(columns) + to_csv(pa.Table.from_pylist(rows, schema=schema)))
    count = len(rows)
    batch = manifests.Batch(
        feed=contract.feed,
        cycle_id="recorded",
        query_id=query_id,
        batch_id=start,
        source=manifests.Source("kafka", topic, topic_id),
        offsets={"0": manifests.OffsetRange(start, start + count, count)},
        columns=columns,
        paths=EvolvedContract.of(contract).paths,
        messages=count,
        rows=count,
        unparsable=0,
        parts=(finished_part(file, count),),
        written_at=datetime.now(UTC).isoformat(),
    )
    publish_batch(batch, folder, output)
