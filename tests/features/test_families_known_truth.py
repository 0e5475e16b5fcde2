"""A shop small enough to work out by hand.

Ann orders on five occasions, two of them on one day, and sends one unit back. Bob sends back a
whole order. Of Cid only a cancellation is known.
"""

from __future__ import annotations

from datetime import date
from math import log, nan, sqrt
from typing import Any

import pandas as pd
import pytest

AS_OF = date(2025, 7, 1)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    orders = lines(
        ("A1", "ann", "tea", "2025-01-01 10:30", 2, 10),  # Wednesday
        ("A1", "ann", "mug", "2025-01-01 10:30", 1, 30),  # 6 off
        ("A2", "ann", "tea", "2025-03-02 12:00", 1, 10),  # Sunday
        ("A3", "ann", "jam", "2025-03-02 16:00", 4, 5),
        ("A4", "ann", "tea", "2025-03-12 14:00", 1, 10),  # Wednesday
        ("A5", "ann", "mug", "2025-05-01 09:00", 1, 30),  # Thursday
        ("A1", "ann", "tea", "2025-05-11 11:00", -1, 10),
        ("B1", "bob", "mug", "2025-04-01 08:00", 2, 30),
        ("B1", "bob", "mug", "2025-04-21 08:00", -2, 30),
        ("B2", "bob", "tea", "2025-06-01 08:00", 1, 10),
        ("X1", "cid", "tea", "2025-02-01 08:00", -1, 10),
        discount=[0.0, 6.0, *[0.0] * 9],
    )
    products = pd.DataFrame(
        {
            "product_id": ["tea", "mug", "jam"],
            "category": ["drinks", "home", "food"],
            "unit_cost": [4.0, 12.0, nan],
        }
    )
    costs = pd.DataFrame(
        {
            "customer_id": ["ann"],
            "ts": pd.to_datetime(["2025-03-02"]),
            "cost_kind": ["shipping"],
            "amount": [5.0],
        }
    )
    return open_lasting_shop({"orders": orders, "products": products, "costs": costs})


@pytest.fixture(scope="module")
def ann(shop: Any) -> pd.Series[Any]:
    return shop.vector("ann", AS_OF)


@pytest.fixture(scope="module")
def bob(shop: Any) -> pd.Series[Any]:
    return shop.vector("bob", AS_OF)


@pytest.fixture(scope="module")
def cid(shop: Any) -> pd.Series[Any]:
    return shop.vector("cid", AS_OF)


