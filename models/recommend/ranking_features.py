"""The ranker's features of a customer and a product, beside the sources' scores.

Ages are counted to the customer's latest order, so that in training, with the last basket taken
away, a customer looks as customers do when served. Unknown values are NaN, which trees handle.
"""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.recommend.interactions import Interactions
from models.recommend.orders import OrderTable, PairTable
from models.recommend.repurchase import usual_gap

Floats = NDArray[np.float32]

_PAIR: Final = (
    "times", "share_of_orders", "share_since_first", "orders_since_last", "orders_since_first",
    "usual_gap_orders", "due_orders", "last_gap_orders", "slow", "fast", "habit_trend",
    "days_since_last", "usual_gap_days", "due_days",
)  # fmt: skip
_CUSTOMER: Final = (
    "orders", "basket_size", "last_basket_size", "repeat_habit", "order_gap_days", "recency_days",
)  # fmt: skip
_PRODUCT: Final = (
    "popularity", "popularity_trend", "buyers", "times_per_buyer", "repeat_rate", "follow_rate",
    "age_days",
)  # fmt: skip
_CATEGORY: Final = (
    "category_share", "category_orders_since_last", "category_repeat_rate", "category_popularity",
)  # fmt: skip
_PRICE: Final = ("price", "price_fit")

FEATURE_NAMES: Final = (*_PAIR, *_CUSTOMER, *_PRODUCT, *_CATEGORY, *_PRICE)
"""Of the pair, the customer, the product, its category and its price; the last two if known."""

_NEVER_BOUGHT: Final = np.array(
    [
        0.0 if name in {"times", "share_of_orders", "share_since_first", "slow", "fast"} else np.nan
        for name in _PAIR
    ]
)
"""The features of a pair without a purchase: counts are zero, ages are unknown."""

_TREND_SHARE: Final = 0.15
"""Share of the time span, the latest part, that a product's trend compares with the whole."""


