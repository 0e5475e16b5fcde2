"""What a bundle says of products, counted again by hand."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.topk import tie_order
from training.recommend.newcomers import newcomer_lists
from training.recommend.product_rows import (
    basket_rows,
    bought_rows,
    candidate_rows,
    described,
    product_habits,
)

AS_OF = date(2026, 6, 1)
TODAY = AS_OF.toordinal() - date(1970, 1, 1).toordinal()

CATALOGUE = pd.DataFrame(
    {
        "product_id": ["beans", "bulb", "cup", "ground", "kettle", "pot"],
        "product_name": [
            "coffee beans", "light bulb", "cup", "ground coffee", "kettle", "steel kettle"
        ],
        "category": ["coffee", "home", "home", "coffee", "home", "home"],
        "price": [8.0, 2.0, 4.0, 7.0, 40.0, 45.0],
    }
)  # fmt: skip


def purchases(orders: list[tuple[str, int, list[str]]]) -> Interactions:
    """Code customer, days ago, and products of each order."""
    lines = [
        (customer, product, f"{number}", TODAY - ago)
        for number, (customer, ago, products) in enumerate(orders)
        for product in products
    ]
    customers, products, numbers, days = zip(*lines, strict=True)
    return Interactions.from_arrays(customers, products, numbers, days, AS_OF)


def wide(orders: list[tuple[str, int, list[str]]]) -> Interactions:
    codes = np.unique(CATALOGUE["category"], return_inverse=True)[1]
    among = purchases(orders).among(CATALOGUE["product_id"].to_numpy(dtype=str))
    return among.described(codes.astype(str), CATALOGUE["price"])


def regulars() -> list[tuple[str, int, list[str]]]:
    """Forty customers who buy beans and ground coffee in turns, beans with a cup."""
    orders = []
    for customer in range(40):
        for turn in range(6):
            held = ["beans", "cup"] if turn % 2 else ["ground", "kettle"]
            orders.append((f"c{customer:02}", 10 * turn + 5, held))
    return orders


def row(rows: Any, number: int, name: str) -> dict[str, float]:
    products = CATALOGUE["product_id"].tolist()
    span = rows.span(number)
    held = rows.values  # noqa: PD011  no frame
    entries = zip(rows.indices[span].tolist(), held[name][span].tolist(), strict=True)
    return {products[place]: value for place, value in entries}


@pytest.fixture(scope="module")
def baskets() -> Any:
    interactions = wide(regulars())
    content = described(CATALOGUE, tie_order(interactions.popularity()))
    return basket_rows(interactions, content, 20)


def test_support_is_the_share_of_baskets_that_hold_both(baskets: Any) -> None:
    orders = [*regulars(), *[(f"d{k}", 3, ["beans"]) for k in range(40)]]
    interactions = wide(orders)
    content = described(CATALOGUE, tie_order(interactions.popularity()))
    found = basket_rows(interactions, content, 20)
    # Beans are in 160 baskets, 120 of them with a cup; every cup comes with beans.
    assert row(found.cross_sell, 0, "support")["cup"] == pytest.approx(0.75)
    assert row(found.cross_sell, 2, "support")["beans"] == 1.0


def test_what_replaces_a_product_does_not_complete_it(baskets: Any) -> None:
    assert "ground" in row(baskets.substitutes, 0, "score")
    assert "ground" not in row(baskets.cross_sell, 0, "score")
    assert next(iter(row(baskets.cross_sell, 0, "score"))) == "cup"
    assert 0 <= baskets.habit <= 1


def test_a_product_that_nobody_bought_is_completed_like_those_described_like_it(
    baskets: Any,
) -> None:
    completed = row(baskets.cross_sell, 5, "support")
    assert next(iter(completed)) == "ground", "as the other kettle is"
    assert set(completed.values()) == {0.0}, "no basket ever held both"


def test_orders_of_one_product_each_teach_nothing_and_stop_nothing() -> None:
    interactions = wide([("ada", 3, ["beans"]), ("ben", 2, ["cup"])])
    found = basket_rows(interactions, described(CATALOGUE, np.arange(6)), 20)
    assert found.cross_sell.rows == found.substitutes.rows == 6


def test_usual_gaps_are_medians_of_days_between_purchases() -> None:
    orders = [("ada", ago, ["beans"]) for ago in (70, 40, 12, 12)] + [("ben", 9, ["cup"])]
    interactions = wide(orders)
    rows = bought_rows(interactions, np.array(["abe", "ada", "ben"]))
    assert rows.indptr.tolist() == [0, 0, 1, 2]
    values = {name: values.tolist() for name, values in rows.values.items()}  # noqa: PD011 no frame
    assert values == {
        "times": [4, 1],
        "last_day": [TODAY - 12, TODAY - 9],
        "usual_gap_days": [29.0, 0.0],
    }
    habits = product_habits(interactions)
    # Beans are bought again by their one buyer, the cup is not, and nobody bought the pot.
    assert habits["usual_gap_days"].fillna(-1).tolist() == [29, -1, -1, -1, -1, -1]
    assert habits["repeat_share"].fillna(-1).tolist() == [1, -1, 0, -1, -1, -1]


def test_candidates_name_what_accounts_for_them_in_the_catalogues_numbers() -> None:
    interactions = purchases([("ada", 9, ["cup"]), ("ben", 5, ["cup", "pot"])])
    scores = sparse.csr_matrix(np.array([[0.2, 0.9], [0.4, 0.0]], dtype=np.float32))
    model = SimpleNamespace(
        own_candidates=lambda _: (scores, scores * 0.5),
        blend_=SimpleNamespace(ties_=np.array([0, 1])),
    )
    place = np.searchsorted(CATALOGUE["product_id"].to_numpy(dtype=str), interactions.product_ids)
    rows = candidate_rows(model, interactions, np.array(["ada", "ben"]), place)  # type: ignore[arg-type]
    assert rows.indices.tolist() == [5, 2, 2]
    # Ben bought pot and cup, so that ada's cup accounts for the pot; her own needs no account.
    assert rows.values["because"].tolist() == [2, -1, -1]  # noqa: PD011 no frame
    assert rows.values["probability"].tolist() == pytest.approx([0.45, 0.1, 0.2])  # noqa: PD011


def newcomers(first: dict[str, list[str]]) -> tuple[Interactions, np.ndarray]:
    """Regulars who buy bulbs all the time, and customers who began by country."""
    orders = [("regular", ago, ["bulb"]) for ago in range(1, 80)]
    countries = {"regular": ""}
    for number in range(160):
        country = "FR" if number % 2 else "DE"
        customer = f"{country}{number}"
        countries[customer] = country
        orders.append((customer, 1 + number % 70, first[country]))
    interactions = wide(orders)
    return interactions, np.array([countries[name] for name in interactions.customer_ids.tolist()])


def test_new_customers_are_shown_what_named_first_orders_best() -> None:
    interactions, countries = newcomers({"FR": ["cup"], "DE": ["kettle"]})
    found = newcomer_lists(interactions, {"country": countries}, 30)
    # Six products fit into ten places, so that nobody's list misses anything.
    assert (found.attribute, found.segments) == (None, ())
    assert found.recalls == {"popular": 1.0, "everybody": 1.0, "country": 1.0}
    assert found.shares[2] == pytest.approx(80 / 161)


def test_what_is_known_at_sign_up_is_used_where_it_helps() -> None:
    products = [f"p{k:03}" for k in range(60)]
    orders = []
    countries = {}
    for number in range(400):
        country = ("DE", "FR", "UK")[number % 3]
        countries[f"c{number:03}"] = country
        own = products[20 * (number % 3) : 20 * (number % 3) + 12]
        orders.append((f"c{number:03}", 1 + number % 80, own))
    interactions = purchases(orders)
    of_customers = np.array([countries[name] for name in interactions.customer_ids.tolist()])
    found = newcomer_lists(interactions, {"country": of_customers}, 30)
    assert (found.attribute, found.segments) == ("country", ("DE", "FR", "UK"))
    assert found.scores.shape == (4, interactions.n_products)
    assert found.recalls["country"] > found.recalls["everybody"]
    best = found.scores.toarray()[1].argsort()[::-1][:12]
    assert set(interactions.product_ids[best]) == set(products[20:32])
