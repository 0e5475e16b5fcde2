"""Adjustments: the money of lines that are no goods counts on its day, and nothing else of them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.family import discover_families
from features.live import vectors_now
from features.settings import CheckSettings

GOODS = CheckSettings(product_id_pattern="^[a-z]+$")
NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
LINES = [
    ("1", "ann", "tea", "2025-01-01", 2, 10),
    ("1", "ann", "POST", "2025-01-01", 1, 5),
    ("2", "ann", "FEE", "2025-01-05", 1, 3),
    ("C1", "ann", "M", "2025-01-10", -1, 8),
    ("3", "eve", "tea", "2025-01-02", 1, 10),
    ("3", "eve", "DISCOUNT", "2025-01-04", 1, -10),
    ("4", "joe", "POST", "2025-01-01 08:00", 1, 5),
    ("4", "joe", "tea", "2025-01-03 16:00", 1, 10),
    ("5", "sam", "tea", "2025-01-01", 1, 10),
    ("5", "sam", "POST", "2025-01-01", 1, 4),
    ("5", "sam", "tea", "2025-01-05", -1, 10),
    ("6", "fay", "M", "2025-01-02", 1, 50),
    ("7", "kim", "tea", "2025-01-01", 1, 10),
    ("8", "kim", "tea", "2025-01-05", 1, 20),
    ("8", "kim", "POST", "2025-01-05", 1, 4),
    ("C8", "kim", "M", "2025-01-08", -1, 6),
]


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    return open_lasting_shop({"orders": lines(*LINES)}, checks=GOODS)


@pytest.fixture(scope="module")
def january(shop: Any) -> pd.DataFrame:
    return shop.vectors(*(date(2025, 1, day) for day in range(2, 12))).frame


def by_day(january: pd.DataFrame, customer: str, column: str) -> dict[int, float]:
    """A column by day of January; 0 where it is missing, no entry where nothing was known."""
    rows = january[january["customer_id"] == customer].fillna({column: 0.0})
    return {as_of.day: value for as_of, value in zip(rows["as_of"], rows[column], strict=True)}


def test_they_are_kept_and_counted(shop: Any) -> None:
    [report] = shop.prepared.reports
    assert (report.rows_read, report.rows_kept, report.adjustments) == (16, 16, 9)
    assert report.rules == ()
    assert shop.clean("orders")["product_id"].isna().sum() == 9


def test_a_code_is_of_goods_where_any_part_of_it_matches(open_shop: Any, lines: Any) -> None:
    orders = lines(
        ("1", "ann", "DCGS0069A", "2025-01-01", 1, 10),
        ("1", "ann", "POST", "2025-01-01", 1, 5),
        ("1", "ann", "0069", "2025-01-01", 1, 3),
    )
    shop = open_shop({"orders": orders}, checks=CheckSettings(product_id_pattern="[0-9]{4}"))
    assert set(shop.clean("products")["product_id"]) == {"0069", "DCGS0069A"}
    assert shop.prepared.reports[0].adjustments == 1


def test_their_money_counts_from_the_night_after_they_were_made(
    shop: Any, january: pd.DataFrame
) -> None:
    revenue = by_day(january, "ann", "revenue_lifetime")
    assert revenue[2] == revenue[5] == 25
    assert revenue[6] == revenue[10] == 28
    assert revenue[11] == 20
    margin = by_day(january, "ann", "margin_lifetime")
    assert margin == pytest.approx({day: 0.3 * money for day, money in revenue.items()})


def test_a_credit_is_money_given_back_and_no_returned_goods(shop: Any) -> None:
    ann = shop.vector("ann", date(2025, 1, 11))
    assert (ann["refunds_lifetime"], ann["return_lines"], ann["void_orders"]) == (8, 0, 0)
    assert ann["refund_share"] == pytest.approx(8 / 28)
    assert ann["margin_assumed_share"] == 1


def test_they_are_neither_orders_nor_goods(shop: Any) -> None:
    ann = shop.vector("ann", date(2025, 1, 11))
    assert (ann["orders_lifetime"], ann["order_days"], ann["recency_days"]) == (1, 1, 10)
    assert (ann["lines_per_order"], ann["units_per_order"], ann["products_bought"]) == (1, 2, 1)
    assert set(shop.rollup("customer_product_day")["product_id"]) == {"tea"}
    assert shop.clean("products")["product_id"].tolist() == ["tea"]


def test_an_order_is_worth_what_was_charged_with_it(shop: Any) -> None:
    assert shop.vector("ann", date(2025, 1, 11))["order_value_mean"] == 25


def test_an_order_that_is_credited_in_full_is_void_from_then_on(
    shop: Any, january: pd.DataFrame
) -> None:
    orders = by_day(january, "eve", "orders_lifetime")
    assert (orders[3], orders[4], orders[5]) == (1, 1, 0)
    assert by_day(january, "eve", "void_orders")[5] == 1


def test_postage_that_is_kept_does_not_keep_an_order_whose_goods_came_back(
    shop: Any, january: pd.DataFrame
) -> None:
    orders = by_day(january, "sam", "orders_lifetime")
    assert (orders[5], orders[6]) == (1, 0)
    assert by_day(january, "sam", "revenue_lifetime")[6] == 4


def test_an_order_is_placed_when_its_first_goods_are(shop: Any, january: pd.DataFrame) -> None:
    orders = by_day(january, "joe", "orders_lifetime")
    assert (orders[2], orders[3], orders[4]) == (0, 0, 1)
    joe = shop.vector("joe", date(2025, 1, 4))
    assert (joe["recency_days"], joe["order_value_mean"], joe["order_hour_mean"]) == (1, 10, 16)
    assert joe["revenue_lifetime"] == 15


def test_money_alone_makes_nobody_a_buyer(shop: Any) -> None:
    fay = shop.vector("fay", date(2025, 1, 3))
    assert fay["revenue_lifetime"] == 50
    assert np.isnan(fay["recency_days"])
    assert "fay" not in shop.labels(date(2025, 1, 3)).index


def test_what_a_customer_is_worth_next_is_net_of_credits(shop: Any) -> None:
    as_of = date(2025, 1, 3)
    worth = {days: shop.labels(as_of, horizon_days=days)["margin_next"] for days in (4, 30)}
    assert worth[4]["kim"] == pytest.approx(0.3 * 24)
    assert worth[30]["kim"] == pytest.approx(0.3 * 18)
    assert worth[30]["ann"] == 0  # a credit for an older order, and no new one


# On a whole shop


@pytest.fixture(scope="module")
def adjusted(simulated_frames: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The simulated shop's order lines, and adjustments with numbers of their own."""
    orders = simulated_frames["orders_only"]["orders"]
    some = orders.iloc[::9]
    signs = np.where(np.arange(len(some)) % 3, 1.0, -1.0)
    extra = some.assign(
        order_id="A" + some["order_id"], product_id="-", quantity=signs, discount=0.0
    )
    return orders, extra


