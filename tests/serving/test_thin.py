"""The thin routes answer exactly as the documented routes do, errors included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http.requests import CrossSellQuery
from serving.http.thin import ThinRoutes, queried

Ask = tuple[str, str, bytes | None, dict[str, str]]
Twins = Callable[[Ask], tuple[Any, Any]]

IDS = st.sampled_from(["ada", "ben", "änne", "nobody", "a b", "p0", "p3", "p9", "x" * 201])
NUMBERS = st.sampled_from(["1", "3", "100", "0", "101", "many", "", "2.0", " 4 ", "1e1"])
FLAGS = st.sampled_from(["true", "false", "0", "1", "maybe", "", "yes"])
WORDS = st.sampled_from(["food", "home", "nothing", ""])
PARAMETERS = {
    "n": NUMBERS,
    "scenario": st.sampled_from(["home", "email", "moon"]),
    "category": WORDS,
    "exclude": IDS,
    "include_bought": FLAGS,
    "diversity": st.sampled_from(["0", "0.4", "1", "1.5", "-0", "much", ""]),
    "explain": FLAGS,
    "customer_id": IDS,
    "surprise": WORDS,
}


@st.composite
def queries(draw: st.DrawFn) -> Ask:
    kind, what = draw(
        st.sampled_from([("customers", "recommendations"), ("products", "cross-sell")])
    )
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=4))
    given = "&".join(f"{name}={quote(draw(PARAMETERS[name]))}" for name in names)
    return "GET", f"/v1/{kind}/{quote(draw(IDS))}/{what}?{given}", None, {}


VALUES = st.sampled_from([None, 1, 5, 0, 10**30, 0.5, "p0", ["p0", "p3"], [], True, {"a": 1}])


SHARED = ["n", "customer_id", "session_id", "exclude", "filter", "context", "diversity", "x"]
POSTS = {
    "/v1/cross-sell": ({"items": ["p0"]}, ["items", *SHARED]),
    "/v1/recommendations": ({}, ["session_items", "customers", *SHARED]),
}


@st.composite
def bodies(draw: st.DrawFn) -> Ask:
    path = draw(st.sampled_from(sorted(POSTS)))
    usual, names = POSTS[path]
    fields = draw(st.dictionaries(st.sampled_from(names), VALUES))
    body = draw(
        st.sampled_from([b"", b"{", b'{"items": ["p0"], "n": NaN}', b'{"items": ["p0", "p1"]}'])
        | st.just({**usual, **fields}).map(lambda sent: json.dumps(sent).encode())
    )
    kind = draw(
        st.sampled_from(["application/json", "Application/JSON; charset=utf-8", "text/plain"])
    )
    return "POST", path, body, {"content-type": kind}


EVENTS = [
    {"type": "search", "event_id": "e0", "customer_id": "ben", "query": "mug"},
    {"type": "view", "event_id": "e1", "customer_id": "ada", "product_id": "p1"},
    {"type": "view", "event_id": "e2", "customer_id": "ada", "product_id": "p1"},
    {"type": "view", "event_id": "e3"},
    {"type": "dance", "event_id": "e4", "customer_id": "ada"},
    "no event",
]


@st.composite
def batches(draw: st.DrawFn) -> Ask:
    sent = {"events": draw(st.lists(st.sampled_from(EVENTS), max_size=4))}
    return "POST", "/v1/events", json.dumps(sent).encode(), {"content-type": "application/json"}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, open_shop: Any) -> Iterator[Twins]:
    """Ask the same of a server with thin routes and of one without."""
    with ExitStack() as stack:

        def opened(without: bool) -> Any:
            def change(app: Any) -> None:
                kept = [each for each in app.user_middleware if each.cls is not ThinRoutes]
                assert len(kept) == len(app.user_middleware) - 1
                app.user_middleware = kept if without else app.user_middleware

            return stack.enter_context(open_shop(tmp_path_factory.mktemp("twin"), change))

        thin, documented = opened(without=False), opened(without=True)

        def ask(what: Ask) -> tuple[Any, Any]:
            method, url, body, headers = what
            asked = {"content": body, "headers": headers}
            return tuple(each.request(method, url, **asked) for each in (thin, documented))

        yield ask


def told(response: Any) -> tuple[int, str, Any]:
    answer = response.json()
    # Their own of each answer.
    for name in ("recommendation_id", "instance"):
        answer.pop(name, None)
    return response.status_code, response.headers["content-type"], answer


@settings(max_examples=150)
@given(st.one_of(queries(), bodies(), batches()))
def test_twins_agree(twins: Twins, what: Ask) -> None:
    thin, documented = map(told, twins(what))
    assert thin == documented


def test_a_body_past_the_limit_is_refused_by_both(twins: Twins) -> None:
    body = b'{"items": ["' + b"p" * 3_000_000 + b'"]}'
    headers = {"content-type": "application/json"}
    thin, documented = map(told, twins(("POST", "/v1/cross-sell", body, headers)))
    assert thin == documented
    assert thin[0] == 413


def test_queries_are_cached_unless_they_name_a_customer() -> None:
    frequent = b"n=5"
    assert queried(CrossSellQuery, frequent) is queried(CrossSellQuery, frequent)
    for personal in (b"n=5&customer_id=ada", b"n=5&customer%5Fid=ada"):
        once, again = (queried(CrossSellQuery, personal) for _ in range(2))
        assert once is not None
        assert once.customer_id == "ada"
        assert once == again
        assert once is not again
