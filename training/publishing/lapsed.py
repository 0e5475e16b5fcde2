"""How many lapsed customers come back: P(buys) of those who have no churn score."""

from __future__ import annotations

from datetime import date, timedelta

from features.engine import Engine
from features.labels import build_labels
from features.prepare import Prepared
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def reactivation_rate(
    engine: Engine, prepared: Prepared, shop: ShopSettings, as_of: date, horizon_days: int
) -> float | None:
    """Return the share of lapsed customers who ordered again within the horizon.

    Counted over the horizon that ends at ``as_of``, among those who had ordered before it, but not
    in the look-back. None if there was nobody of the kind.
    """
    start = as_of - timedelta(days=horizon_days)
    days_of_history = (start - prepared.first_day).days
    if days_of_history <= shop.lookback_days:
        return None
    ever, lately = (
        build_labels(
            engine, prepared.rollups, [start], horizon_days,
            lookback_days=days, yearly_discount_rate=shop.discount_rate,
        )
        for days in (days_of_history, shop.lookback_days)
    )  # fmt: skip
    lapsed = ever[~ever[C.CUSTOMER_ID].isin(lately[C.CUSTOMER_ID])]
    return None if lapsed.empty else float(1 - lapsed["churned"].mean())
