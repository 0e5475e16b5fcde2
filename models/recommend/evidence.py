"""What the ranker knows of a customer and a product beside the sources' scores.

Everything is as of the customer's latest order, so that a customer one basket earlier looks
as a customer does now. Where a thing is unknown the number is NaN, which trees handle.
"""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.recommend.interactions import Interactions
from models.recommend.orders import OrderTable, PairTable
from models.recommend.repurchase import usual_gap

Floats = NDArray[np.float32]

EVIDENCE_NAMES: Final = (
    # The customer and the product
    "times", "share_of_orders", "share_since_first", "orders_since_last", "orders_since_first",
    "usual_gap_orders", "due_orders", "last_gap_orders", "slow", "fast", "habit_trend",
    "days_since_last", "usual_gap_days", "due_days",
    # The customer
    "orders", "basket_size", "last_basket_size", "repeat_habit", "order_gap_days", "recency_days",
    # The product
    "popularity", "popularity_trend", "buyers", "times_per_buyer", "repeat_rate", "follow_rate",
    "age_days",
    # The category and the price, where known
    "category_share", "category_orders_since_last", "category_repeat_rate", "category_popularity",
    "price", "price_fit",
)  # fmt: skip

_TREND_SHARE: Final = 0.15
"""Latest part of the time span that a product's trend compares with the whole."""


class Evidence:
    """Numbers per customer and product, read from purchases; see ``EVIDENCE_NAMES``.

    Recency is the one number that looks at the cutoff; all other ages end at the customer's
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
        """Return the numbers of each customer and product; shape (m, len(EVIDENCE_NAMES)).

        Unknown customers (-1) have NaN wherever the customer matters.
        """
        known = customers >= 0
        places, bought = self._pairs.places(customers * self._n_products + products)
        own = np.where((bought & known)[:, None], self._pair_facts[places], _NEVER)
        person = np.where(known[:, None], self._customers[customers], np.nan)
        parts = [own, person, self._products[products]]
        parts.append(self._category_part(customers, products, person[:, 0]))
        parts.append(self._price_part(customers, products))
        return np.hstack(parts).astype(np.float32)

    def _category_part(
        self,
        customers: NDArray[np.int64],
        products: NDArray[np.int64],
        orders: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        part = np.full((customers.size, 4), np.nan)
        if self._categories is None or self._n_categories == 0:
            return part
        codes = self._categories[products]
        told = (codes >= 0) & (customers >= 0)
        places, bought = self._category_pairs.places(customers * self._n_categories + codes)
        bought &= told
        part[told, 0] = 0.0
        part[bought, 0] = self._category_pairs.times[places[bought]] / orders[bought]
        part[bought, 1] = self._category_pairs.last_lag[places[bought]]
        part[codes >= 0, 2] = self._category_facts[codes[codes >= 0], 4]
        part[codes >= 0, 3] = self._category_facts[codes[codes >= 0], 0]
        return part

    def _price_part(
        self, customers: NDArray[np.int64], products: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        part = np.full((customers.size, 2), np.nan)
        if self._prices is None:
            return part
        with np.errstate(divide="ignore", invalid="ignore"):
            part[:, 0] = np.log(self._prices[products])
        part[:, 1] = part[:, 0] - np.where(customers >= 0, self._usual_prices[customers], np.nan)
        part[~np.isfinite(part)] = np.nan
        return part


_NEVER: Final = np.array([0, 0, 0, *[np.nan] * 5, 0, 0, *[np.nan] * 4])
"""The numbers of a pair that never was: no times, no share, and no ages."""


def _pair_facts(
    pairs: PairTable, counts: NDArray[np.int64], last_days: NDArray[np.int64], n_products: int
) -> NDArray[np.float64]:
    """Fourteen numbers per pair, in the order of the names."""
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
    """Mean days between each customer's orders: when the next may be expected; 0 for one order."""
    first = np.full(last_days.size, np.iinfo(np.int64).max)
    np.minimum.at(first, customers, pairs.first_day)
    gaps = np.where(counts > 1, (last_days - first) / np.maximum(counts - 1, 1), 0.0)
    return np.asarray(gaps[customers])


def _customer_facts(
    interactions: Interactions, orders: OrderTable, pairs: PairTable
) -> NDArray[np.float64]:
    """Six numbers per customer, in the order of the names."""
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
    """Seven numbers per product, in the order of the names."""
    n = interactions.n_products
    times = np.bincount(interactions.products, minlength=n).astype(np.float64)
    bought = pairs.keys % max(n, 1)
    buyers = np.bincount(bought, minlength=n)
    again = np.bincount(bought, pairs.times > 1, minlength=n)
    lags = orders.lags()[interactions.orders]
    # Purchases that a later order could repeat, and those that the very next order did.
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
    """Whether the customer's very next order holds the product again."""
    depth = int(lags.max(initial=0)) + 2
    pair = interactions.customers * interactions.n_products + interactions.products
    keys = pair * depth + lags
    return np.isin(keys - 1, keys) & (lags > 0)


def _by_category(interactions: Interactions, categories: NDArray[np.int64]) -> Interactions:
    """Say category wherever a product with a known one was bought."""
    codes = categories[interactions.products]
    told = codes >= 0
    # One entry per order and category: a second product of it is the same purchase.
    cells = interactions.orders * (int(categories.max(initial=-1)) + 1) + codes
    first = np.zeros(codes.size, dtype=np.bool_)
    first[np.unique(np.where(told, cells, -1), return_index=True)[1]] = True
    mask = told & first
    names = np.arange(int(categories.max(initial=-1)) + 1).astype(np.str_)
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
    """Mean logarithm of what each customer paid; NaN where nothing priced was bought."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(prices[interactions.products])
    priced = np.isfinite(logs)
    n = interactions.n_customers
    sums = np.bincount(interactions.customers[priced], logs[priced], minlength=n)
    counts = np.bincount(interactions.customers[priced], minlength=n)
    means = np.full(n, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
