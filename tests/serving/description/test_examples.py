"""Every example of the OpenAPI is sent to a server, and answered as the OpenAPI says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def example_shop(
    tmp_path: Path, open_shop: Any, publish_examples: Callable[[Path], None], shop: Any
) -> Iterator[Any]:
    shop.folder = tmp_path / "examples"
    publish_examples(shop.folder)
    with shop.open() as client:
        yield client


def test_every_example_is_answered_as_described(
    example_shop: Any, operations_of: Callable[[Any], list[Any]]
) -> None:
    operations = operations_of(example_shop)
    sent = 0
    for operation in operations:
        for request in operation.examples():
            response = example_shop.request(request.method, request.url, json=request.body)
            assert response.status_code == 200, (operation.name, response.text)
            media_type = response.headers["content-type"].partition(";")[0]
            answer = response.json() if media_type == "application/json" else response.text
            assert operation.misfits(200, media_type, answer) == [], operation.name
            sent += 1
    assert sent > len(operations)


def test_examples_of_shops_are_about_what_the_shop_has(
    example_shop: Any, operations_of: Callable[[Any], list[Any]]
) -> None:
    for operation in operations_of(example_shop):
        for request in operation.examples():
            answer = example_shop.request(request.method, request.url, json=request.body)
            if "json" in answer.headers["content-type"]:
                assert answer.json().get("unknown_items", []) == [], operation.name


def test_every_address_says_which_request_it_answered_and_what_it_did_without(
    example_shop: Any, operations_of: Callable[[Any], list[Any]]
) -> None:
    for operation in operations_of(example_shop):
        answers = operation.said["responses"]
        assert all("x-request-id" in answer["headers"] for answer in answers.values())
        assert ("degraded" in answers["200"]["headers"]) == operation.path.startswith("/v1/")
        assert "retry-after" in answers["503"]["headers"]
