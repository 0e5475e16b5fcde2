"""Whatever is sent to a call of the OpenAPI, the answer is one that the OpenAPI describes.

Requests are drawn from the description itself: mostly ones that fit it, some with a value of
another kind, a field too many, or a text that no store, log or header can take as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Ids that the shop has, and texts that break what is careless with them.
WORDS = [
    *("C0007804", "ben", "änne", "P0007", "P0012", "p3", "o-home", "food", "v1"),
    *("", " ", "../../etc/passwd", "=1+1", "a\r\nx-evil: 1", "\x00", "\ud800", "{}", "null", "'--"),
    *("%2e%2e%2f", "NaN", "1e999", "💶", "x" * 201),
]
TEXT = st.sampled_from(WORDS) | st.text(max_size=8)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, -1, 2**63, 1e308])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True, repr=False)
class Unshown:
    """A schema that a failure's report need not repeat."""

    schema: Any


def fitting(operation: Any, reference: Any) -> st.SearchStrategy[Any]:
    """Draw values of a schema; one in some is anything at all."""
    schema = operation.schema(reference)
    drawn = st.deferred(lambda: _of_kind(operation, schema))
    examples = [st.just(example) for example in schema.get("examples", [])]
    return st.one_of(drawn, drawn, drawn, *examples, ANYTHING)


def _of_kind(operation: Any, schema: Any) -> st.SearchStrategy[Any]:
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([fitting(operation, choice) for choice in choices])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "string": lambda: _times() if schema.get("format") == "date-time" else TEXT,
        "integer": lambda: st.integers(schema.get("minimum", -5), schema.get("maximum", 5)),
        "number": lambda: st.floats(schema.get("minimum", -5), schema.get("maximum", 1e6)),
        "boolean": st.booleans,
        "null": st.none,
        "array": lambda: st.lists(fitting(operation, schema.get("items", {})), max_size=3),
        "object": lambda: _objects(operation, Unshown(schema)),
    }
    return kinds.get(schema.get("type"), lambda: ANYTHING)()


def _times() -> st.SearchStrategy[str]:
    return st.datetimes().map(lambda ts: ts.isoformat() + "Z") | TEXT


@st.composite
def _objects(draw: st.DrawFn, operation: Any, unshown: Unshown) -> dict[str, Any]:
    schema = unshown.schema
    known = schema.get("properties", {})
    required = schema.get("required", [])
    optional = [name for name in known if name not in required]
    chosen = (
        st.lists(st.sampled_from(optional), unique=True, max_size=4) if optional else st.just([])
    )
    names = required + draw(chosen)
    made = {name: draw(fitting(operation, known[name])) for name in names}
    if isinstance(others := schema.get("additionalProperties"), dict):
        made |= draw(st.dictionaries(TEXT, fitting(operation, others), max_size=2))
    if draw(st.integers(0, 9)) == 0:
        made |= draw(st.dictionaries(TEXT, ANYTHING, max_size=1))
    return made


@st.composite
def requests(draw: st.DrawFn, operation: Any) -> tuple[Any, bytes | None, str]:
    """Draw an address, what is sent to it, and what that is said to be."""
    # An empty part of a path is another address.
    path = {name: draw(TEXT.filter(bool)) for name in operation.parameters("path")}
    query = {
        name: draw(fitting(operation, each["schema"]))
        for name, each in operation.parameters("query").items()
        if draw(st.integers(0, 2)) == 0
    }
    if draw(st.integers(0, 9)) == 0:
        query["surprise"] = "1"
    sendable = {name: value for name, value in query.items() if value is not None}
    request = operation.request(
        {name: value.encode("utf-8", "replace").decode() for name, value in path.items()}, sendable
    )
    if operation.body is None:
        return request, None, ""
    body = json.dumps(draw(fitting(operation, operation.body))).encode()
    kind = draw(st.sampled_from(["application/json"] * 8 + ["text/plain", ""]))
    return request, draw(st.sampled_from([body] * 8 + [body[:-1], b"\xff"])), kind


@pytest.fixture(scope="module")
def fuzzed(
    tmp_path_factory: pytest.TempPathFactory,
    open_folder: Any,
    publish_examples: Callable[[Path], None],
) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzz")
    publish_examples(folder)
    with open_folder(folder) as client:
        yield client


def test_no_request_gets_an_answer_that_is_not_described(
    fuzzed: Any, operations_of: Callable[[Any], list[Any]]
) -> None:
    for operation in operations_of(fuzzed):
        fuzz(fuzzed, operation)


def fuzz(client: Any, operation: Any) -> None:
    @settings(
        max_examples=settings().max_examples // 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operation))
    def ask(sent: tuple[Any, bytes | None, str]) -> None:
        request, body, kind = sent
        headers = {"content-type": kind} if kind else {}
        response = client.request(request.method, request.url, content=body, headers=headers)
        media_type = response.headers["content-type"].partition(";")[0]
        answer = response.json() if media_type.endswith("json") else response.text
        assert response.status_code < 500, (request, body, answer)
        misfits = operation.misfits(response.status_code, media_type, answer)
        assert misfits == [], (request, body, response.status_code, answer)

    ask()
