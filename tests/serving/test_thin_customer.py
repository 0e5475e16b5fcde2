"""The thin look-up of a customer answers exactly as the documented route does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http.keys import create_key, load_keys
from serving.http.thin_customer import ThinCustomer

Twins = tuple[Any, Any]

METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"])
IDS = st.sampled_from(["ada", "ben", "eve", "änne", "nobody", "a/b", "", "x" * 200, "x" * 201])
ENDS = st.sampled_from(["", "/", "?n=1", "/recommendations", "/next-best-offer", "//"])


def without_thin(app: Any) -> None:
    kept = [each for each in app.user_middleware if each.cls is not ThinCustomer]
    assert len(kept) == len(app.user_middleware) - 1
    app.user_middleware = kept


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, open_shop: Any) -> Iterator[Twins]:
    """A server with the thin look-up and one without."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("twin") for _ in range(2)]
        changes = [lambda _app: None, without_thin]
        thin, documented = (
            stack.enter_context(open_shop(folder, change))
            for folder, change in zip(folders, changes, strict=True)
        )
        yield thin, documented


def told(response: Any) -> tuple[int, str, Any]:
    answer = response.json() if response.content else None
    if answer is not None:
        # Their own of each answer.
        for name in ("recommendation_id", "decision_id", "instance"):
            answer.pop(name, None)
    return response.status_code, response.headers.get("content-type", ""), answer


@given(METHODS, IDS, ENDS)
@settings(max_examples=60, deadline=None)
def test_both_answer_the_same(twins: Twins, method: str, id_: str, end: str) -> None:
    thin, documented = (
        told(each.request(method, f"/v1/customers/{quote(id_, safe='')}{end}")) for each in twins
    )
    assert thin == documented


def test_both_count_what_was_bought_since(twins: Twins) -> None:
    event = {"event_id": "e1", "type": "purchase", "customer_id": "ada", "product_id": "p5"}
    for each in twins:
        assert each.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    thin, documented = (told(each.get("/v1/customers/ada")) for each in twins)
    assert thin == documented
    assert thin[2]["history"][0]["product_id"] == "p5"


def test_only_keys_of_the_retention_desk_may_look_up(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {scope: create_key(path, scope, [scope]) for scope in ("retention", "storefront")}
    with replace(shop, keys=load_keys(path)).open() as client:
        statuses = {
            scope: client.get(
                "/v1/customers/ada", headers={"Authorization": f"Bearer {key}"}
            ).status_code
            for scope, key in keys.items()
        }
        assert client.get("/v1/customers/ada").status_code == 401
    assert statuses == {"retention": 200, "storefront": 403}
