"""What holds for every shop, however odd its records."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.family import discover_families
from features.settings import CheckSettings

FIRST_DAY, DAYS = date(2025, 1, 1), 60
LAST_CUTOFF = FIRST_DAY + timedelta(days=3 * DAYS)
FAMILIES = [
    family
    for family in discover_families()
    if family.name in {"basket", "returns", "recency_frequency_monetary"}
]

WHEN = st.integers(0, DAYS * 24 - 1)
LINE = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["1", "2", "3", "4"]),
        "customer_id": st.sampled_from(["ann", "bob", "cid", None]),
        "product_id": st.sampled_from(["tea", "mug", "jam"]),
        "hour": WHEN,
        "quantity": st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]),
        "unit_price": st.sampled_from([-1.0, 0.0, 0.1, 0.2, 9.99, 1234.56]),
        "discount": st.sampled_from([None, 0.0, 0.05]),
        "nights_late": st.sampled_from([None, 1, DAYS]),
    }
)
A_GOOD_LINE = {
    "order_id": "9", "customer_id": "dot", "product_id": "tea", "hour": 0, "quantity": 1.0,
    "unit_price": 1.0, "discount": None, "nights_late": None,
}  # fmt: skip


def as_orders(drawn: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame([A_GOOD_LINE, *drawn])
    ts = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(frame["hour"], unit="h")
    late = pd.to_timedelta(frame["nights_late"].astype(float), unit="D")
    frame = frame.assign(ts=ts, available_at=ts + late, discount=frame["discount"].astype(float))
    frame["customer_id"] = frame["customer_id"].astype("str")
    return frame.drop(columns=["hour", "nights_late"])


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(LINE, max_size=25), half_way=st.integers(1, 2 * DAYS))
def test_nothing_is_lost_and_the_past_only_grows(
    open_shop: Any, drawn: list[dict[str, Any]], half_way: int
) -> None:
    shop = open_shop({"orders": as_orders(drawn)}, checks=CheckSettings(tolerance=1.0))
    clean = shop.clean("orders")
    assert len(clean) + len(shop.quarantine()) == 1 + len(drawn)

    discount = clean["discount"].fillna(0.0) * np.sign(clean["quantity"])
    revenue = (clean["quantity"] * clean["unit_price"] - discount).groupby(clean["customer_id"])
    days = shop.rollup("customer_day").groupby("customer_id")["revenue"]
    assert days.sum().to_dict() == pytest.approx(revenue.sum().to_dict(), abs=1e-6)

    sooner_or_later = (FIRST_DAY + timedelta(days=half_way), LAST_CUTOFF)
    frame = shop.vectors(*sooner_or_later, families=FAMILIES).frame.set_index("customer_id")
    sooner, later = (frame[frame["as_of"] == cutoff] for cutoff in sooner_or_later)

    in_the_end = later["revenue_lifetime"].to_dict()
    assert in_the_end == pytest.approx(revenue.sum().to_dict(), abs=1e-5)
    assert set(sooner.index) <= set(later.index)
    for grows in ("return_lines", "refunds_lifetime", "products_bought", "categories_bought"):
        growth = later[grows].fillna(0.0) - sooner[grows].fillna(0.0)
        assert growth.loc[sooner.index].min() >= 0 or sooner.empty, grows

    orders = clean.groupby("customer_id")["order_id"].nunique()
    counted = later["orders_lifetime"].fillna(0.0) + later["void_orders"]
    assert (counted <= orders[counted.index]).all()
    within = [f"orders_{days}d" for days in (30, 90, 180, 365)] + ["orders_lifetime"]
    nested = later[within].dropna().to_numpy()
    assert (np.diff(nested, axis=1) >= 0).all()


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(LINE, max_size=25), day=st.integers(1, DAYS))
def test_what_was_not_known_at_the_cutoff_changes_nothing(
    open_shop: Any, drawn: list[dict[str, Any]], day: int
) -> None:
    """The battery's first rule, on shops that no simulation would make."""
    cutoff = FIRST_DAY + timedelta(days=day)
    orders = as_orders(drawn)
    known = orders["available_at"].fillna(orders["ts"]) < pd.Timestamp(cutoff)
    checks = CheckSettings(tolerance=1.0)
    whole, past = (
        open_shop({"orders": part}, checks=checks).vectors(cutoff).frame
        for part in (orders, orders[known])
    )
    pd.testing.assert_frame_equal(whole, past, check_exact=True)
