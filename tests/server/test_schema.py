"""Requests made up from the schema get answers of the schema, and never a server error."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from tests.waiting import PATIENCE

from isthmus.server.routes import router

CASES = int(os.environ.get("ISTHMUS_SCHEMA_CASES", "10"))
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
HOSTS = (
    "localhost",
    "[::1]",
    "evil.example",
    "[::1].evil.com:1",
    "localhost:80@evil.com",
    "[::1",
    "",
)
ORIGINS = ("http://[::1", "evil://HOST", "null", "http://evil.example", "http://me@HOST", "")
WRONG = 0.1
"""Of the cases, have another ``Host`` or ``Origin`` than a caller of the page would send."""


@st.composite
def senders(draw: st.DrawFn, address: str) -> dict[str, str]:
    """Headers that say whom a request asks, and from which page; most of them are right."""
    own = address.partition("//")[2].rstrip("/")
    headers: dict[str, str] = {}
    if draw(st.floats(0, 1)) < WRONG:
        headers["Host"] = draw(st.sampled_from(HOSTS) | st.text(st.characters(codec="ascii",
            categories=("L", "N", "P", "S")), max_size=30))  # fmt: skip
    if draw(st.booleans()):
        wrong = draw(st.floats(0, 1)) < WRONG
        origin = draw(st.sampled_from(ORIGINS)) if wrong else f"http://{own}"
        headers["Origin"] = origin.replace("HOST", own)
    return headers


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
    document: Any, address: str, method: str, path: str, mode: GenerationMode
) -> None:
    strategy = document[path][method].as_strategy(generation_mode=mode)

    @given(case=strategy, sender=senders(address))
    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any, sender: dict[str, str]) -> None:
        case.call_and_validate(checks=KEPT, headers=sender, timeout=PATIENCE)

    check()
