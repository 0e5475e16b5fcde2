"""The thin next best offer answers exactly as the documented route does, errors included."""

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
from serving.http.thin_offers import ThinOffers

Twins = tuple[Any, Any]

METHODS = st.sampled_from(["GET", "GET", "GET", "GET", "HEAD", "POST"])
IDS = st.sampled_from(["ada", "ben", "dan", "änne", "nobody", "a/b", "", "x" * 200, "x" * 201])
PARAMETERS = {
    "n": st.sampled_from(["1", "3", "20", "0", "21", "many", "", "2.0", " 4 "]),
    "trace": st.sampled_from(["true", "1", "no", "maybe", ""]),
    "why_not": st.sampled_from(["o-tea", "o-home", "nothing", "", "x" * 201]),
    "surprise": st.just("1"),
}


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str]:
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=3))
    given = "&".join(f"{name}={quote(draw(PARAMETERS[name]))}" for name in names)
    end = draw(st.sampled_from(["", "", "", "/", "s"]))
    who = quote(draw(IDS), safe="")
    return draw(METHODS), f"/v1/customers/{who}/next-best-offer{end}?{given}"


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, open_shop: Any) -> Iterator[Twins]:
    """A server with the thin route and one without."""

    def without_thin(app: Any) -> None:
        kept = [each for each in app.user_middleware if each.cls is not ThinOffers]
        assert len(kept) == len(app.user_middleware) - 1
        app.user_middleware = kept

    with ExitStack() as stack:
        thin, documented = (
            stack.enter_context(open_shop(tmp_path_factory.mktemp("twin"), change))
            for change in (lambda _app: None, without_thin)
        )
        yield thin, documented


def told(response: Any) -> tuple[int, str, Any]:
    answer = response.json() if response.content else None
    if answer is not None:
        # Their own of each answer.
        for name in ("decision_id", "instance"):
            answer.pop(name, None)
    return response.status_code, response.headers.get("content-type", ""), answer


@given(requests())
@settings(max_examples=100, deadline=None)
def test_both_answer_the_same(twins: Twins, asked: tuple[str, str]) -> None:
    thin, documented = (told(each.request(*asked)) for each in twins)
    assert thin == documented


def test_both_see_what_was_rejected_since(twins: Twins) -> None:
    event = {"event_id": "r1", "type": "reject", "customer_id": "cleo", "product_id": "p6"}
    before = told(twins[0].get("/v1/customers/cleo/next-best-offer"))
    for each in twins:
        assert each.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    thin, documented = (told(each.get("/v1/customers/cleo/next-best-offer")) for each in twins)
    assert thin == documented != before


def test_only_keys_of_storefronts_may_ask(shop: Any, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {scope: create_key(path, scope, [scope]) for scope in ("retention", "storefront")}
    url = "/v1/customers/ada/next-best-offer"
    with replace(shop, keys=load_keys(path)).open() as client:
        statuses = {
            scope: client.get(url, headers={"Authorization": f"Bearer {key}"}).status_code
            for scope, key in keys.items()
        }
        assert client.get(url).status_code == 401
    assert statuses == {"retention": 403, "storefront": 200}
