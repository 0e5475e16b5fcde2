"""Habit and trend, worked out by hand; gaps and seasons stand in test_families_known_truth."""

from __future__ import annotations

from datetime import date, timedelta
from math import nan
from typing import Any

import pytest

AS_OF = date(2025, 7, 1)


def days_before(days: int) -> str:
    return str(AS_OF - timedelta(days=days))


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    orders = lines(
        ("1", "eve", "tea", "2025-06-02 06:00", 1, 10),  # Monday morning
        ("2", "eve", "tea", "2025-06-09 11:59", 1, 10),  # Monday morning
        ("3", "eve", "tea", "2025-06-16 12:00", 1, 10),  # Monday afternoon
        ("4", "eve", "tea", "2025-06-18 18:00", 1, 10),  # Wednesday evening
        ("5", "eve", "tea", "2025-06-18 23:59", 1, 10),  # Wednesday evening
        ("6", "fay", "tea", "2025-06-01 05:59", 1, 10),  # Sunday night
        *((f"h{days}", "hal", "tea", days_before(days), 1, 10) for days in (400, 200, 100, 50)),
        ("i1", "ida", "tea", days_before(366), 1, 10),
    )
    return open_lasting_shop({"orders": orders})


def assert_values(vector: Any, **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_the_favourite_weekday_is_that_of_most_orders(shop: Any) -> None:
    # Three Mondays and two orders on a Wednesday: squared shares (9 + 4) / 25.
    assert_values(
        shop.vector("eve", AS_OF),
        favourite_weekday_share=3 / 5,
        weekday_concentration=(13 / 25 - 1 / 7) / (1 - 1 / 7),
        weekend_share=0,
    )


def test_the_favourite_part_of_day_is_that_of_most_orders(shop: Any) -> None:
    assert_values(
        shop.vector("eve", AS_OF),
        night_share=0,
        morning_share=2 / 5,
        afternoon_share=1 / 5,
        evening_share=2 / 5,
        favourite_day_part_share=2 / 5,
        day_part_concentration=(9 / 25 - 1 / 4) / (1 - 1 / 4),
    )


def test_a_single_order_is_all_habit(shop: Any) -> None:
    assert_values(
        shop.vector("fay", AS_OF),
        favourite_weekday_share=1,
        weekday_concentration=1,
        favourite_day_part_share=1,
        day_part_concentration=1,
        night_share=1,
        weekend_share=1,
    )


def test_orders_lately_are_set_against_the_usual_rate(shop: Any) -> None:
    # One order in 90 days, three in 365: the fourth is older.
    assert_values(shop.vector("hal", AS_OF), orders_trend_ratio=(1 / 90) / (3 / 365))


def test_the_usual_rate_of_a_new_customer_is_since_the_first_order(shop: Any) -> None:
    assert_values(shop.vector("eve", AS_OF), orders_trend_ratio=1)


def test_without_an_order_in_a_year_there_is_no_trend(shop: Any) -> None:
    assert_values(shop.vector("ida", AS_OF), orders_trend_ratio=nan, order_days=1)
