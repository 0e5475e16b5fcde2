"""Recommendations over HTTP, on a bundle small enough to check by hand."""

from __future__ import annotations

from typing import Any

import pytest


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in answer["items"]]


def reasons(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {item["product_id"]: [r["text"] for r in item["reasons"]] for item in answer["items"]}


def test_candidates_come_best_first_without_what_cannot_be_sold(reader: Any) -> None:
    answer = reader.get("/v1/customers/ada/recommendations?n=3").json()
    # p2 is out of stock; p0 and p1 tie, and p0 is popular.
    assert ids(answer) == ["p3", "p0", "p1"]
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    assert [item["score"] for item in answer["items"]] == [0.9, 0.7, 0.7]
    assert answer["fallback"] is None
    assert answer["shortfall"] is None
    assert answer["model_version"] == "v1"
    assert answer["as_of"] == "2026-06-01"
    assert answer["recommendation_id"]


def test_short_rows_are_filled_with_popular_products_then_the_catalogue(reader: Any) -> None:
    answer = reader.get("/v1/customers/ada/recommendations?n=6").json()
    assert ids(answer) == ["p3", "p0", "p1", "p6", "p5", "p7"]
    sources = [item["source"] for item in answer["items"]]
    assert sources == ["personal"] * 3 + ["popular"] + ["catalogue"] * 2
    assert answer["shortfall"] is None


def test_reasons_say_what_the_bundle_knows(reader: Any) -> None:
    answer = reader.get("/v1/customers/ada/recommendations?n=5").json()
    assert reasons(answer) == {
        "p3": ["customers who bought Butter bought this too"],
        "p0": ["you buy this about every 30 days; last on 3 May 2026"],
        "p1": ["you bought this on 30 April 2026"],
        "p6": ["popular now"],
        "p5": ["from the catalogue"],
    }
    quiet = reader.get("/v1/customers/ada/recommendations?n=5&explain=false").json()
    assert ids(quiet) == ids(answer)
    assert all(item["reasons"] == [] for item in quiet["items"])


def test_an_unknown_customer_is_served_what_new_customers_buy(reader: Any) -> None:
    response = reader.get("/v1/customers/nobody/recommendations?n=4")
    assert response.status_code == 200
    answer = response.json()
    assert ids(answer) == ["p6", "p0", "p3", "p1"]
    assert [item["source"] for item in answer["items"]] == ["newcomers"] * 3 + ["catalogue"]
    assert reasons(answer) == {
        "p6": ["popular among new customers: in 30 % of first orders"],
        "p0": ["popular among new customers: in 10 % of first orders"],
        "p3": ["popular now"],
        "p1": ["from the catalogue"],
    }
    assert answer["fallback"] == "new_customer"


def test_what_is_known_of_a_new_customer_counts(reader: Any) -> None:
    body = {"customer_id": "nobody", "n": 3, "context": {"acquisition_channel": "search"}}
    assert ids(reader.post("/v1/recommendations", json=body).json()) == ["p5", "p6", "p0"]
    body["context"] = {"acquisition_channel": "billboard"}
    assert ids(reader.post("/v1/recommendations", json=body).json()) == ["p6", "p0", "p3"]


@pytest.mark.parametrize(
    ("customer", "why"),
    [("dan", "all candidates are out of stock or retired"), ("änne", "has no candidates")],
)
def test_a_customer_without_candidates_left_falls_back(
    reader: Any, customer: str, why: str
) -> None:
    answer = reader.get(f"/v1/customers/{customer}/recommendations?n=2").json()
    assert answer["fallback"] == "no_candidates", why
    assert ids(answer) == ["p6", "p0"]


def test_filters_narrow_and_the_shortfall_says_so(reader: Any) -> None:
    answer = reader.get("/v1/customers/ada/recommendations?n=4&category=home").json()
    assert ids(answer) == ["p3", "p5"]
    assert answer["shortfall"]["missing"] == 2
    assert answer["shortfall"]["reason"] == "filter"
    excluded = reader.get("/v1/customers/ada/recommendations?n=2&exclude=p3&exclude=p1").json()
    assert ids(excluded) == ["p0", "p6"]


def test_the_shortfall_distinguishes_stock_from_catalogue(reader: Any) -> None:
    stock = reader.get("/v1/customers/ada/recommendations?n=7").json()["shortfall"]
    assert (stock["missing"], stock["reason"]) == (1, "stock")
    small = reader.get("/v1/customers/ada/recommendations?n=9").json()["shortfall"]
    assert (small["missing"], small["reason"]) == (3, "catalogue")


def test_what_was_bought_can_be_left_out(reader: Any) -> None:
    answer = reader.get("/v1/customers/ada/recommendations?n=2&include_bought=false").json()
    assert ids(answer) == ["p3", "p6"]


def test_price_bounds_are_inclusive_and_unknown_prices_fit_none(reader: Any) -> None:
    body = {"customer_id": "ben", "n": 8, "filter": {"min_price": 5, "max_price": 40}}
    answer = reader.post("/v1/recommendations", json=body).json()
    assert ids(answer) == ["p6", "p3", "p5"]
    assert "p7" not in ids(answer)


def test_an_anonymous_visit_is_served_by_what_goes_with_its_items(reader: Any) -> None:
    body = {"session_items": ["p3", "p-unknown"], "n": 3}
    answer = reader.post("/v1/recommendations", json=body).json()
    # p4 is a neighbour of p3 too, but retired.
    assert ids(answer) == ["p5", "p6", "p0"]
    assert answer["unknown_items"] == ["p-unknown"]
    assert answer["fallback"] is None
    assert reasons(answer)["p5"] == ["bought together with Kettle in 25 % of baskets"]


def test_an_anonymous_visit_without_items_gets_what_first_orders_hold(reader: Any) -> None:
    answer = reader.post("/v1/recommendations", json={"n": 2}).json()
    assert ids(answer) == ["p6", "p0"]
    assert answer["fallback"] == "anonymous"


def test_visit_and_past_are_blended(reader: Any) -> None:
    # cleo's candidates are p6 (0.9) and p5 (0.2); p0's neighbours p1 (2.0), p2, p6 (0.5).
    body = {"customer_id": "cleo", "session_items": ["p0"], "n": 3}
    answer = reader.post("/v1/recommendations", json=body).json()
    scores = {item["product_id"]: item["score"] for item in answer["items"]}
    # One product in the cart weighs 0.6, so the visit has 0.6 / 1.6 of the say.
    say = 0.375
    past = 1 - say
    assert scores == pytest.approx(
        {"p6": past + say * 0.25, "p1": say, "p5": past * 0.2 / 0.9}, rel=1e-5
    )
    assert ids(answer) == ["p6", "p1", "p5"]
    assert reasons(answer)["p6"] == ["bought together with Bread in 0.4 % of baskets"]


def test_a_batch_answers_each_customer_as_if_alone(reader: Any) -> None:
    asked = ["ben", "nobody", "ada", *["cleo"] * 40]
    batch = reader.post("/v1/recommendations", json={"customers": asked, "n": 4}).json()["results"]
    assert [answer["customer_id"] for answer in batch] == asked
    for customer, answer in zip(asked[:4], batch, strict=False):
        alone = reader.get(f"/v1/customers/{customer}/recommendations?n=4").json()
        assert answer["items"] == alone["items"]
        assert answer["fallback"] == alone["fallback"]
    assert len({answer["recommendation_id"] for answer in batch}) == len(asked)


def test_the_same_question_has_the_same_answer(reader: Any) -> None:
    first, second = (reader.get("/v1/customers/ada/recommendations").json() for _ in range(2))
    assert first.pop("recommendation_id") != second.pop("recommendation_id")
    assert first == second


def test_a_cart_is_completed(reader: Any) -> None:
    # p0 goes with p1 (2.0), p2, p6 (0.5); p3 with p5 (3.0), p6 (2.0), p4.
    answer = reader.post("/v1/cross-sell", json={"items": ["p0", "p3"], "n": 4}).json()
    assert ids(answer) == ["p5", "p6", "p1", "p7"]
    assert [item["score"] for item in answer["items"]] == [3.0, 2.5, 2.0, 0.0]
    assert reasons(answer)["p6"] == ["bought together with Kettle in 20 % of baskets"]
    assert reasons(answer)["p1"] == ["bought together with Bread in 41 % of baskets"]


def test_unknown_items_of_a_cart_are_named_and_the_rest_is_served(reader: Any) -> None:
    answer = reader.post("/v1/cross-sell", json={"items": ["p1", "x", "y"], "n": 1}).json()
    assert ids(answer) == ["p0"]
    assert answer["unknown_items"] == ["x", "y"]
    assert answer["fallback"] is None


@pytest.mark.parametrize(
    ("items", "fallback"), [(["x"], "unknown_items"), (["p2"], "no_neighbours")]
)
def test_a_cart_without_neighbours_gets_popular_products(
    reader: Any, items: list[str], fallback: str
) -> None:
    answer = reader.post("/v1/cross-sell", json={"items": items, "n": 2}).json()
    assert ids(answer) == ["p6", "p0"]
    assert answer["fallback"] == fallback


def test_a_product_page_equals_a_cart_of_one(reader: Any) -> None:
    page = reader.get("/v1/products/p3/cross-sell?n=3").json()
    cart = reader.post("/v1/cross-sell", json={"items": ["p3"], "n": 3}).json()
    assert page["items"] == cart["items"]
    assert ids(page) == ["p5", "p6", "p0"]
    assert reader.get("/v1/products/x/cross-sell").json()["unknown_items"] == ["x"]


def test_a_cart_heeds_its_customer_and_filter(reader: Any) -> None:
    body = {"items": ["p3"], "customer_id": "eve", "include_bought": False, "n": 1}
    assert ids(reader.post("/v1/cross-sell", json=body).json()) == ["p6"]
    cheap = {"items": ["p3"], "filter": {"max_price": 5}, "n": 1}
    assert ids(reader.post("/v1/cross-sell", json=cheap).json()) == ["p6"]


def test_diversity_puts_what_is_unlike_first(reader: Any) -> None:
    # Of ada's p3 (home), p0, p1, p6 (food), p5 (home) and p7 (unknown).
    def shown(diversity: float) -> list[str]:
        url = f"/v1/customers/ada/recommendations?n=3&diversity={diversity}"
        return ids(reader.get(url).json())

    assert shown(0) == ["p3", "p0", "p1"]
    assert shown(1) == ["p3", "p0", "p7"]
    body = {"customer_id": "ada", "n": 3, "diversity": 1}
    assert ids(reader.post("/v1/recommendations", json=body).json()) == shown(1)
    assert reader.get("/v1/customers/ada/recommendations?diversity=1.1").status_code == 422


def test_a_customers_habits_count_beside_the_cart(reader: Any) -> None:
    # p3 goes with p5 (3.0) and p6 (2.0); änne buys nothing but tea, ada bread and once butter.
    cart = {"items": ["p3"], "n": 3}
    assert ids(reader.post("/v1/cross-sell", json=cart).json()) == ["p5", "p6", "p0"]
    anne = reader.post("/v1/cross-sell", json=cart | {"customer_id": "änne"}).json()
    scores = {item["product_id"]: item["score"] for item in anne["items"]}
    assert scores["p6"] == pytest.approx(0.75 * 2 / 3 + 0.25)
    assert scores["p5"] == pytest.approx(0.75)
    ada = reader.post("/v1/cross-sell", json=cart | {"customer_id": "ada"}).json()
    assert ids(ada) == ["p5", "p6", "p0"]
    assert reasons(ada)["p0"] == ["you buy this about every 30 days; last on 3 May 2026"]


def test_what_replaces_an_item_of_the_cart_does_not_complete_it(reader: Any) -> None:
    assert ids(reader.post("/v1/cross-sell", json={"items": ["p5"], "n": 1}).json()) == ["p6"]
    # p7 replaces p6, so that nothing scored is left.
    both = reader.post("/v1/cross-sell", json={"items": ["p5", "p7"], "n": 3}).json()
    assert both["items"][0]["source"] != "together"
    assert both["fallback"] == "no_neighbours"


def test_a_product_page_can_be_narrowed(reader: Any) -> None:
    url = "/v1/products/p3/cross-sell?n=2&category=food"
    assert ids(reader.get(url).json()) == ["p6", "p0"]
    left = reader.get("/v1/products/p3/cross-sell?n=1&customer_id=eve&include_bought=false")
    assert ids(left.json()) == ["p6"]
