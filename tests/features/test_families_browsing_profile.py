"""What customers look at and what they declared, worked out by hand.

Ann, Bob and Cid ordered once each; Dot signed up and never came.
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
    orders = lines(*((name, name, "tea", "2025-05-01", 1, 10) for name in ("ann", "bob", "cid")))
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "bob", "cid", "dot"],
            "signed_up_at": pd.to_datetime(["2025-01-01", "2025-04-01", None, "2025-02-01"]),
            "birth_year": pd.array([1990, None, 1950, 1980], dtype="Int64"),
            "gender": ["female", None, "male", "female"],
            "country": ["Germany", "Kenya", "Kenya", "Kenya"],
            "region": [None] * 4,
            "acquisition_channel": ["search", None, None, "fair"],
            "acquisition_cost": [7.5, nan, 3.0, 1.0],
            "email_consent": pd.array([True, False, None, True], dtype="boolean"),
        }
    )
    seen = [
        ("ann", "2025-06-30 09:00", "view", "s1"),
        ("ann", "2025-06-30 09:05", "view", "s1"),
        ("ann", "2025-06-30 09:06", "search", "s1"),
        ("ann", "2025-06-24 20:00", "cart_add", "s2"),  # 7 days before
        ("ann", "2025-04-02 20:00", "view", "s3"),  # 90 days before
        ("ann", "2024-07-01 20:00", "view", "s4"),  # 365 days before
        ("ann", "2025-07-01 00:00", "view", "s5"),  # at the cutoff
    ]
    events = pd.DataFrame(seen, columns=["customer_id", "ts", "event_type", "session_id"])
    # What the till of the fair told a week late.
    events = pd.concat([events, events.iloc[[0]].assign(available_at="2025-07-07")])
    tables = {"orders": orders, "customers": customers, "events": events}
    return open_lasting_shop(tables)


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


def test_browsing_is_counted_by_window_up_to_the_cutoff(ann: pd.Series[Any]) -> None:
    assert_values(
        ann,
        views_7d=2,
        views_30d=2,
        views_90d=3,
        searches_7d=1,
        searches_90d=1,
        cart_adds_7d=1,
        cart_adds_90d=1,
        sessions_7d=2,
        sessions_30d=2,
        sessions_90d=3,
        active_days_365d=4,
        last_event_days=1,
        last_cart_add_days=7,
        cart_adds_per_view=1 / 4,
    )


def test_events_that_arrive_late_add_to_their_own_day(shop: Any) -> None:
    later = shop.vector("ann", date(2025, 7, 8))
    # One more view of 30 June, and the one at midnight of 1 July; that day was known already.
    assert_values(later, views_30d=4, active_days_365d=4, last_event_days=7, last_cart_add_days=14)


def test_who_never_browsed_has_no_browsing(bob: pd.Series[Any]) -> None:
    assert_values(bob, views_90d=nan, sessions_7d=nan, last_event_days=nan, cart_adds_per_view=nan)


def test_a_profile_is_what_was_declared(
    ann: pd.Series[Any], bob: pd.Series[Any], cid: pd.Series[Any]
) -> None:
    assert_values(ann, relationship_days=181, age_years=35, acquisition_cost=7.5)
    assert_values(bob, relationship_days=91, age_years=nan, acquisition_cost=nan)
    assert_values(cid, relationship_days=nan, age_years=75)
    assert (ann["gender"], ann["country"], ann["acquisition_channel"]) == (
        "female",
        "Germany",
        "search",
    )
    assert pd.isna([ann["region"], bob["gender"], bob["acquisition_channel"]]).all()


@pytest.mark.parametrize(("as_of", "age"), [(date(2025, 12, 31), 35), (date(2026, 1, 1), 36)])
def test_age_counts_calendar_years(shop: Any, as_of: date, age: int) -> None:
    assert_values(shop.vector("ann", as_of), age_years=age)


def test_who_never_ordered_has_no_vector(shop: Any) -> None:
    assert set(shop.vectors(AS_OF).frame["customer_id"]) == {"ann", "bob", "cid"}
