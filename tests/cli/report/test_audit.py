from __future__ import annotations

from typing import Any

from etl.cli.report.audit import balance


def row(job: str, *counts: int, status: str = "SUCCESS") -> dict[str, Any]:
    names = ("records_read", "records_processed", "records_rejected", "records_duplicate")
    return {"job_name": job, "status": status, **dict(zip(names, counts, strict=True))}


def test_one_sentence_states_the_balance() -> None:
    said = balance([row("consume", 1000, 990, 10, 0), row("load", 1000, 900, 60, 40)])
    assert said == (
        "Balance: 1,000 messages read = 990 parsed + 10 unparsable;"
        " 1,000 rows read = 900 loaded + 60 rejected + 40 duplicate."
    )
    assert "nothing new" in balance([row("consume", 0, 0, 0, 0), row("load", 0, 0, 0, 0)])
    assert "did not end" in balance([row("consume", 5, 5, 0, 0), row("load", 0, 0, 0, 0, status="FAILED")])
