"""The answer cache: entries within a bound, and only for as long as they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer_cache import AnswerCache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3_000)), max_size=60))
def test_what_is_kept_is_right_and_never_more_than_allowed(asked: list[tuple[int, int]]) -> None:
    cache: AnswerCache[str] = AnswerCache(most_bytes=6_000)
    sizes: dict[int, int] = {}
    for key, size in asked:
        found = cache.get(key)
        assert found in (None, f"value of {key}")
        if found is None:
            cache.put(key, f"value of {key}", size)
            sizes[key] = size
        held = [other for other in sizes if cache.get(other) is not None]
        assert sum(sizes[other] for other in held) <= 6_000
        assert len(held) == len(cache)


def test_the_least_recently_used_is_dropped_first() -> None:
    cache: AnswerCache[str] = AnswerCache(most_bytes=4_000)
    cache.put("a", "A", 1_000)
    cache.put("b", "B", 1_000)
    assert cache.get("a") == "A"
    cache.put("c", "C", 1_000)
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_who_asks_for_everything_once_drives_out_nothing_that_is_asked_for_again() -> None:
    cache: AnswerCache[int] = AnswerCache(most_bytes=20_000)
    for often in range(10):
        cache.put(often, often, 500)
        assert cache.get(often) == often
    for once in range(100, 1_100):
        assert cache.get(once) is None
        cache.put(once, once, 500)
    assert [cache.get(often) for often in range(10)] == list(range(10))


def test_the_least_recently_used_entries_are_dropped() -> None:
    cache: AnswerCache[int] = AnswerCache(most_bytes=20_000)
    for key in range(100):
        cache.put(key, key, 500)
        assert cache.get(key) == key
    assert [key for key in range(100) if cache.get(key) is not None] == list(range(80, 100))


@pytest.mark.parametrize("asked_between", [False, True])
def test_equal_requests_answered_side_by_side_leave_one_entry(asked_between: bool) -> None:
    cache: AnswerCache[str] = AnswerCache(most_bytes=6_000)
    for key in range(50):
        cache.put(key, "first", 1_000)
        if asked_between:
            assert cache.get(key) == "first"
        cache.put(key, "second", 1_000)
        assert cache.get(key) == "first"
    assert len(cache) == 4


@pytest.mark.parametrize("url", [
    "/v1/customers/ada/recommendations?n=3",
    "/v1/customers/nobody/recommendations?n=3",
    "/v1/products/p0/cross-sell?n=3",
])  # fmt: skip
def test_asked_again_the_answer_is_the_same_under_another_id(client: Any, url: str) -> None:
    first, second = (client.get(url).json() for _ in range(2))
    assert first.pop("recommendation_id") != second.pop("recommendation_id")
    assert first == second


@pytest.mark.parametrize("other", [
    "n=4", "n=3&explain=false", "n=3&include_bought=false", "n=3&exclude=p1", "n=3&category=food",
])  # fmt: skip
def test_another_question_is_not_answered_with_what_was_kept(
    client: Any, shop: Any, other: str
) -> None:
    url = "/v1/customers/ada/recommendations"
    client.get(f"{url}?n=3")
    answer = client.get(f"{url}?{other}").json()["items"]
    with shop.open() as fresh:
        assert fresh.get(f"{url}?{other}").json()["items"] == answer


@pytest.mark.parametrize("other", [
    {"items": ["p0", "p1"]}, {"items": ["p1"]}, {"filter": {"max_price": 5}}, {"diversity": 1},
    {"customer_id": "ada"}, {"exclude": ["p5"]}, {"n": 2},
])  # fmt: skip
def test_nor_is_another_cart(client: Any, shop: Any, other: dict[str, Any]) -> None:
    one = {"items": ["p0"], "n": 5}
    asked = {
        "/v1/cross-sell": (one, one | other),
        "/v1/recommendations": (visit(one), visit(one | other)),
    }
    with shop.open() as fresh:
        for url, (before, then) in asked.items():
            client.post(url, json=before)
            answer = client.post(url, json=then).json()["items"]
            assert fresh.post(url, json=then).json()["items"] == answer


def visit(cart: dict[str, Any]) -> dict[str, Any]:
    """Return the same as items of a visit, for whom to recommend is asked."""
    return {"session_items" if name == "items" else name: value for name, value in cart.items()}


def test_what_a_shopper_does_counts_although_an_answer_was_kept(client: Any) -> None:
    url = "/v1/customers/ada/recommendations?n=3"
    (first, *_) = client.get(url).json()["items"]
    reject = {"type": "reject", "customer_id": "ada", "product_id": first["product_id"]}
    client.post("/v1/events", json={"events": [reject]})
    left = [item["product_id"] for item in client.get(url).json()["items"]]
    assert first["product_id"] not in left


def test_a_cached_profile_shows_an_order_since(client: Any) -> None:
    assert client.get("/v1/customers/ada").json()["ordered_since"] is None
    order = {"type": "purchase", "customer_id": "ada", "product_id": "p0", "order_id": "new"}
    client.post("/v1/events", json={"events": [order]})
    assert client.get("/v1/customers/ada").json()["ordered_since"]["orders"] == 1
