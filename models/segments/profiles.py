"""A cluster in plain words, from the meanings and units of the columns that set it apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import Column
from models.drivers.wording import figure, readable

Floats = NDArray[np.float64]

_MOST_WORDS = 4
# Smaller differences in mean rank are not worth mentioning.
_LEAST_SHIFT = 0.08
_PRICE_LEVEL = ("buys the cheaper things of a category", "buys the dearer things of a category")
# Phrases for low and high values of well-known columns; other columns are named by their meaning.
_PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    "cart_abandonment_365d": ("buys what is put in the cart", "leaves carts behind"),
    "categories_bought": ("buys from few categories", "buys from many categories"),
    "discounted_line_share": ("buys at full price", "buys on discount"),
    "gap_median_days": ("orders often", "orders seldom"),
    "last_event_days": ("browsed lately", "has not browsed for long"),
    "lines_per_order": ("fills small baskets", "fills large baskets"),
    "order_value_mean": ("small orders", "large orders"),
    "order_days": ("ordered on few days", "ordered on many days"),
    "orders_365d": ("few orders a year", "many orders a year"),
    "overdue_ratio": ("is not yet due", "is overdue"),
    "price_level": _PRICE_LEVEL,
    "price_level_365d": _PRICE_LEVEL,
    "products_bought": ("few different products", "many different products"),
    "recency_days": ("ordered lately", "has not ordered for long"),
    "repeat_product_share": ("tries new products", "buys the same again"),
    "return_line_rate": ("seldom returns", "often returns"),
    "revenue_365d": ("low spend a year", "high spend a year"),
    "unit_price_mean": ("buys cheap units", "buys dear units"),
    "views_90d": ("browses little", "browses much"),
    "weekend_share": ("orders on workdays", "orders at weekends"),
}


def profile_cluster(
    vectors: pd.DataFrame,
    ranks: Floats,
    members: NDArray[np.bool_],
    columns: Sequence[Column],
    families: Sequence[str],
    currency: str,
) -> str:
    """Describe a cluster by the columns that differ most from everyone, one per family.

    Parameters
    ----------
    vectors, ranks
        Everyone: features, and the ranks of ``columns``.
    members
        Who is in the cluster.
    columns, families
        The ranked columns, and the family of each.

    Returns
    -------
    Such as "orders often (median gap between order days: 21 days, else 58 days); ...".
    """
    shift = ranks[members].mean(axis=0) - ranks.mean(axis=0)
    # Well-known columns first: they are easier to act on than what merely differs more.
    known = np.array([column.name in _PHRASES for column in columns])
    notable = np.abs(shift) >= _LEAST_SHIFT
    order = np.lexsort((-np.abs(shift), ~(known & notable)))
    phrases: dict[str, tuple[float, str]] = {}
    for place in order.tolist():
        if notable[place] and families[place] not in phrases:
            words = _words(columns[place], vectors, members, shift[place], currency)
            if words:
                phrases[families[place]] = (abs(shift[place]), words)
    strongest = sorted(phrases.values(), key=lambda pair: -pair[0])[:_MOST_WORDS]
    return "; ".join(words for _, words in strongest) or "like everyone"


def _words(
    column: Column,
    vectors: pd.DataFrame,
    members: NDArray[np.bool_],
    shift: float,
    currency: str,
) -> str:
    """Say how the members differ; an empty text if the rounded figures are the same."""
    values = vectors[column.name].to_numpy(dtype=np.float64)
    inside, outside = (_median_figure(values[who], column, currency) for who in (members, ~members))
    if inside == outside:
        return ""
    meaning = readable(column.meaning)
    low, high = _PHRASES.get(column.name, (f"low: {meaning}", f"high: {meaning}"))
    measured = f"median {inside}, else {outside}"
    if column.name in _PHRASES:
        measured = f"{meaning}: {measured}"
    return f"{low if shift < 0 else high} ({measured})"


def _median_figure(values: Floats, column: Column, currency: str) -> str:
    known = values[~np.isnan(values)]
    return figure(float(np.median(known)), column.unit, currency) if len(known) else "none"
