"""Prices and discounts, worked out by hand.

Drinks sold, all of them tea: Ann 2 for 10 each in January, Bob 2 for 16 in April, Dan 1 for 10 in
February but known only in May, Ann 4 for 7 in June. Cid's of January 2024 is too old to matter.
"""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pandas as pd
import pytest

AS_OF = date(2025, 7, 1)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    rows = [
        ("C1", "cid", "tea", "2024-01-02", 1, 100, 0, None),  # 365 days before Ann's
        ("A1", "ann", "tea", "2025-01-01", 2, 10, 0, None),
        ("D1", "dan", "tea", "2025-02-01", 1, 10, 0, "2025-05-01"),
        ("B1", "bob", "tea", "2025-04-20", 2, 16, 8, None),
        ("A2", "ann", "tea", "2025-06-10", 4, 7, 7, None),
        ("A2", "ann", "mug", "2025-06-10", 1, 30, 0, None),
        ("A2", "ann", "tea", "2025-06-20", -2, 7, 3.5, None),  # returns change no purchase
        ("E1", "eve", "pen", "2025-06-20", 1, 0, 0, None),  # a gift
    ]
    orders = lines(
        *(row[:6] for row in rows),
        discount=[float(row[6]) for row in rows],
        available_at=pd.to_datetime([row[7] for row in rows]),
    )
    products = pd.DataFrame(
        {"product_id": ["tea", "mug", "pen"], "category": ["drinks", "home", "office"]}
    )
    return open_lasting_shop({"orders": orders, "products": products})


def assert_values(vector: Any, **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_discounted_lines_are_counted_by_window(shop: Any) -> None:
    assert_values(
        shop.vector("ann", AS_OF),
        discounted_line_share=1 / 3,
        discounted_line_share_30d=1 / 2,
        discounted_line_share_90d=1 / 2,
        discounted_line_share_365d=1 / 3,
        discount_trend=1 / 2 - 1 / 3,
        last_discount_days=21,
    )


def test_discounts_are_set_against_money_before_discount(shop: Any) -> None:
    ann = shop.vector("ann", AS_OF)
    assert_values(ann, discount_share_30d=7 / 58, discount_share_365d=7 / 78)
    assert_values(ann, discount_depth_mean=7 / 28, discount_depth_mean_365d=7 / 28)


def test_who_bought_nothing_lately_has_no_shares(shop: Any) -> None:
    bob = shop.vector("bob", AS_OF)
    assert_values(bob, discounted_line_share=1, discounted_line_share_30d=nan)
    assert_values(bob, discount_share_30d=nan, discount_share_90d=8 / 32)
    cid = shop.vector("cid", AS_OF)
    assert_values(cid, discounted_line_share=0, discount_depth_mean=nan, last_discount_days=nan)
    assert_values(cid, discounted_line_share_365d=nan, discount_trend=nan, price_level_365d=nan)


def test_price_level_is_money_over_what_the_units_usually_cost(shop: Any) -> None:
    # Drinks cost 10 in January, and (20 + 32 + 10 + 28) / 9 = 10 again in June; the mug 30.
    assert_values(
        shop.vector("ann", AS_OF),
        price_level=78 / (20 + 40 + 30),
        price_level_365d=78 / (20 + 40 + 30),
        price_level_trend=58 / (40 + 30) - 78 / 90,
        unit_price_trend=(58 / 5) / (78 / 7),
    )
    # (20 + 32) / 4 = 13 in April, when Dan's was not known.
    assert_values(shop.vector("bob", AS_OF), price_level=16 / 13)


def test_a_purchase_known_late_meets_the_prices_of_that_day(shop: Any) -> None:
    assert_values(shop.vector("dan", AS_OF), price_level=10 / (62 / 5))


def test_the_usual_price_looks_back_for_a_year(open_shop: Any, lines: Any) -> None:
    bought = lines(
        ("1", "cid", "tea", "2024-01-03", 1, 30),  # 364 days before: the year's first day
        ("2", "ann", "tea", "2025-01-01", 1, 10),
    )
    assert_values(open_shop({"orders": bought}).vector("ann", AS_OF), price_level=10 / 20)


def test_a_level_stays_with_its_purchase_whatever_the_cutoff(shop: Any) -> None:
    early, late = (shop.vector("bob", day) for day in (date(2025, 4, 21), AS_OF))
    assert early["price_level"] == late["price_level"]


def test_discounts_are_set_against_the_shops_in_the_same_categories(shop: Any) -> None:
    # Of drinks known by June two lines in four were discounted, of mugs none, in January none.
    assert_values(shop.vector("ann", AS_OF), discount_excess_365d=(1 - 2 / 4) / 3)


def test_units_of_discounted_lines_are_set_against_those_at_full_price(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), discount_units_ratio=4 / (3 / 2))
    assert_values(shop.vector("bob", AS_OF), discount_units_ratio=nan)


def test_of_a_gift_no_price_is_usual(shop: Any) -> None:
    eve = shop.vector("eve", AS_OF)
    assert_values(eve, price_level=nan, unit_price_trend=nan, discount_share_30d=nan)
    assert_values(eve, discounted_line_share=0)
