"""An order that came after the bundle was made shows at once, and its peers speak for the churn."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from serving.catalogue import Catalogue, open_catalogue
from serving.customers.ordered_since import RecentBuyers, new_orders, ordered_since
from serving.products.shoppers import Shopper

DAY = 20_606  # 2 June 2026


def buy(client: Any, customer_id: str, *product_ids: str, order_id: str = "o1") -> None:
    bought = {"type": "purchase", "customer_id": customer_id, "order_id": order_id}
    bought |= {"ts": "2026-06-02T09:00:00Z"}
    events = [bought | {"product_id": product_id} for product_id in product_ids]
    assert client.post("/v1/events", json={"events": events}).status_code == 200


def test_an_order_shows_in_the_profile_and_the_scores_say_that_they_do_not_know_it(
    client: Any,
) -> None:
    before = client.get("/v1/customers/ben").json()
    assert before["ordered_since"] is None
    buy(client, "ben", "p0", "p1")
    after = client.get("/v1/customers/ben").json()
    assert after["ordered_since"] == {
        "orders": 1,
        "last_on": "2026-06-02",
        "peers_churn_probability": None,
        "peers": 0,
    }
    assert after["churn_probability"] == before["churn_probability"], "the score of as_of"


def test_the_churn_list_marks_who_ordered_since(client: Any) -> None:
    buy(client, "ben", "p0")
    rows = {row["customer_id"]: row for row in client.get("/v1/churn").json()["items"]}
    marked = {name: row["ordered_since_on"] for name, row in rows.items()}
    assert marked.pop("ben") == "2026-06-02"
    assert set(marked.values()) == {None}
    text = client.get("/v1/churn", headers={"accept": "text/csv"}).text
    assert {
        row["customer_id"]: row["ordered_since_on"] for row in csv.DictReader(io.StringIO(text))
    } == {"ben": "2026-06-02"} | dict.fromkeys(marked, "")


def test_lines_of_one_order_are_one_order() -> None:
    shopper = Shopper(purchases={"p0": {"o1": DAY}, "p1": {"o1": DAY, "o2": DAY - 3}})
    assert new_orders(shopper) == (2, DAY)
    assert new_orders(Shopper()) == (0, 0)


@pytest.fixture
def crowd(tiny_bundle: Callable[..., Any], bundle_of: Callable[[Any], Any]) -> Catalogue:
    """Forty who had just ordered for the second time, forty long ago, and one who may order."""
    tiny = tiny_bundle()
    churn = np.r_[np.full(40, 0.25), np.full(40, 0.75), 0.9]
    ids = [f"c{number:02}" for number in range(81)]
    customers = pa.table(
        {
            "customer_id": ids,
            "churn_probability": churn,
            "days_since_last_order": [*[3] * 40, *[200] * 40, 300],
            "orders": [*[2] * 80, 1],
        }
    )
    nothing = tiny.candidates.from_rows(
        [{} for _ in ids], {name: part.dtype for name, part in tiny.candidates.values.items()}
    )
    bought = tiny.bought.from_rows(
        [{} for _ in ids], {name: part.dtype for name, part in tiny.bought.values.items()}
    )
    vectors = pa.table({"customer_id": ids})
    made = replace(tiny, customers=customers, vectors=vectors, candidates=nothing, bought=bought)
    return open_catalogue(bundle_of(made))


def test_peers_have_as_many_orders_and_ordered_as_lately(crowd: Catalogue) -> None:
    recent = RecentBuyers(crowd)
    news = ordered_since(recent, 80, Shopper(purchases={"p0": {"o1": DAY}}))
    assert news is not None
    assert (news.orders, news.peers_churn_probability, news.peers) == (1, 0.25, 40)
    # With three orders more there is nobody to compare with.
    orders = {f"o{number}": DAY for number in range(3)}
    alone = ordered_since(recent, 80, Shopper(purchases={"p0": orders}))
    assert alone is not None
    assert (alone.orders, alone.peers_churn_probability, alone.peers) == (3, None, 0)
    assert ordered_since(recent, 80, Shopper()) is None


def test_any_bundle_has_recent_buyers_or_none(random_catalogues: list[Catalogue]) -> None:
    for catalogue in random_catalogues:
        recent = RecentBuyers(catalogue)
        for customer in range(catalogue.bundle.customers.num_rows):
            assert recent.churn_probability(customer, 1) == (None, 0)