class RankingFeatures:
    """Features per customer and product, from purchases; see ``FEATURE_NAMES``.

    ``recency_days`` and ``age_days`` are counted to the cutoff, all other ages to the customer's
    latest order.
    """

    def fit(self, interactions: Interactions) -> Self:
        """Summarise customers, products, pairs of them, and categories."""
        self._n_products = interactions.n_products
        orders = OrderTable.from_interactions(interactions)
        self._pairs = PairTable.from_interactions(interactions, orders)
        self._last_days = orders.last_days
        self._customers = _customer_facts(interactions, orders, self._pairs)
        self._products = _product_facts(interactions, orders, self._pairs)
        self._pair_facts = _pair_facts(
            self._pairs, orders.counts, orders.last_days, max(self._n_products, 1)
        )
        self._categories = interactions.categories
        if interactions.categories is not None:
            by_category = _by_category(interactions, interactions.categories)
            self._category_pairs = PairTable.from_interactions(by_category, orders)
            self._category_facts = _product_facts(by_category, orders, self._category_pairs)
            self._n_categories = by_category.n_products
        self._prices = interactions.prices
        if interactions.prices is not None:
            self._usual_prices = _usual_prices(interactions, interactions.prices)
        return self

    def of(self, customers: NDArray[np.int64], products: NDArray[np.int64]) -> Floats:
        """Return the features of m pairs of customer and product, (m, len(FEATURE_NAMES)).

        For unknown customers (-1) all that depends on the customer is NaN.
        """
        known = customers >= 0
        places, bought = self._pairs.places(customers * self._n_products + products)
        own = np.where((bought & known)[:, None], self._pair_facts[places], _NEVER_BOUGHT)
        customer = np.where(known[:, None], self._customers[customers], np.nan)
        orders = customer[:, _CUSTOMER.index("orders")]
        parts = (
            own,
            customer,
            self._products[products],
            self._category_part(customers, products, orders),
            self._price_part(customers, products),
        )
        return np.hstack(parts).astype(np.float32)

    def _category_part(
        self,
        customers: NDArray[np.int64],
        products: NDArray[np.int64],
        orders: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        part = np.full((customers.size, len(_CATEGORY)), np.nan)
        if self._categories is None or self._n_categories == 0:
            return part
        codes = self._categories[products]
        known = codes >= 0
        both_known = known & (customers >= 0)
        places, bought = self._category_pairs.places(customers * self._n_categories + codes)
        bought &= both_known
        part[both_known, 0] = 0.0
        part[bought, 0] = self._category_pairs.times[places[bought]] / orders[bought]
        part[bought, 1] = self._category_pairs.last_lag[places[bought]]
        facts = self._category_facts[codes[known]]
        part[known, 2] = facts[:, _PRODUCT.index("repeat_rate")]
        part[known, 3] = facts[:, _PRODUCT.index("popularity")]
        return part

    def _price_part(
        self, customers: NDArray[np.int64], products: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        part = np.full((customers.size, len(_PRICE)), np.nan)
        if self._prices is None:
            return part
        with np.errstate(divide="ignore", invalid="ignore"):
            part[:, 0] = np.log(self._prices[products])
        part[:, 1] = part[:, 0] - np.where(customers >= 0, self._usual_prices[customers], np.nan)
        part[~np.isfinite(part)] = np.nan
        return part


def _pair_facts(
    pairs: PairTable, counts: NDArray[np.int64], last_days: NDArray[np.int64], n_products: int
) -> NDArray[np.float64]:
    """Return the features ``_PAIR`` of each pair, in that order."""
    customers = pairs.keys // n_products
    gap = usual_gap(pairs)
    days = last_days[customers] - pairs.last_day
    gap_days = np.full(gap.shape, np.nan)
    np.divide(
        pairs.last_day - pairs.first_day, pairs.times - 1, out=gap_days, where=pairs.times > 1
    )
    rhythm = _order_gap_days(pairs, last_days, counts, customers)
    columns = (
        pairs.times,
        pairs.times / counts[customers],
        pairs.times / (pairs.first_lag + 1),
        pairs.last_lag,
        pairs.first_lag,
        gap,
        (pairs.last_lag + 1) / gap,
        pairs.last_gap,
        pairs.slow,
        pairs.fast,
        pairs.fast / pairs.slow,
        days,
        gap_days,
        (days + rhythm) / np.maximum(gap_days, 1),
    )
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _order_gap_days(
    pairs: PairTable,
    last_days: NDArray[np.int64],
    counts: NDArray[np.int64],
    customers: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return for each pair the mean days between its customer's orders; 0 with one order."""
    first = np.full(last_days.size, np.iinfo(np.int64).max)
    np.minimum.at(first, customers, pairs.first_day)
    gaps = np.where(counts > 1, (last_days - first) / np.maximum(counts - 1, 1), 0.0)
    return np.asarray(gaps[customers])


def _customer_facts(
    interactions: Interactions, orders: OrderTable, pairs: PairTable
) -> NDArray[np.float64]:
    """Return the features ``_CUSTOMER`` of each customer, in that order."""
    n = interactions.n_customers
    counts = np.maximum(orders.counts, 1)
    lines = np.bincount(interactions.customers, minlength=n)
    distinct = np.bincount(pairs.keys // max(interactions.n_products, 1), minlength=n)
    latest = orders.lags() == 0
    last_size = np.zeros(n)
    last_size[orders.customers[latest]] = orders.sizes[latest]
    first = orders.last_days.copy()
    np.minimum.at(first, orders.customers, orders.days)
    gap = np.full(n, np.nan)
    np.divide(orders.last_days - first, counts - 1, out=gap, where=counts > 1)
    columns = (
        orders.counts,
        lines / counts,
        last_size,
        1 - distinct / np.maximum(lines, 1),
        gap,
        interactions.as_of_day - orders.last_days,
    )
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _product_facts(
    interactions: Interactions, orders: OrderTable, pairs: PairTable
) -> NDArray[np.float64]:
    """Return the features ``_PRODUCT`` of each product, in that order."""
    n = interactions.n_products
    times = np.bincount(interactions.products, minlength=n).astype(np.float64)
    bought = pairs.keys % max(n, 1)
    buyers = np.bincount(bought, minlength=n)
    again = np.bincount(bought, pairs.times > 1, minlength=n)
    lags = orders.lags()[interactions.orders]
    # Purchases that a later order could repeat, and those that the next order did repeat.
    could = np.bincount(interactions.products, lags > 0, minlength=n)
    did = np.bincount(interactions.products, _followed(interactions, lags), minlength=n)
    days = interactions.days
    first_day = np.full(n, interactions.as_of_day)
    np.minimum.at(first_day, interactions.products, days)
    span = interactions.as_of_day - days.min(initial=interactions.as_of_day)
    late = days >= interactions.as_of_day - _TREND_SHARE * span
    recent = np.bincount(interactions.products, late, minlength=n)
    columns = (
        np.log1p(times),
        (recent + 1) / (_TREND_SHARE * times + 1),
        np.log1p(buyers),
        times / np.maximum(buyers, 1),
        (again + 1) / (buyers + 10),
        (did + 1) / (could + 10),
        interactions.as_of_day - first_day,
    )
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _followed(interactions: Interactions, lags: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each entry whether the customer's next order holds the product again."""
    depth = int(lags.max(initial=0)) + 2
    pair = interactions.customers * interactions.n_products + interactions.products
    keys = pair * depth + lags
    return np.isin(keys - 1, keys) & (lags > 0)


def _by_category(interactions: Interactions, categories: NDArray[np.int64]) -> Interactions:
    """Return the purchases with each product replaced by its category, if known."""
    codes = categories[interactions.products]
    n_categories = int(categories.max(initial=-1)) + 1
    known = codes >= 0
    # One entry per order and category: a second product of it is the same purchase.
    cells = interactions.orders * n_categories + codes
    first = np.zeros(codes.size, dtype=np.bool_)
    first[np.unique(np.where(known, cells, -1), return_index=True)[1]] = True
    mask = known & first
    names = np.arange(n_categories).astype(np.str_)
    return Interactions(
        interactions.customer_ids,
        names,
        interactions.customers[mask],
        codes[mask],
        interactions.orders[mask],
        interactions.days[mask],
        interactions.as_of_day,
    )


def _usual_prices(interactions: Interactions, prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean logarithm of the prices each customer paid; NaN without a known price."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(prices[interactions.products])
    priced = np.isfinite(logs)
    n = interactions.n_customers
    sums = np.bincount(interactions.customers[priced], logs[priced], minlength=n)
    counts = np.bincount(interactions.customers[priced], minlength=n)
    means = np.full(n, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
