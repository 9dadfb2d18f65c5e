"""schemathesis asks everything that the OpenAPI document allows, and what it does not: no answer is outside the document."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from etl.api.tokens import Scope
from tests.support.api import SECONDS, new_token, serving
from tests.support.stack import Project

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("ETL_TEST_EXAMPLES", "8")) * 2


@pytest.fixture
def loaded(project: Project) -> Project:
    """Readings, rejected rows, and notebooks that were executed."""
    project.etl("run", "--messages", "400", "-p", "bad_share=0.2")
    project.settings = project.settings.model_copy(update={"api_requests_per_minute": 1_000_000})
    return project


def test_every_answer_is_as_the_document_says(loaded: Project) -> None:
    token = new_token(loaded.settings, "test", Scope.READ, Scope.RAW)
    headers = {"Authorization": f"Bearer {token}"}
    real = {
        "feed": "sensor_readings",
        "cycle_id": loaded.value("SELECT max(cycle_id) FROM etl_log WHERE job_name = 'load'"),
        "job": "load",
        "rejected_id": loaded.value("SELECT max(rejected_id) FROM etl_rejected_row"),
    }
    with serving(loaded.settings) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers, timeout=SECONDS)
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) > 12
        for operation in operations:
            names = [parameter.name for parameter in operation.path_parameters]
            known = {name: real[name] for name in names}
            assert _hold(operation.Case(path_parameters=known), headers) == 200, operation.path
            _ask(operation, headers, GenerationMode.POSITIVE, path_parameters=known or None)
            _ask(operation, headers, GenerationMode.POSITIVE)
            if names or len(operation.query):
                _ask(operation, headers, GenerationMode.NEGATIVE)


def _ask(operation: Any, headers: dict[str, str], mode: GenerationMode, **fixed: Any) -> None:
    """Send generated requests to an operation, and hold each answer to the document."""

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(mode, **fixed))
    def hold(case: Case[Any]) -> None:
        _hold(case, headers)

    hold()


def _hold(case: Case[Any], headers: dict[str, str]) -> int:
    """Send a request, hold its answer to the document, and return its status."""
    response = case.call(headers=headers, timeout=SECONDS)
    case.validate_response(response, checks=CHECKS)
    return response.status_code