def assert_values(vector: pd.Series[Any], **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_orders_are_counted_by_their_age_in_days(ann: pd.Series[Any]) -> None:
    # A1 is 181 days old, A2 and A3 121, A4 111, A5 61.
    assert_values(
        ann,
        recency_days=61,
        first_order_days=181,
        orders_lifetime=5,
        orders_30d=0,
        orders_90d=1,
        orders_180d=4,
        orders_365d=5,
    )


def test_order_values_are_those_of_the_day_of_the_order(ann: pd.Series[Any]) -> None:
    # 44 (20 + 30 - 6), 10, 20, 10, 30: mean 22.8, squared deviations add up to 836.8.
    assert_values(
        ann,
        order_value_mean=22.8,
        order_value_last=30,
        order_value_max=44,
        order_value_deviation=sqrt(836.8 / 4),
    )


def test_revenue_is_net_of_returns_on_the_day_of_the_return(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        revenue_lifetime=104,  # 114 - 10
        revenue_30d=0,
        revenue_90d=20,  # A5 and the unit sent back
        revenue_180d=60,
        revenue_365d=104,
    )


def test_margin_is_net_of_goods_returns_and_cost_to_serve(ann: pd.Series[Any]) -> None:
    # Tea brings 6 a unit, mugs 18; jam's cost is unknown: 30 % of 20. Shipping took 5.
    assert_values(
        ann,
        margin_lifetime=(12 + 18 - 6) + 6 + 6 + 6 + 18 - 6 - 5,
        margin_90d=18 - 6,
        margin_180d=6 + 6 + 6 + 18 - 6 - 5,
    )


@pytest.mark.parametrize("half_life", [60, 180])
def test_half_lives_halve(ann: pd.Series[Any], half_life: int) -> None:
    weight = {age: 0.5 ** (age / half_life) for age in (181, 121, 111, 61)}
    orders = weight[181] + 2 * weight[121] + weight[111] + weight[61]
    revenue = 44 * weight[181] + 30 * weight[121] + 10 * weight[111] + 30 * weight[61]
    assert_values(
        ann,
        **{
            f"orders_half_life_{half_life}d": orders,
            f"order_revenue_half_life_{half_life}d": revenue,
        },
    )


def test_two_orders_on_one_day_are_one_beat_of_the_rhythm(ann: pd.Series[Any]) -> None:
    # Order days lie 60, 10 and 50 days apart: mean 40, squared deviations 400 + 900 + 100.
    deviation = sqrt(1400 / 2)
    assert_values(
        ann,
        order_days=4,
        gap_mean_days=40,
        gap_median_days=50,
        gap_max_days=60,
        gap_last_days=50,
        gap_recent_days=40,
        gap_variation=deviation / 40,
        gap_deviation_365d_days=deviation,
        second_last_order_days=111,
        third_last_order_days=121,
        fifth_last_order_days=nan,
        overdue_ratio=61 / 40,
        overdue_days=61 - 40,
        order_rate_year=5 * 365 / 181,
    )


def test_trend_season_and_hours(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        orders_trend=1 - 3,
        order_revenue_trend=30 - 40,
        orders_same_season=0,
        order_revenue_same_season=0,
        weekend_share=2 / 5,
        order_hour_mean=(10 + 12 + 16 + 14 + 9) / 5,
    )


def test_spans_of_thirty_days_end_with_the_day_before_the_cutoff(
    open_shop: Any, lines: Any
) -> None:
    # 30 days old is the end of the first span, 31 the start of the second, 180 the end of the
    # sixth, 181 the start of the seventh.
    bought = lines(
        ("1", "eve", "tea", "2025-06-01", 1, 10),
        ("2", "eve", "tea", "2025-05-31", 1, 10),
        ("3", "eve", "tea", "2025-01-02", 1, 10),
        ("4", "eve", "tea", "2025-01-01", 1, 10),
    )
    vector = open_shop({"orders": bought}).vector("eve", AS_OF)
    assert_values(vector, order_months_180d=3, order_months_365d=4)


def test_a_year_ago_means_the_ninety_days_that_followed_this_date(
    open_shop: Any, lines: Any
) -> None:
    bought = lines(
        ("1", "eve", "tea", "2024-06-30", 1, 1),  # 366 days old: the day before
        ("2", "eve", "tea", "2024-07-01", 1, 10),  # 365: the first day
        ("3", "eve", "tea", "2024-09-28", 1, 100),  # 276: the last
        ("4", "eve", "tea", "2024-09-29", 1, 1000),  # 275: the day after
    )
    vector = open_shop({"orders": bought}).vector("eve", AS_OF)
    assert_values(vector, orders_same_season=2, order_revenue_same_season=110)


def test_the_season_turns_once_a_year(shop: Any) -> None:
    # The turns of a year are equally far from the middle of the circle and from each other.
    cutoffs = [date(2025, 7, 1), date(2025, 9, 30), date(2025, 12, 30), date(2026, 4, 1)]
    frame = shop.vectors(*cutoffs, customers=["ann"]).frame
    sine, cosine = frame["season_sine"], frame["season_cosine"]
    assert (sine**2 + cosine**2).to_numpy() == pytest.approx(1.0, abs=1e-5)
    assert sine.iloc[:2].to_numpy() == pytest.approx(-sine.iloc[2:].to_numpy(), abs=0.02)
    assert cosine.iloc[:2].to_numpy() == pytest.approx(-cosine.iloc[2:].to_numpy(), abs=0.02)
    assert sine.iloc[0] ** 2 + sine.iloc[1] ** 2 == pytest.approx(1.0, abs=0.02)


def test_baskets_are_averaged_over_orders(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        lines_per_order=6 / 5,
        units_per_order=(3 + 1 + 4 + 1 + 1) / 5,
        unit_price_mean=114 / 10,
        discount_share=6 / 120,
        products_bought=3,
        categories_bought=3,
        repeat_product_share=3 / 6,  # tea twice more, the mug once more
    )


def test_spend_is_spread_over_categories(ann: pd.Series[Any]) -> None:
    shares = [40 / 114, 54 / 114, 20 / 114]  # drinks, home, food
    herfindahl = sum(share**2 for share in shares)
    assert_values(
        ann,
        category_entropy=-sum(share * log(share) for share in shares),
        top_category_share=54 / 114,
        product_dependency=(herfindahl - 1 / 3) / (1 - 1 / 3),
    )


def test_a_partial_return_leaves_the_order_counted(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        return_lines=1,
        return_lines_90d=1,
        return_line_rate=1 / 6,
        return_line_rate_365d=1 / 6,
        refunds_lifetime=10,
        refunds_365d=10,
        refund_share=10 / 114,
        last_return_days=51,
        void_orders=0,
    )


def test_a_full_return_undoes_an_order_from_the_day_it_is_known(shop: Any) -> None:
    before = shop.vector("bob", date(2025, 4, 21))  # the day of the return itself
    assert_values(before, orders_lifetime=1, recency_days=20, revenue_lifetime=60, void_orders=0)
    after = shop.vector("bob", date(2025, 4, 22))
    assert_values(after, orders_lifetime=nan, recency_days=nan, revenue_lifetime=0, void_orders=1)
    assert_values(after, lines_per_order=nan, order_days=nan, return_lines=1, last_return_days=1)


def test_the_money_of_a_void_order_went_in_and_out(bob: pd.Series[Any]) -> None:
    assert_values(
        bob,
        orders_lifetime=1,
        recency_days=30,
        order_value_mean=10,
        order_value_deviation=nan,
        revenue_lifetime=10,
        margin_lifetime=6,
        return_line_rate=1 / 2,
        refunds_lifetime=60,
        refund_share=60 / 70,
        void_orders=1,
        order_days=1,
        gap_mean_days=nan,
        overdue_ratio=nan,
    )


def test_what_was_sent_back_had_been_bought(bob: pd.Series[Any]) -> None:
    assert_values(bob, products_bought=2, repeat_product_share=0, top_category_share=60 / 70)


def test_a_cancellation_alone_is_no_order(cid: pd.Series[Any]) -> None:
    assert_values(
        cid,
        orders_lifetime=nan,
        recency_days=nan,
        order_days=nan,
        products_bought=nan,
        revenue_lifetime=-10,
        return_lines=1,
        return_line_rate=nan,
        refunds_lifetime=10,
        refund_share=nan,
        last_return_days=150,
        void_orders=0,
    )


def test_a_single_category_is_no_spread(open_shop: Any, lines: Any) -> None:
    bought = lines(
        ("1", "eve", "tea", "2025-06-01", 1, 10), ("2", "eve", "jam", "2025-06-03", 1, 5)
    )
    vector = open_shop({"orders": bought}).vector("eve", AS_OF)
    assert_values(vector, category_entropy=0, top_category_share=1, product_dependency=nan)
    assert_values(vector, categories_bought=1, products_bought=2)
