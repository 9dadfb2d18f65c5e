"""Metrics for Prometheus, which asks for them with a token (`authorization` in its `scrape_configs`)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from etl.api.dependencies import Database, ServerSettings
from etl.operations.metrics.collect import metrics_of

router = APIRouter(tags=["runs"])


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, database: Database, settings: ServerSettings) -> PlainTextResponse:
    """Counts of the audit log, freshness, quality and open incidents, in the text format of Prometheus."""
    current = metrics_of(database, settings, request.app.state.contracts)
    return PlainTextResponse(current.as_text(), media_type="text/plain; version=0.0.4; charset=utf-8")
