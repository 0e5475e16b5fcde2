"""What ties customers to a shop: points, referrals and contracts, worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from math import nan
from typing import Any

import pandas as pd
import pytest

from features.family import discover_families

AS_OF = date(2025, 7, 1)
DAYS = [date(2025, 3, 1) + timedelta(days) for days in range(190)]
NAMES = ("loyalty", "referrals", "relationship")
FAMILIES = [family for family in discover_families() if family.name in NAMES]
CONTRACT = "customer_id contract_id product_id level starts_at cancelled_at ends_at"


def records(names: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    """A table of records; a day's or moment's column is called ``ts`` or ``..._at``."""
    frame = pd.DataFrame(rows, columns=names.split())
    moments = [name for name in frame if name == "ts" or name.endswith("_at")]
    return frame.assign(**{n: pd.to_datetime(frame[n], format="ISO8601") for n in moments})


@pytest.fixture(scope="module")
def orders(lines: Any) -> pd.DataFrame:
    return lines(*((n, n, "tea", "2023-01-01", 1, 10) for n in ("ann", "bob", "cid", "dot")))


@pytest.fixture(scope="module")
def vectors(open_lasting_shop: Any, orders: pd.DataFrame) -> pd.DataFrame:
    """By customer and day, of these families alone."""
    points = records(
        "customer_id ts movement points expires_at level available_at",
        ("ann", "2024-06-01", "earned", 100, "2025-06-01", "silver", None),
        ("ann", "2025-04-02", "earned", 50, "2025-07-01 12:00", None, None),
        ("ann", "2025-05-01 10:00", "redeemed", 80, None, "silver", None),
        ("ann", "2025-05-01 10:00", "earned", 40, "2025-09-28", "gold", None),
        ("ann", "2025-05-02", "earned", 30, "2025-09-29", "gold", None),
        ("ann", "2025-06-01", "expired", 20, None, "silver", None),
        ("ann", "2025-03-01", "earned", 1000, "2025-08-01", "bronze", "2025-07-05"),
        ("ann", "2025-07-01", "earned", 7, "2025-08-01", "gold", None),
        ("bob", "2025-01-01", "earned", 60, "2025-08-01", None, None),
        ("bob", "2025-02-01", "redeemed", 45, None, None, None),
        ("cid", "2025-01-01", "redeemed", 10, None, None, None),
        ("cid", "2025-02-01", "earned", 4, "2025-08-01", None, None),
        ("dot", "2024-01-01", "earned", 10, None, "gold", None),
        ("dot", "2024-02-01", "redeemed", 10, None, "basic", None),
        ("dot", "2024-02-01", "redeemed", 5, None, "gold", None),
    )
    referrals = records(
        "customer_id referred_customer_id ts",
        ("ann", "bob", "2024-06-30"),
        ("ann", "cid", "2025-06-30"),
        ("ann", "dot", "2025-07-01"),
        ("bob", "eve", "2025-01-01"),
    )
    contracts = records(
        CONTRACT,
        ("ann", "K1", "mobile", "S", "2023-07-02", None, "2024-06-30"),
        ("ann", "K2", "mobile", "M", "2024-07-15", None, None),
        ("ann", "K3", "net", None, "2025-01-01", "2025-06-01", "2025-07-31"),
        ("ann", "K4", "tv", "L", "2025-02-01", "2025-07-10", "2025-08-31"),
        ("ann", "K5", "net", None, "2025-07-01", None, "2026-06-30"),
        ("bob", "K6", "net", "S", "2025-01-01", "2025-03-01", None),
        ("cid", "K7", None, "S", "2025-06-01", "2025-05-01", "2025-06-09"),
        ("cid", "K9", None, "M", "2025-06-20", None, None),
        ("cid", "K8", None, "L", "2025-06-20", None, None),
    )
    tables = {"orders": orders, "points": points, "referrals": referrals, "contracts": contracts}
    frame = open_lasting_shop(tables).vectors(*DAYS, families=FAMILIES).frame
    return frame.set_index(["customer_id", "as_of"])


@pytest.fixture(scope="module")
def ann(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["ann", AS_OF]


@pytest.fixture(scope="module")
def bob(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["bob", AS_OF]


@pytest.fixture(scope="module")
def cid(vectors: pd.DataFrame) -> pd.Series[Any]:
    return vectors.loc["cid", AS_OF]


def assert_values(vector: pd.Series[Any], **expected: Any) -> None:
    words = {name: value for name, value in expected.items() if isinstance(value, str)}
    numbers = {name: value for name, value in expected.items() if name not in words}
    assert {name: vector[name] for name in words} == words
    found = {name: vector[name] for name in numbers}
    assert found == pytest.approx(numbers, abs=1e-6, rel=0, nan_ok=True)


def test_points_are_added_up_as_booked(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        points_earned=220,
        points_redeemed=80,
        points_expired=20,
        points_balance=120,
        points_redemption_rate=80 / 220,
        points_earned_90d=120,
        points_earned_365d=120,
        points_redeemed_365d=80,
        last_points_earned_days=60,
        last_points_redeemed_days=61,
    )


def test_points_that_lapse_are_bounded_by_the_balance(
    vectors: pd.DataFrame, ann: pd.Series[Any]
) -> None:
    # Those that lapse on the day of the cutoff and 89 days later, not 90 days later.
    assert_values(ann, points_expiring_90d=50 + 40)
    assert_values(vectors.loc["bob", AS_OF], points_balance=15, points_expiring_90d=15)
    assert_values(vectors.loc["cid", AS_OF], points_balance=-6, points_expiring_90d=0)
    assert_values(vectors.loc["dot", AS_OF], points_balance=-5, points_expiring_90d=nan)


def test_a_booking_counts_from_when_it_could_be_read(vectors: pd.DataFrame) -> None:
    before, after = (vectors.loc["ann", date(2025, 7, day)] for day in (5, 6))
    assert_values(before, points_earned=227, points_redeemed_365d=80, last_points_earned_days=4)
    assert_values(after, points_earned=1227, points_earned_90d=40 + 30 + 7)


def test_levels_are_followed_in_the_order_of_bookings(
    vectors: pd.DataFrame, ann: pd.Series[Any]
) -> None:
    # silver; at one second redeemed at silver and earned gold; gold; silver.
    assert_values(ann, loyalty_level="silver", loyalty_level_changes=2, loyalty_level_days=30)
    # Later it is known that she was bronze in March, and she has become gold on 1 July.
    later = vectors.loc["ann", date(2025, 7, 6)]
    assert_values(later, loyalty_level="gold", loyalty_level_changes=5, loyalty_level_days=5)


def test_levels_that_nothing_puts_in_order_go_by_name(vectors: pd.DataFrame) -> None:
    dot = vectors.loc["dot", AS_OF]
    assert_values(dot, loyalty_level="gold", loyalty_level_changes=2)
    bob = vectors.loc["bob", AS_OF]
    assert_values(bob, loyalty_level=nan, loyalty_level_changes=nan, loyalty_level_days=nan)


def test_referrals_are_seen_from_both_sides(vectors: pd.DataFrame, ann: pd.Series[Any]) -> None:
    assert_values(ann, referrals_made=2, referrals_made_365d=1, last_referral_made_days=1)
    assert_values(ann, was_referred=0, referred_days=nan)
    bob, dot = vectors.loc["bob", AS_OF], vectors.loc["dot", AS_OF]
    assert_values(bob, referrals_made=1, was_referred=1, referred_days=366)
    assert_values(dot, referrals_made=nan, was_referred=nan)
    assert_values(vectors.loc["dot", date(2025, 7, 2)], referrals_made=0, was_referred=1)
    assert_values(vectors.loc["dot", date(2025, 7, 2)], last_referral_made_days=nan)


def test_contracts_are_as_known_at_the_cutoff(ann: pd.Series[Any]) -> None:
    # K1 ended, K2, K3 and K4 are active, notice is known of K3 alone; K5 is yet to begin.
    assert_values(
        ann,
        contract_tenure_days=730,
        contracts_ever=4,
        contracts_active=3,
        oldest_active_contract_days=351,
        products_held=3,
        products_ever_held=3,
        contracts_cancelled=1,
        notices_pending=1,
        notice_end_days=30,
        last_contract_start_days=150,
        last_notice_days=30,
        last_contract_end_days=366,
        contract_renewals=1,
        contract_level_changes=1,
        contract_level="L",
    )


def test_a_contract_is_active_up_to_its_last_day(vectors: pd.DataFrame) -> None:
    on_it, after = (vectors.loc["ann", day] for day in (date(2025, 7, 31), date(2025, 8, 1)))
    assert_values(on_it, contracts_active=4, notices_pending=2, notice_end_days=0)
    assert_values(after, contracts_active=3, notices_pending=1, notice_end_days=30)
    assert_values(after, contracts_cancelled=2, last_contract_end_days=1, contract_level="L")
    gone = vectors.loc["ann", date(2025, 9, 1)]
    assert_values(
        gone, contracts_active=2, products_held=2, contract_level="M", notice_end_days=nan
    )


def test_no_notice_or_end_to_come_shows_in_any_column(open_shop: Any, lines: Any) -> None:
    to_come = [
        (None, None),
        (None, "2025-07-01"),
        (None, "2026-01-31"),
        ("2025-07-01", None),
        ("2025-07-01", "2026-01-31"),
        ("2025-09-01", "2025-12-31"),
    ]
    orders = lines(*((f"{n}", f"{n}", "tea", "2025-01-01", 1, 10) for n in range(len(to_come))))
    rows = [(f"{n}", f"K{n}", "net", "S", "2025-01-01", *end) for n, end in enumerate(to_come)]
    shop = open_shop({"orders": orders, "contracts": records(CONTRACT, *rows)})
    columns = shop.vectors(AS_OF).frame.drop(columns="customer_id")
    assert columns["contracts_active"].tolist() == [1.0] * len(to_come)
    assert len(columns.drop_duplicates()) == 1


def test_a_notice_without_a_last_day_ends_the_contract(
    vectors: pd.DataFrame, bob: pd.Series[Any]
) -> None:
    assert_values(vectors.loc["bob", date(2025, 3, 1)], contracts_active=1, notices_pending=0)
    assert_values(bob, contracts_active=0, contracts_cancelled=1, notices_pending=0)
    assert_values(bob, last_contract_end_days=122, contract_level=nan)
    assert_values(bob, oldest_active_contract_days=nan)


def test_of_what_was_cancelled_before_it_began_nothing_is_known_before(
    vectors: pd.DataFrame, cid: pd.Series[Any]
) -> None:
    assert_values(vectors.loc["cid", date(2025, 6, 1)], contracts_ever=nan)
    pending = vectors.loc["cid", date(2025, 6, 2)]
    assert_values(pending, contracts_ever=1, notices_pending=1, notice_end_days=7)
    assert_values(pending, last_notice_days=32, products_held=0)
    # K8 and K9 began on one day, within 30 of K7's end: S to L to M by contract id.
    assert_values(cid, contract_renewals=2, contract_level_changes=2, contract_level="L")


def test_a_renewal_follows_within_thirty_days(open_shop: Any, orders: pd.DataFrame) -> None:
    contracts = records(
        CONTRACT,
        ("ann", "A1", "net", "S", "2025-01-01", None, "2025-01-31"),
        ("ann", "A2", "net", "S", "2025-01-31", None, "2025-03-31"),  # on the last day
        ("ann", "A3", "tv", "S", "2025-02-15", None, None),  # 15 days after
        ("ann", "A4", "tv", "S", "2025-03-03", None, None),  # 31 days after
        ("ann", "A5", "net", "S", "2025-04-30", None, None),  # 30 days after
        ("bob", "B1", "net", "S", "2025-01-01", None, "2025-01-01"),  # no renewal of itself
        ("bob", "B2", "net", None, "2025-01-01", None, None),  # nor of one of that day
        ("bob", "B3", "net", "M", "2025-01-02", None, None),
    )
    shop = open_shop({"orders": orders, "contracts": contracts})
    ann, bob = shop.vector("ann", AS_OF), shop.vector("bob", AS_OF)
    assert_values(ann, contract_renewals=3, contract_level_changes=0)
    assert_values(bob, contract_renewals=1, contract_level_changes=0)
