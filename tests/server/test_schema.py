"""Requests made up from the schema get answers of the schema, and never a server error."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks

from isthmus.server.routes import router

CASES = int(os.environ.get("ISTHMUS_SCHEMA_CASES", "20"))
"""Made up for each route and mode; 1,000 are a matter of minutes."""


def _takes_anything(route: Any) -> bool:
    """Whether anything about its requests can be wrong."""
    wanted = route.dependant
    return bool(wanted.query_params or wanted.path_params or wanted.body_params)


checks.load_all_checks()
KEPT = checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
CASES_OF = [
    pytest.param(method, route.path, mode, id=f"{method}-{route.path.strip('/')}-{mode.value}")
    for route in router.routes
    for method in sorted(route.methods)
    for mode in GenerationMode
    if route.include_in_schema and (mode is GenerationMode.POSITIVE or _takes_anything(route))
]


@pytest.fixture(scope="module")
def document(address: str) -> Any:
    """The schema that a running server shows."""
    return schemathesis.openapi.from_url(f"{address}openapi.json")


@pytest.mark.parametrize(("method", "path", "mode"), CASES_OF)
def test_every_route_keeps_its_schema(
    document: Any, method: str, path: str, mode: GenerationMode
) -> None:
    strategy = document[path][method].as_strategy(generation_mode=mode)

    @given(case=strategy)
    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate(checks=KEPT)

    check()
