"""What customers look at and what comes of it, worked out by hand.

Ann browses, Bob never does; Eve, Fay and Gus look at products, put them in the cart and buy.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import nan
from typing import Any

import numpy as np
import pandas as pd
import pytest

AS_OF = date(2025, 7, 1)
# Who, when, what, which product, visit, channel, number of the event, when it could be read.
NAMES = ("customer_id", "ts", "event_type", "product_id", "session_id", "channel", "event_id")
EVENTS = (
    ("ann", "2025-06-30 09:00", "view", "tea", "s1", "app", None, None),
    ("ann", "2025-06-30 09:05", "view", "tea", "s1", "app", None, None),
    ("ann", "2025-06-30 09:06", "search", None, "s1", "app", None, None),
    ("ann", "2025-06-24 20:00", "cart_add", "tea", "s2", "web", None, None),  # 7 days before
    ("ann", "2025-04-02 20:00", "view", "tea", "s3", None, None, None),  # 90
    ("ann", "2024-07-01 20:00", "view", "tea", "s4", None, None, None),  # 365
    ("ann", "2025-07-01 00:00", "view", "tea", "s5", "store", None, None),  # at the cutoff
    # What the till of the fair told a week late.
    ("ann", "2025-06-30 09:00", "view", "tea", "s1", "app", None, "2025-07-07"),
    ("cid", "2024-06-30 09:00", "search", None, None, None, None, None),  # 366
    ("eve", "2025-06-13 09:00", "view", "tea", "e1", None, None, None),  # bought a week later
    ("eve", "2025-06-13 09:01", "cart_add", "tea", "e1", None, None, None),
    ("eve", "2025-06-17 09:00", "view", "mug", "e2", None, None, None),  # bought 8 days later
    ("eve", "2025-06-17 10:00", "view", "mug", "e2", None, None, None),  # once a day
    ("eve", "2025-06-17 10:01", "cart_add", "mug", "e2", None, None, None),
    ("eve", "2025-06-28 23:59", "view", "jam", "e3", None, None, None),  # bought on that day
    ("eve", "2025-06-28 23:59", "cart_add", "jam", "e3", None, None, None),
    ("eve", "2025-06-29 00:05", "cart_add", "pen", "e3", None, None, None),  # never
    ("fay", "2025-06-01 09:00", "cart_add", "tea", "f1", None, None, None),
    ("gus", "2025-06-05 09:00", "view", "tea", "g1", None, "E1", None),
    ("gus", "2025-06-05 09:00", "view", "tea", "g1", None, "E1", None),  # delivered again
    ("gus", "2025-06-06 09:00", "view", "tea", "g2", None, "E1", "2025-06-20"),  # and again
    ("gus", "2025-06-05 09:00", "view", "tea", "g1", None, "E2", None),
)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    bought = [
        *((name, name, "mug", "2025-05-01", 1, 10) for name in ("ann", "bob", "cid", "eve")),
        ("e1", "eve", "tea", "2025-06-20 10:00", 1, 10),
        ("e2", "eve", "mug", "2025-06-25 10:00", 1, 10),
        ("e3", "eve", "jam", "2025-06-28 10:00", 1, 10),
        ("f1", "fay", "tea", "2025-06-02 10:00", 1, 10),  # known of much later
        ("f2", "fay", "mug", "2025-05-02 10:00", 1, 10),
        ("g1", "gus", "tea", "2025-06-04 10:00", 1, 10),  # looked at only afterwards
    ]
    late = pd.to_datetime(["2025-06-20" if line[0] == "f1" else None for line in bought])
    events = pd.DataFrame(EVENTS, columns=[*NAMES, "available_at"])
    return open_lasting_shop({"orders": lines(*bought, available_at=late), "events": events})


def assert_values(vector: pd.Series[Any], **expected: Any) -> None:
    found = {name: vector[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6, rel=0, nan_ok=True)


def test_browsing_is_counted_by_window_up_to_the_cutoff(shop: Any) -> None:
    assert_values(
        shop.vector("ann", AS_OF),
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
        cart_adds_per_view=1 / 4,
    )


def test_every_kind_of_event_has_its_recency(shop: Any) -> None:
    ann = shop.vector("ann", AS_OF)
    assert_values(ann, last_event_days=1, last_view_days=1, last_search_days=1)
    assert_values(ann, last_cart_add_days=7)
    cid = shop.vector("cid", AS_OF)
    assert_values(cid, last_event_days=366, last_search_days=366)
    assert_values(cid, last_view_days=nan, last_cart_add_days=nan)


def test_events_that_arrive_late_add_to_their_own_day(shop: Any) -> None:
    later = shop.vector("ann", date(2025, 7, 8))
    # One more view of 30 June, and the one at midnight of 1 July; that day was known already.
    assert_values(later, views_30d=4, active_days_365d=4, last_event_days=7, last_cart_add_days=14)


def test_who_never_browsed_has_no_browsing(shop: Any) -> None:
    bob = shop.vector("bob", AS_OF)
    assert_values(bob, views_90d=nan, sessions_7d=nan, last_event_days=nan, cart_adds_per_view=nan)
    assert_values(bob, cart_open_products_7d=nan, sessions_per_order_365d=nan, views_trend=nan)


def test_browsing_long_ago_no_longer_counts(shop: Any) -> None:
    cid = shop.vector("cid", AS_OF)
    assert_values(cid, views_90d=0, active_days_365d=0, cart_open_products_7d=0)
    assert_values(cid, sessions_90d=nan, views_trend=nan, cart_abandonment_365d=nan)


def test_a_delivery_repeated_is_the_same_event(shop: Any) -> None:
    for day in (10, 30):
        gus = shop.vector("gus", date(2025, 6, day))
        assert_values(gus, views_30d=2, sessions_30d=1, active_days_365d=1)


def test_events_are_shared_out_over_their_channels(shop: Any) -> None:
    ann = shop.vector("ann", AS_OF)
    assert_values(ann, app_event_share_365d=3 / 4, web_event_share_365d=1 / 4)
    assert_values(ann, store_event_share_365d=0)
    assert_values(shop.vector("eve", AS_OF), app_event_share_365d=nan)


def test_views_lately_are_set_against_the_usual(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), views_trend=(2 / 30) / (4 / 365))
    # The four views since 13 June, 18 days before, are all there are.
    assert_values(shop.vector("eve", AS_OF), views_trend=1)


def test_visits_are_set_against_orders(shop: Any) -> None:
    assert_values(shop.vector("ann", AS_OF), sessions_per_order_365d=4)
    assert_values(shop.vector("eve", AS_OF), sessions_per_order_365d=3 / 4)


def test_carts_are_left_behind_unless_bought_within_a_week(shop: Any) -> None:
    # Of tea, mug, jam and pen, tea and jam were bought in time; of the last two one lies there.
    assert_values(
        shop.vector("eve", AS_OF),
        cart_abandonment_90d=1 / 2,
        cart_abandonment_365d=1 / 2,
        cart_open_products_7d=1,
    )


def test_a_cart_is_left_behind_until_its_purchase_is_known(shop: Any) -> None:
    assert_values(shop.vector("eve", date(2025, 6, 20)), cart_abandonment_90d=1)
    assert_values(shop.vector("eve", date(2025, 6, 21)), cart_abandonment_90d=1 / 2)
    assert_values(shop.vector("fay", date(2025, 6, 20)), cart_abandonment_90d=1)
    assert_values(shop.vector("fay", date(2025, 6, 21)), cart_abandonment_90d=0)


def test_views_turn_into_purchases_of_the_same_product(shop: Any) -> None:
    # Tea and jam, not the mug, which was looked at twice on one day.
    assert_values(shop.vector("eve", AS_OF), view_to_buy_365d=2 / 3)
    assert_values(shop.vector("gus", AS_OF), view_to_buy_365d=0)
    assert_values(shop.vector("fay", AS_OF), view_to_buy_365d=nan)


def test_visits_and_days_are_distinct_counts_at_every_cutoff(open_shop: Any, lines: Any) -> None:
    """However long visits last and however late records come in, counted anew here."""
    rng, first = np.random.default_rng(2), pd.Timestamp(2025, 1, 1)
    days = rng.integers(0, 60, 80)
    events = pd.DataFrame(
        {
            "customer_id": "eve",
            "ts": first + pd.to_timedelta(days, unit="D"),
            # Nights pass within most of the visits.
            "session_id": [
                f"s{(day + late) // 4}" for day, late in zip(days, days % 3, strict=True)
            ],
            "event_type": "view",
        }
    )
    nights_late = rng.choice([0, 0, 2, 9, 40], len(events))
    events["available_at"] = events["ts"] + pd.to_timedelta(nights_late, unit="D")
    bought = lines(("1", "eve", "tea", "2025-01-01", 1, 10))
    shop = open_shop({"orders": bought, "events": events})
    cutoffs = [first.date() + timedelta(days=n) for n in (3, 8, 15, 28, 45, 62, 110)]
    frame = shop.vectors(*cutoffs).frame.set_index("as_of")
    for cutoff in cutoffs:
        known = events[events["available_at"] < pd.Timestamp(cutoff)]
        age = (pd.Timestamp(cutoff) - known["ts"]).dt.days
        windows = {n: known[age <= n] for n in (7, 30, 90, 365)}
        assert_values(
            frame.loc[cutoff],
            **{f"sessions_{n}d": windows[n]["session_id"].nunique() for n in (7, 30, 90)},
            active_days_365d=windows[365]["ts"].nunique(),
        )
