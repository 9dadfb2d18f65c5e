from __future__ import annotations

import re

from tests.support.simulated import CONTRACTS, made, rows_of


def test_gases_rise_and_fall_together() -> None:
    rows = rows_of(CONTRACTS["environment_telemetry"], made(CONTRACTS["environment_telemetry"], 3_000))
    by_co = sorted(rows, key=lambda row: float(row["co"]))
    for gas in ("lpg", "smoke"):
        values = [float(row[gas]) for row in by_co]
        assert values == sorted(values)
    assert re.fullmatch(r"\d\.\d+E9", rows[0]["ts"])
