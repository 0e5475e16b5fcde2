"""Whole baskets of Dunnhumby with every product, however rarely it was bought."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from benchmarks.recommend.data import table
from models.recommend.interactions import Interactions


def dunnhumby_baskets() -> Interactions:
    """Return the baskets of days 1 to 79, day 1 being 1970-01-02; categories are product types."""
    lines = table("dunnhumby_complete_journey/baskets_first_79_days.parquet")
    customers, products, orders = (
        lines[name].astype(str).to_numpy(dtype=str) for name in ("user_id", "item_id", "basket_id")
    )
    end = date(1970, 1, 1) + timedelta(days=80)
    bought = Interactions.from_arrays(customers, products, orders, lines["date"], end)
    hierarchy = table("dunnhumby_complete_journey/products.parquet").drop_duplicates("product_id")
    types = hierarchy.set_index(hierarchy["product_id"].astype(str))["product_type"]
    found = types.reindex(bought.product_ids).fillna("")
    return bought.described(categories=np.asarray(found.to_numpy(dtype=str)))
