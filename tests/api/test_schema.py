"""schemathesis: whatever fits the OpenAPI document or not, the API answers as the document says, and never fails."""

import contextlib

import pytest
import schemathesis
from api.serving import listening
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def api():
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}") as served:
        yield schemathesis.openapi.from_url(f"{served.url}/openapi.json")


def tried(operation, mode: GenerationMode) -> int:
    """Try what fits the document, or what does not; how many requests that were."""
    made = 0

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case) -> None:
        nonlocal made
        made += 1
        case.call_and_validate(checks=CHECKS)

    call()
    return made


def test_every_operation_answers_as_the_document_says(api):
    operations = [one.ok() for one in api.get_all_operations()]
    assert len(operations) > 5
    for operation in operations:
        assert tried(operation, GenerationMode.POSITIVE)
        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with a text that may be anything
            if operation.query or operation.body:
                tried(operation, GenerationMode.NEGATIVE)