CODES = CheckSettings(product_id_pattern="^P")
CUTOFFS = (date(2026, 3, 1), date(2026, 5, 15))
OF_ORDERS = ("basket", "btyd", "price", "rhythm", "channels")


def test_adjustments_change_money_and_nothing_that_is_counted(
    open_shop: Any, adjusted: Any
) -> None:
    orders, extra = adjusted
    plain = open_shop({"orders": orders}, checks=CODES)
    both = open_shop({"orders": pd.concat([orders, extra])}, checks=CODES)
    families = [family for family in discover_families() if family.name in OF_ORDERS]
    assert len(families) == len(OF_ORDERS)
    known = plain.vectors(*CUTOFFS, families=families).frame
    found = both.vectors(*CUTOFFS, families=families).frame
    assert_frame_equal(found, known)
    judged = ["as_of", "churned", "orders_next"]
    one, other = (shop.labels(*CUTOFFS) for shop in (plain, both))
    assert_frame_equal(one[judged], other[judged])
    assert not np.allclose(one["margin_next"], other["margin_next"])
    for as_of in CUTOFFS:
        known_then = extra["available_at"].fillna(extra["ts"]).clip(lower=extra["ts"])
        seen = extra[known_then < pd.Timestamp(as_of)]
        moved = (seen["quantity"] * seen["unit_price"]).groupby(seen["customer_id"]).sum()
        net = [
            shop.vectors(as_of).frame.set_index("customer_id")["revenue_lifetime"]
            for shop in (plain, both)
        ]
        change = (net[1] - net[0]).dropna()
        assert change.to_numpy() == pytest.approx(moved.reindex(change.index, fill_value=0))


def test_appended_and_live_adjustments_say_what_a_rebuild_says(
    tmp_path: Path, open_folder: Any, simulated_frames: Any, adjusted: Any
) -> None:
    # Under the numbers of orders that stand, so that those are restated.
    orders, extra = adjusted
    extra = extra.assign(order_id=extra["order_id"].str[1:])
    together = pd.concat([orders, extra]).sort_values("ts", kind="stable")
    today, since = date(2026, 5, 16), pd.Timestamp("2026-05-01")
    together = together[together["ts"] < pd.Timestamp(today)]
    fresh = together[together["ts"] >= since]
    together[together["ts"] < since].to_parquet(tmp_path / "orders-0.parquet", index=False)
    simulated_frames["all_tables"]["customers"].to_parquet(tmp_path / "customers.parquet")
    tables = {"orders": "orders-*.parquet", "customers": "customers.parquet"}
    before = open_folder(tmp_path, tables, checks=CODES)
    live = vectors_now(
        before.engine, before.prepared, before.settings.shop, discover_families(),
        {"orders": fresh}, today, NOW, checks=CODES,
    )  # fmt: skip
    fresh.to_parquet(tmp_path / "orders-1.parquet", index=False)
    refreshed = open_folder(tmp_path, tables, checks=CODES)
    assert refreshed.prepared.work["rollups"] == "appended"
    rebuilt = open_folder(tmp_path, tables, checks=CODES, workspace="anew")
    expected = rebuilt.vectors(since.date(), today).frame
    assert_frame_equal(refreshed.vectors(since.date(), today).frame, expected)
    who = expected["customer_id"].isin(fresh["customer_id"]) & (expected["as_of"] == today)
    assert_frame_equal(live.frame, expected[who].reset_index(drop=True))
