"""The matrix of scopes against calls: every call, every kind of key, nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.http.keys import SCOPES, create_key, load_keys

# Who may make each call; a call of the OpenAPI that is not here fails the test.
OPEN = None
STOREFRONT, RETENTION, ADMIN = {"storefront"}, {"retention"}, {"admin"}
MATRIX: dict[str, set[str] | None] = {
    "GET /v1/customers/{customer_id}/recommendations": STOREFRONT,
    "POST /v1/recommendations": STOREFRONT,
    "POST /v1/cross-sell": STOREFRONT,
    "GET /v1/products/{product_id}/cross-sell": STOREFRONT,
    "POST /v1/next-best-offer": STOREFRONT,
    "GET /v1/customers/{customer_id}/next-best-offer": STOREFRONT,
    "POST /v1/events": STOREFRONT,
    "GET /v1/customers/{customer_id}": RETENTION,
    "GET /v1/churn": RETENTION,
    "GET /v1/models": RETENTION | ADMIN,
    "POST /v1/models/reload": ADMIN,
    "DELETE /v1/customers/{customer_id}": ADMIN,
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "GET /metrics": OPEN,
}
CALLERS = ["nobody", "a stranger", *SCOPES]


@pytest.mark.parametrize("caller", CALLERS)
def test_each_call_is_open_to_its_scopes_and_to_no_one_else(
    shop: Any,
    tmp_path: Path,
    publish_examples: Callable[[Path], None],
    operations_of: Callable[[Any], list[Any]],
    caller: str,
) -> None:
    keys: dict[str, str] = {
        scope: create_key(tmp_path / "keys", scope, [scope]) for scope in SCOPES
    }
    keys["a stranger"] = "reg_guess"
    shop.keys = load_keys(tmp_path / "keys")
    shop.folder = tmp_path / "examples"
    publish_examples(shop.folder)
    headers = {"authorization": f"Bearer {keys[caller]}"} if caller in keys else {}
    with shop.open() as client:
        operations = operations_of(client)
        assert {operation.name for operation in operations} == MATRIX.keys()
        for operation in operations:
            scopes = MATRIX[operation.name]
            for request in operation.examples():
                asked = {"json": request.body, "headers": headers}
                response = client.request(request.method, request.url, **asked)
                expected = 200
                if scopes is not None and caller not in scopes:
                    expected = 403 if caller in SCOPES else 401
                assert response.status_code == expected, operation.name
                if expected != 200:
                    assert response.headers["content-type"] == "application/problem+json"
                if expected == 401:
                    assert response.headers["www-authenticate"] == "Bearer"
                if expected == 403:
                    assert sorted(scopes)[0] in response.json()["detail"]


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "", "bearer\treg_guess"])
def test_what_is_no_bearer_key_is_no_key(shop: Any, header: str) -> None:
    create_key(shop.folder / "keys", "all", SCOPES)
    shop.keys = load_keys(shop.folder / "keys")
    with shop.open() as client:
        response = client.get("/v1/churn", headers={"authorization": header})
        assert response.status_code == 401
