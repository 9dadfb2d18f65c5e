"""Feeds with very many measures, or very many sensors, in a landing folder."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.edits import DOCUMENT, Document, Tanks, column
from tests.support.stack import Project

FULL = 12
"""So many measures of a wide feed have a value in every row, the others in every second one."""


def wide_document(measures: int, **options: Any) -> Document:
    """A contract with many measures: whole numbers of four bytes, so that 1,500 of them fit into a row."""
    document = copy.deepcopy(DOCUMENT)
    document |= {"id": "wide", "name": "wide"}
    document["servers"][0]["path"] = "landing/wide"
    names = measure_names(measures)
    properties = [column("device", "string", key=1, maxLength=20), column("time", "timestamp", key=2)]
    properties += [column(name, "integer", format="i32", **options) for name in names]
    document["schema"] = [{"name": "wide", "physicalName": "wide", "properties": properties}]
    document["customProperties"] = [
        {"property": "eventTime", "value": {"column": "time"}},
        {"property": "windows", "value": {"measures": names}},
        {"property": "anomalies", "value": {"measures": names}},
    ]
    return document


def measure_names(measures: int) -> list[str]:
    return [f"m{number:04d}" for number in range(measures)]


def full_measures(measures: int) -> list[str]:
    """Those with a value in every row, spread over all."""
    step = measures // FULL
    return measure_names(measures)[step - 1 :: step][:FULL]


def load_wide(project: Project, measures: int, rows: int) -> Tanks:
    """A feed of two devices, with a reading of each per minute."""
    feed = Tanks(project, wide_document(measures))
    full = {*full_measures(measures)}
    lines = [",".join(["device", "time", *measure_names(measures)])]
    for row in range(rows):
        minute = row // 2
        values = [
            str(row + place) if row % 4 < 2 or name in full else ""
            for place, name in enumerate(measure_names(measures))
        ]
        time = f"2024-05-{1 + minute // 1440:02d}T{minute % 1440 // 60:02d}:{minute % 60:02d}:00Z"
        lines.append(",".join([f"d{row % 2}", time, *values]))
    (feed.folder / "wide.csv").write_text("\n".join([*lines, ""]), "utf-8")
    assert feed.cycle().counts.processed == rows
    return feed


def load_many(project: Project, sensors: int, readings: int = 3) -> Tanks:
    """A feed of very many devices with a few readings each; the last device has one more."""
    feed = Tanks(project)
    lines = ["device,time,site,level,pulses,rssi"]
    for number in range(readings):
        lines += [
            f"d{sensor:06d},2024-05-01T00:{number * 5 + sensor % 5:02d}:00Z,s,{sensor % 100},1,-{number}"
            for sensor in range(sensors)
        ]
    lines.append(f"d{sensors - 1:06d},2024-05-01T00:59:00Z,s,1.5,1,-9")
    (feed.folder / "many.csv").write_text("\n".join([*lines, ""]), "utf-8")
    assert feed.cycle().counts.processed == sensors * readings + 1
    return feed
