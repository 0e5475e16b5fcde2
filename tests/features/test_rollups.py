"""Roll-ups: what each order was worth, as far as the shop knew at the time."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.family import discover_families
from features.settings import ShopSettings

# What is known of one order of each customer: (when, quantity, price, when it could be read).
RECORDS: dict[str, list[tuple[Any, ...]]] = {
    "late order": [("2025-01-01", 1, 10, "2025-01-05 08:00")],
    "told too early": [("2025-01-05", 1, 10, "2025-01-02")],
    "late line": [("2025-01-01", 1, 10, None), ("2025-01-01", 1, 30, "2025-01-05")],
    "late return": [
        ("2025-01-01", 2, 10, None),
        ("2025-01-03", -1, 10, "2025-01-12"),
        ("2025-01-08", -1, 10, None),
    ],
    "return taken back": [
        ("2025-01-01", 1, 10, None),
        ("2025-01-03", -1, 10, None),
        ("2025-01-08", 1, 10, None),
    ],
    "cents": [
        ("2025-01-01", 1, 0.1, None),
        ("2025-01-01", 1, 0.2, None),
        ("2025-01-03", -1, 0.3, None),
    ],
    "cancelled at once": [("2025-01-01 09:00", 1, 10, None), ("2025-01-01 10:00", -1, 10, None)],
    "shared number": [("2025-01-01", 1, 10, None)],
    "shared number too": [("2025-01-03", -1, 10, None)],
}
DAYS = [date(2025, 1, day) for day in range(2, 16)]


@pytest.fixture(scope="module")
def vectors(open_lasting_shop: Any, lines: Any) -> pd.DataFrame:
    """Vectors of all of them every day."""
    rows = [
        ("shared" if name.startswith("shared") else name, name, "tea", when, quantity, price, known)
        for name, records in RECORDS.items()
        for when, quantity, price, known in records
    ]
    known = pd.to_datetime([row[-1] for row in rows], format="ISO8601")
    shop = open_lasting_shop({"orders": lines(*(row[:-1] for row in rows), available_at=known)})
    families = [family for family in discover_families() if "order_states" in family.reads]
    frame = shop.vectors(*DAYS, families=families).frame
    return frame.fillna({"orders_lifetime": 0.0})


def by_day(vectors: pd.DataFrame, customer: str) -> dict[int, tuple[float, float]]:
    """Standing orders and net revenue by day of January; no entry while nothing was known."""
    rows = vectors[vectors["customer_id"] == customer]
    facts = zip(rows["as_of"], rows["orders_lifetime"], rows["revenue_lifetime"], strict=True)
    return {as_of.day: (orders, revenue) for as_of, orders, revenue in facts}


def test_a_line_counts_from_the_night_after_it_could_be_read(vectors: pd.DataFrame) -> None:
    assert by_day(vectors, "late order") == dict.fromkeys(range(6, 16), (1.0, 10.0))


def test_a_line_does_not_count_before_it_happened_whenever_it_could_be_read(
    vectors: pd.DataFrame,
) -> None:
    assert by_day(vectors, "told too early") == dict.fromkeys(range(6, 16), (1.0, 10.0))


def test_a_late_line_adds_to_an_order_without_hiding_it_before(vectors: pd.DataFrame) -> None:
    known = by_day(vectors, "late line")
    assert known[2] == known[5] == (1.0, 10.0)
    assert known[6] == known[15] == (1.0, 40.0)
    values = vectors[vectors["customer_id"] == "late line"].set_index("as_of")["order_value_mean"]
    assert values[[date(2025, 1, 5), date(2025, 1, 6)]].tolist() == [10.0, 40.0]


def test_a_return_voids_an_order_from_when_it_is_known_not_from_when_it_happened(
    vectors: pd.DataFrame,
) -> None:
    known = by_day(vectors, "late return")
    assert known[2] == known[8] == (1.0, 20.0)
    assert known[9] == known[12] == (1.0, 10.0)
    assert known[13] == (0.0, 0.0)


def test_an_order_counts_again_when_its_return_is_taken_back(vectors: pd.DataFrame) -> None:
    known = by_day(vectors, "return taken back")
    assert known[2] == known[3] == (1.0, 10.0)
    assert known[4] == known[8] == (0.0, 0.0)
    assert known[9] == (1.0, 10.0)


def test_cents_that_do_not_add_up_in_binary_leave_nothing(vectors: pd.DataFrame) -> None:
    assert 0.1 + 0.2 - 0.3 > 0
    assert by_day(vectors, "cents")[3] == (1.0, 0.3)
    assert by_day(vectors, "cents")[4] == (0.0, 0.0)


def test_an_order_cancelled_on_its_own_day_never_was_one(vectors: pd.DataFrame) -> None:
    assert set(by_day(vectors, "cancelled at once").values()) == {(0.0, 0.0)}
    voids = vectors.set_index(["customer_id", "as_of"])["void_orders"]
    assert voids["cancelled at once"].max() == 0
    assert voids["cents", DAYS[-1]] == 1


def test_the_same_order_number_of_two_customers_is_two_orders(vectors: pd.DataFrame) -> None:
    assert by_day(vectors, "shared number")[15] == (1.0, 10.0)
    assert by_day(vectors, "shared number too")[15] == (0.0, -10.0)


def test_an_order_row_holds_the_goods_of_its_own_day(open_shop: Any, lines: Any) -> None:
    bought = lines(
        ("1", "ann", "tea", "2025-01-01 15:00", 2, 10),
        ("1", "ann", "tea", "2025-01-01 09:00", 1, 10),
        ("1", "ann", "mug", "2025-01-03", 1, 30),
        unit_cost=[4.0, 4.0, 12.0],
        discount=[2.0, 0.0, 0.0],
    )
    last = open_shop({"orders": bought}).rollup("order_states").query("known_until.isna()")
    facts = last[["revenue", "margin", "discount", "units", "lines", "hour"]]
    assert facts.to_numpy().tolist() == [[28.0, 16.0, 2.0, 3.0, 2, 9]]


def test_margin_is_assumed_only_where_the_cost_is_unknown(open_shop: Any, lines: Any) -> None:
    bought = lines(
        ("1", "ann", "tea", "2025-01-01", 2, 10),  # the line's own cost wins
        ("2", "bob", "tea", "2025-01-01", 2, 10),  # the product's
        ("3", "cid", "mug", "2025-01-01", 2, 10),  # unknown
        ("4", "dot", "free", "2025-01-01", 2, 10),  # known to be nothing
        unit_cost=[1.0, None, None, None],
    )
    products = pd.DataFrame({"product_id": ["tea", "free"], "unit_cost": [4.0, 0.0]})
    shop = open_shop({"orders": bought, "products": products}, shop=ShopSettings(margin_rate=0.25))
    margin = shop.rollup("customer_day").set_index("customer_id")["margin"]
    assert margin.to_dict() == {"ann": 18.0, "bob": 12.0, "cid": 5.0, "dot": 20.0}
    assert shop.prepared.lines_without_cost == 1


@pytest.mark.parametrize("discount", [3.0, -3.0])
def test_a_discount_lowers_the_sale_and_the_refund_whatever_its_sign(
    open_shop: Any, lines: Any, discount: float
) -> None:
    bought = lines(
        ("1", "ann", "tea", "2025-01-01", 2, 10),
        ("2", "bob", "tea", "2025-01-01", -2, 10),
        discount=[discount, discount],
    )
    days = open_shop({"orders": bought}).rollup("customer_day").set_index("customer_id")
    assert days["revenue"].to_dict() == {"ann": 17.0, "bob": -17.0}
    assert days["refunds"].to_dict() == {"ann": 0.0, "bob": 17.0}


def test_cost_to_serve_lowers_margin_on_its_day_and_is_no_purchase(
    open_shop: Any, lines: Any
) -> None:
    bought = lines(("1", "ann", "tea", "2025-01-01", 1, 10), unit_cost=[4.0])
    costs = pd.DataFrame(
        {
            "customer_id": ["ann", "ann", "bob"],
            "ts": pd.to_datetime(["2025-01-01", "2025-01-05", "2025-01-05"]),
            "cost_kind": ["shipping", "support", "support"],
            "amount": [2.0, 3.0, 4.0],
            "available_at": pd.to_datetime([None, "2025-01-09", None]),
        }
    )
    shop = open_shop({"orders": bought, "costs": costs})
    frame = shop.vectors(date(2025, 1, 2), date(2025, 1, 9), date(2025, 1, 10)).frame
    ann = frame[frame["customer_id"] == "ann"]
    assert ann["margin_lifetime"].tolist() == [4.0, 4.0, 1.0]
    assert ann["revenue_lifetime"].tolist() == [10.0, 10.0, 10.0]
    bob = frame[frame["customer_id"] == "bob"]
    assert bob["margin_lifetime"].tolist() == [-4.0, -4.0]
    assert bob["orders_lifetime"].isna().all()


def test_without_a_customer_table_the_first_known_order_describes_the_customer(
    open_shop: Any, lines: Any
) -> None:
    bought = lines(
        ("1", "ann", "tea", "2025-01-01", 1, 10),  # came to light on the tenth
        ("2", "ann", "tea", "2025-01-03", 1, 10),
        ("3", "ann", "tea", "2025-01-05", 1, 10),
        country=["Atlantis", "Kenya", "Germany"],
        available_at=pd.to_datetime(["2025-01-10", None, None]),
    )
    shop = open_shop({"orders": bought})
    for as_of in (date(2025, 1, 4), date(2025, 1, 15)):
        vector = shop.vector("ann", as_of)
        assert vector["country"] == "Kenya"
        assert vector["relationship_days"] == (as_of - date(2025, 1, 3)).days


def test_without_a_catalogue_products_are_as_in_their_latest_sale(
    open_shop: Any, lines: Any
) -> None:
    bought = lines(
        ("1", "ann", "tea", "2025-01-01", 1, 10),
        ("2", "ann", "tea", "2025-01-05", 1, 12),
        ("2", "ann", "tea", "2025-01-07", -1, 9),
        product_name=["Tea", "Green tea", "returned"],
    )
    shop = open_shop({"orders": bought})
    catalogue = shop.engine.frame(shop.prepared.clean["products"])
    found = catalogue[["product_id", "product_name", "list_price"]]
    assert found.to_numpy().tolist() == [["tea", "Green tea", 12.0]]


def test_a_ratio_half_way_between_two_roundings_is_the_same_in_any_order(
    open_shop: Any, lines: Any
) -> None:
    rng = np.random.default_rng(0)
    cents = rng.integers(100, 500, 31)
    prices = np.append(cents, 10_639 - cents.sum() % 10_639) / 100
    mean = prices.sum() / 32
    by_rounding = {}
    for _ in range(100):
        mixed = rng.permutation(prices).tolist()
        by_rounding[round(sum(mixed) / 32, 6)] = mixed
    assert len(by_rounding) == 2, "addition in another order must matter for this test to tell"
    found = set()
    for mixed in by_rounding.values():
        bought = lines(*(("1", "ann", f"p{n}", "2025-01-01", 1, p) for n, p in enumerate(mixed)))
        found.add(open_shop({"orders": bought}).vector("ann", DAYS[-1])["unit_price_mean"])
    assert len(found) == 1
    assert found.pop() == pytest.approx(mean, abs=1e-6)
