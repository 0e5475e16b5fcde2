"""The churn list and the customer's page."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle.schema import RFM_SEGMENTS, STAGES, TIERS
from serving.catalogue import Catalogue, open_catalogue
from serving.customers.churn_list import ChurnQuery, CustomersAtRisk, StaleCursorError
from serving.customers.ordered_since import RecentBuyers
from serving.customers.profile import customer_profile
from serving.products.shoppers import Shopper
from tests.serving.example_bundles import random_bundle


def listed(reader: Any, query: str = "") -> list[str]:
    answer = reader.get(f"/v1/churn?{query}").json()
    return [item["customer_id"] for item in answer["items"]]


def test_what_is_most_at_stake_comes_first_and_nulls_last(reader: Any) -> None:
    assert listed(reader) == ["ben", "ada", "cleo", "dan", "änne", "eve"]
    assert listed(reader, "sort=churn_probability") == ["ben", "cleo", "dan", "ada", "änne", "eve"]
    assert listed(reader, "sort=clv_predicted") == ["änne", "ada", "cleo", "dan", "ben", "eve"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("min_probability=0.5", ["ben", "cleo", "dan"]),
        ("tier=rest", ["ben", "dan"]),
        ("stage=cooling", ["cleo", "dan"]),
        ("segment=loyal", ["ada", "cleo"]),
        ("tier=rest&stage=cooling", ["dan"]),
        ("tier=top_1", []),
        ("segment=at_risk", ["ben"]),
    ],
)
def test_filters_narrow_the_list(reader: Any, query: str, expected: list[str]) -> None:
    assert listed(reader, query) == expected


@pytest.mark.parametrize(
    ("query", "allowed"),
    [("tier=gold", TIERS), ("stage=at risk", STAGES), ("segment=vip", RFM_SEGMENTS)],
)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_an_unknown_name_is_refused_with_those_that_there_are(
    reader: Any, query: str, allowed: tuple[str, ...], accept: str
) -> None:
    response = reader.get(f"/v1/churn?{query}", headers={"accept": accept})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["path"] == f"query.{query.partition('=')[0]}"
    assert all(f"'{name}'" in error["detail"] for name in allowed)


def test_the_names_are_documented(reader: Any) -> None:
    parameters = reader.get("/openapi.json").json()["paths"]["/v1/churn"]["get"]["parameters"]
    named = {
        each["name"]: option["enum"]
        for each in parameters
        for option in each["schema"].get("anyOf", [])
        if "enum" in option
    }
    assert named == {"tier": [*TIERS], "stage": [*STAGES], "segment": [*RFM_SEGMENTS]}


def test_the_list_says_what_its_numbers_mean(reader: Any) -> None:
    answer = reader.get("/v1/churn?limit=1").json()
    assert answer["model_version"] == "v1"
    assert answer["as_of"] == "2026-06-01"
    assert answer["definition"] == {
        "churn_horizon_days": 90,
        "value_horizon_days": 365,
        "value_basis": "learned",
        "population": "customers with an order in the last 365 days",
        "currency": "EUR",
        "discount_rate_per_year": 0.1,
        "margin_assumed": None,
    }


def test_pages_show_every_customer_once(reader: Any) -> None:
    seen, cursor = [], None
    while True:
        query = "limit=2&min_probability=0.1" + (f"&cursor={cursor}" if cursor else "")
        page = reader.get(f"/v1/churn?{query}").json()
        assert len(page["items"]) <= 2
        seen += [item["customer_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["ben", "ada", "cleo", "dan", "änne"]


@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 5),
    limit=st.integers(1, 7),
    least=st.none() | st.floats(0, 1),
    tier=st.sampled_from([None, "top_1", "rest"]),
)
def test_pages_put_together_are_the_sorted_list(
    random_catalogues: list[Catalogue],
    place: int,
    limit: int,
    least: float | None,
    tier: str | None,
) -> None:
    catalogue = random_catalogues[place]
    churn, query = CustomersAtRisk(catalogue), ChurnQuery(min_probability=least, tier=tier)
    rows, cursor = churn.page(query, limit, None)
    while cursor is not None:
        assert len(rows) % limit == 0
        more, cursor = churn.page(query, limit, cursor)
        assert more
        rows += more
    wanted = [
        row
        for row in catalogue.bundle.customers.to_pylist()
        if (least is None or row["churn_probability"] >= least) and tier in (None, row["tier"])
    ]
    wanted.sort(key=lambda row: (-row["value_at_risk"], row["customer_id"]))
    assert [row.customer_id for row in rows] == [row["customer_id"] for row in wanted]
    assert [row for block in churn.blocks(query) for row in block] == rows


def test_a_page_may_end_where_a_block_of_customers_does(bundle_of: Callable[..., Any]) -> None:
    """Customers are looked through some thousands at a time; 8,192 are the first of them."""
    churn = CustomersAtRisk(open_catalogue(bundle_of(random_bundle(1, 8_200, 1))))
    first, cursor = churn.page(ChurnQuery(), 8_192, None)
    assert cursor is not None
    last, end = churn.page(ChurnQuery(), 8_192, cursor)
    assert (len(first), len(last), end) == (8_192, 8, None)
    assert [row for block in churn.blocks(ChurnQuery()) for row in block] == first + last


@pytest.mark.parametrize("place", [-1, 1.5, "1", None])
def test_a_cursor_that_somebody_changed_is_refused(reader: Any, place: Any) -> None:
    cursor = reader.get("/v1/churn?limit=2").json()["next_cursor"]
    fingerprint, _ = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    changed = base64.urlsafe_b64encode(json.dumps([fingerprint, place]).encode()).decode()
    assert reader.get(f"/v1/churn?limit=2&cursor={changed}").status_code == 422


def test_a_cursor_of_another_list_is_refused(tiny: Catalogue, reader: Any) -> None:
    churn = CustomersAtRisk(tiny)
    _, cursor = churn.page(ChurnQuery(), 2, None)
    with pytest.raises(StaleCursorError):
        churn.page(ChurnQuery(tier="rest"), 2, cursor)
    for wrong in ("nonsense", "%F0%9F", cursor):
        response = reader.get(f"/v1/churn?tier=rest&cursor={wrong}")
        assert response.status_code == 422
        assert response.json()["errors"][0]["path"] == "query.cursor"
        assert "Begin again" in response.json()["detail"]


def test_a_cursor_does_not_outlive_its_bundle(client: Any, shop: Any) -> None:
    cursor = client.get("/v1/churn?limit=2").json()["next_cursor"]
    assert client.get(f"/v1/churn?limit=2&cursor={cursor}").status_code == 200
    shop.publish("v2")
    client.post("/v1/models/reload")
    assert client.get(f"/v1/churn?limit=2&cursor={cursor}").status_code == 422


def test_csv_has_the_whole_list_and_its_meaning(reader: Any) -> None:
    response = reader.get("/v1/churn?limit=1&min_probability=0.5", headers={"accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["customer_id"] for row in rows] == ["ben", "cleo", "dan"]
    assert rows[0]["value_at_risk"] == "90.0"
    assert {row["as_of"] for row in rows} == {"2026-06-01"}
    assert {row["churn_horizon_days"] for row in rows} == {"90"}
    assert {row["currency"] for row in rows} == {"EUR"}
    empty = reader.get("/v1/churn?tier=top_1", headers={"accept": "text/csv"})
    assert len(empty.text.splitlines()) == 1, "the header alone"


def test_a_customer_is_shown_with_scores_drivers_vector_and_history(reader: Any) -> None:
    ada = reader.get("/v1/customers/ada").json()
    assert ada["churn_probability"] == 0.2
    assert ada["p_alive"] == 0.9
    assert (ada["clv_simple"], ada["clv_historic"], ada["clv_predicted"]) == (500, 300, 200)
    assert (ada["tier"], ada["stage"], ada["orders"]) == ("top_25", "active", 12)
    assert ada["drivers"][0]["feature"] == "recency_days"
    assert ada["vector"] == {"nps": 9.0}
    assert [bought["product_id"] for bought in ada["history"]] == ["p0", "p1"]
    assert ada["definition"]["currency"] == "EUR"


def test_history_has_fifty_products_the_latest_first_then_the_most_bought_then_by_id(
    random_catalogues: list[Catalogue],
) -> None:
    catalogue = random_catalogues[5]
    shopper = Shopper()
    for number in range(60):
        shopper.purchases[f"p{number:03}"] = {f"o{number}": 20_700 + number // 20}
    shopper.purchases["p050"]["again"] = 20_702
    profile = customer_profile(catalogue, RecentBuyers(catalogue), shopper, "c0000")
    assert profile is not None
    latest = ["p050", *(f"p{number:03}" for number in range(40, 60) if number != 50)]
    assert [bought.product_id for bought in profile.history][:20] == latest
    assert len(profile.history) == 50


def test_what_is_not_known_of_a_customer_is_null(reader: Any) -> None:
    eve = reader.get("/v1/customers/eve").json()
    assert eve["churn_probability"] is None
    assert eve["tier"] is None
    assert eve["drivers"] == []
    assert eve["vector"]["nps"] is None


def test_scores_of_an_unknown_customer_are_404(reader: Any) -> None:
    response = reader.get("/v1/customers/nobody")
    assert response.status_code == 404
    assert "check the id" in response.json()["detail"]
    assert reader.get("/v1/customers/änne").json()["orders"] == 20
