"""An order that came after the bundle was made shows at once, and its peers speak for the churn."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from serving.catalogue import Catalogue, open_catalogue
from serving.customers.ordered_since import RecentBuyers, new_orders, ordered_since
from serving.customers.rescored import Rescored
from serving.products.shoppers import Shopper
from tests.serving.example_bundles import NOW

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
def crowd_of(
    tiny_bundle: Callable[..., Any], bundle_of: Callable[[Any], Any]
) -> Callable[..., Catalogue]:
    """Return a catalogue of so many customers with this score, last order and number of orders."""

    def made(*groups: tuple[int, float, int, int]) -> Catalogue:
        tiny = tiny_bundle()
        each = [group[1:] for group in groups for _ in range(group[0])]
        churn, days, orders = map(list, zip(*each, strict=True))
        ids = [f"c{number:05}" for number in range(len(each))]
        scores = {"churn_probability": churn, "days_since_last_order": days, "orders": orders}
        empty = {
            name: matrix.from_rows(
                [{} for _ in ids], {value: part.dtype for value, part in matrix.values.items()}
            )
            for name, matrix in (("candidates", tiny.candidates), ("bought", tiny.bought))
        }
        vectors = pa.table({"customer_id": ids})
        customers = pa.table({"customer_id": ids} | scores)
        return open_catalogue(
            bundle_of(replace(tiny, customers=customers, vectors=vectors, **empty))
        )

    return made


def test_peers_have_as_many_orders_and_ordered_as_lately(
    crowd_of: Callable[..., Catalogue],
) -> None:
    """Forty had just ordered for the second time, forty long ago; one may order."""
    recent = RecentBuyers(crowd_of((40, 0.25, 3, 2), (40, 0.75, 200, 2), (1, 0.9, 300, 1)))
    news = ordered_since(recent, 80, Shopper(purchases={"p0": {"o1": DAY}}))
    assert news is not None
    assert (news.orders, news.peers_churn_probability, news.peers) == (1, 0.25, 40)
    # With three orders more there is nobody to compare with.
    orders = {f"o{number}": DAY for number in range(3)}
    alone = ordered_since(recent, 80, Shopper(purchases={"p0": orders}))
    assert alone is not None
    assert (alone.orders, alone.peers_churn_probability, alone.peers) == (3, None, 0)
    assert ordered_since(recent, 80, Shopper()) is None


@pytest.mark.parametrize(
    ("peers", "days", "found"),
    [(30, 7, True), (29, 7, False), (30, 14, True), (30, 30, True), (30, 31, False)],
)
def test_peers_are_enough_and_ordered_within_a_month(
    crowd_of: Callable[..., Catalogue], peers: int, days: int, found: bool
) -> None:
    recent = RecentBuyers(crowd_of((peers, 0.25, days, 1)))
    assert recent.churn_probability(None, 1) == ((0.25, peers) if found else (None, 0))


def test_a_longer_span_is_looked_at_where_a_shorter_has_too_few(
    crowd_of: Callable[..., Catalogue],
) -> None:
    lately, earlier = (20, 0.25, 7, 1), (10, 0.75, 8, 1)
    recent = RecentBuyers(crowd_of(lately, earlier, (99, 0.9, 15, 1)))
    mean = (20 * 0.25 + 10 * 0.75) / 30
    assert recent.churn_probability(None, 1) == (pytest.approx(mean), 30)


def test_orders_are_grouped_and_those_that_new_scores_count_make_peers_too(
    crowd_of: Callable[..., Catalogue],
) -> None:
    """Groups begin with 1, 2, 3, 5, ... orders."""
    groups = ((30, 0.1, 3, 1), (30, 0.2, 3, 2), (30, 0.3, 3, 4), (30, 0.4, 3, 5), (1, 0.9, 99, 0))
    catalogue = crowd_of(*groups)
    recent = RecentBuyers(catalogue)
    of_orders = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.3, 5: 0.4, 9: 0.4}
    for orders, churn in of_orders.items():
        assert recent.churn_probability(None, orders) == (pytest.approx(churn), 30)
        assert recent.churn_probability(120, orders) == (pytest.approx(churn), 30)
    assert recent.churn_probability(None, 10) == (None, 0)
    rescored = Rescored("c00120", "v1", date(2026, 6, 3), NOW, "{}", "[]", '["o1"]')
    news = ordered_since(recent, 120, Shopper(purchases={"p0": {"o1": DAY, "o2": DAY}}), rescored)
    assert news is not None
    assert (news.orders, news.peers_churn_probability) == (1, pytest.approx(0.2))


def test_recent_buyers_are_those_of_all_blocks_of_customers(
    crowd_of: Callable[..., Catalogue],
) -> None:
    """Customers are read 65,536 at a time; who ordered lately stands at both sides of a seam."""
    recent = RecentBuyers(
        crowd_of((65_520, 0.9, 99, 1), (16, 0.25, 3, 1), (16, 0.75, 3, 1), (9, 0.9, 99, 1))
    )
    assert recent.churn_probability(None, 1) == (pytest.approx(0.5), 32)


def test_any_bundle_has_recent_buyers_or_none(random_catalogues: list[Catalogue]) -> None:
    for catalogue in random_catalogues:
        recent = RecentBuyers(catalogue)
        for customer in range(catalogue.bundle.customers.num_rows):
            assert recent.churn_probability(customer, 1) == (None, 0)
