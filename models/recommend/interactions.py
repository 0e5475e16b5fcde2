"""Who bought what, in which order and on which day: all that a recommender learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from features.errors import DataError
from features.vocabulary import Columns as C

DAY: Final = "day"
"""Column of whole days since 1970-01-01 (UTC), beside the columns of the vocabulary."""

_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class Interactions:
    """Purchases before a cutoff: one entry per order and product, integer-coded.

    Entries are sorted by customer, order and product, so that the order of the input rows changes
    neither this object nor any model fitted on it.

    Attributes
    ----------
    customer_ids, product_ids
        Sorted unique ids; position is the code.
    customers, products, orders, days
        Codes of every entry, and its day since 1970-01-01. Orders are told apart by customer and
        order id; a product counts once per order, whatever its lines and units.
    as_of_day
        The cutoff, in days since 1970-01-01: every day is before it.
    categories
        Code of each product's category, -1 where unknown; None where no product has one.
    prices
        Price of each product, NaN where unknown; None where no product has one.
    """

    customer_ids: NDArray[np.str_]
    product_ids: NDArray[np.str_]
    customers: NDArray[np.int64]
    products: NDArray[np.int64]
    orders: NDArray[np.int64]
    days: NDArray[np.int64]
    as_of_day: int
    categories: NDArray[np.int64] | None = None
    prices: NDArray[np.float64] | None = None

    @classmethod
    def from_lines(cls, lines: pd.DataFrame, as_of: date) -> Self:
        """Code order lines (customer_id, product_id, order_id, day, quantity).

        Raises
        ------
        DataError
            If a column or value is missing, a quantity is not positive, or a line happened on
            or after ``as_of``.
        """
        columns = [C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY, C.QUANTITY]
        absent = [column for column in columns if column not in lines.columns]
        if absent:
            raise DataError(
                f"Purchases lack the columns {absent}.",
                f"Give one row per order line with the columns {columns}.",
            )
        if lines[columns].isna().to_numpy().any():
            raise DataError(
                "Purchases have missing values.", "Drop the lines without a customer or product."
            )
        if (lines[C.QUANTITY].to_numpy() <= 0).any():
            raise DataError(
                "Purchases contain returns or empty lines.",
                "Net returns against their orders first and keep positive quantities.",
            )
        return cls.from_arrays(
            lines[C.CUSTOMER_ID].astype(str).to_numpy(),
            lines[C.PRODUCT_ID].astype(str).to_numpy(),
            lines[C.ORDER_ID].astype(str).to_numpy(),
            lines[DAY].to_numpy(),
            as_of,
        )

    @classmethod
    def from_arrays(
        cls,
        customer_ids: ArrayLike,
        product_ids: ArrayLike,
        order_ids: ArrayLike,
        days: ArrayLike,
        as_of: date,
    ) -> Self:
        """Code equally long arrays of ids and days since 1970-01-01, one entry per line.

        Raises
        ------
        DataError
            If a line happened on or after ``as_of``.
        """
        as_of_day = as_of.toordinal() - _EPOCH
        line_days = np.asarray(days, dtype=np.int64)
        late = int(np.count_nonzero(line_days >= as_of_day))
        if late:
            raise DataError(
                f"{late} purchases happened on or after the cutoff {as_of}.",
                "Keep the lines before the cutoff: a model must not see the future.",
            )
        customer_names, customers = np.unique(_text(customer_ids), return_inverse=True)
        product_names, products = np.unique(_text(product_ids), return_inverse=True)
        order_names, order_numbers = np.unique(_text(order_ids), return_inverse=True)
        # Shops reuse order numbers: the customer is part of an order's identity.
        order_keys = customers.astype(np.int64) * max(order_names.size, 1) + order_numbers
        orders = np.unique(order_keys, return_inverse=True)[1].astype(np.int64)
        # Order codes ascend with the customer, so two keys sort by all three.
        by_entry = np.lexsort((-line_days, products, orders))
        first = np.ones(by_entry.size, dtype=np.bool_)
        first[1:] = (np.diff(orders[by_entry]) != 0) | (np.diff(products[by_entry]) != 0)
        kept = by_entry[first]
        return cls(
            customer_ids=customer_names,
            product_ids=product_names,
            customers=customers[kept].astype(np.int64),
            products=products[kept].astype(np.int64),
            orders=orders[kept],
            days=line_days[kept],
            as_of_day=as_of_day,
        )

    def described(
        self, categories: ArrayLike | None = None, prices: ArrayLike | None = None
    ) -> Self:
        """Return the same purchases with the products' categories and prices.

        Parameters
        ----------
        categories
            Name of each product's category, empty where unknown; shape (n_products,).
        prices
            Price of each product, NaN where unknown; shape (n_products,).
        """
        codes = None
        if categories is not None:
            names = _text(categories)
            known, codes = np.unique(names, return_inverse=True)
            # The empty name, if there is one, sorts first: shifted by one, it becomes -1.
            codes = codes.astype(np.int64) - int(known.size > 0 and known[0] == "")
        money = None if prices is None else np.asarray(prices, dtype=np.float64)
        return replace(self, categories=codes, prices=money)

    def among(self, product_ids: ArrayLike) -> Self:
        """Return the same purchases, coded by the products of a whole catalogue.

        Parameters
        ----------
        product_ids
            Sorted unique ids, among them all that were bought. Categories and prices are dropped.
        """
        wide = _text(product_ids)
        place = _index(wide, self.product_ids)
        return replace(
            self, product_ids=wide, products=place[self.products], categories=None, prices=None
        )

    def kept(self, mask: NDArray[np.bool_], as_of_day: int | None = None) -> Self:
        """Return some of the entries, with the same codes of customers and products.

        Parameters
        ----------
        as_of_day
            An earlier cutoff, later than all that is kept; by default it stays the same.
        """
        return replace(
            self,
            customers=self.customers[mask],
            products=self.products[mask],
            orders=np.unique(self.orders[mask], return_inverse=True)[1].astype(np.int64),
            days=self.days[mask],
            as_of_day=self.as_of_day if as_of_day is None else as_of_day,
        )

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.customer_ids.size)

    @property
    def n_products(self) -> int:
        """Number of products."""
        return int(self.product_ids.size)

    @property
    def n_orders(self) -> int:
        """Number of orders."""
        return int(self.orders[-1]) + 1 if self.orders.size else 0

    def decay(self, half_life_days: float | None) -> NDArray[np.float64]:
        """Return entry weights: 1 at the cutoff, halved every ``half_life_days``; None is 1."""
        if half_life_days is None:
            return np.ones(self.days.size)
        return np.exp2((self.days - self.as_of_day) / half_life_days)

    def customer_matrix(self, half_life_days: float | None = None) -> sparse.csr_matrix[np.float64]:
        """Return customers x products: orders that contain the product, faded by their age."""
        weights = self.decay(half_life_days)
        shape = (self.n_customers, self.n_products)
        return _counted(weights, self.customers, self.products, shape)

    def order_matrix(self) -> sparse.csr_matrix[np.float64]:
        """Return orders x products: 1 where the order contains the product."""
        shape = (self.n_orders, self.n_products)
        return _counted(np.ones(self.orders.size), self.orders, self.products, shape)

    def popularity(self, half_life_days: float | None = None) -> NDArray[np.float64]:
        """Return the orders that contain each product, faded by age; shape (n_products,)."""
        weights = self.decay(half_life_days)
        counts = np.bincount(self.products, weights=weights, minlength=self.n_products)
        return counts.astype(np.float64)

    def customer_index(self, customer_ids: ArrayLike) -> NDArray[np.int64]:
        """Return the code of each customer id, -1 for an unknown one."""
        return _index(self.customer_ids, customer_ids)

    def product_index(self, product_ids: ArrayLike) -> NDArray[np.int64]:
        """Return the code of each product id, -1 for an unknown one."""
        return _index(self.product_ids, product_ids)


def _text(ids: ArrayLike) -> NDArray[np.str_]:
    return np.asarray(ids, dtype=np.str_)


def _index(known: NDArray[np.str_], wanted: ArrayLike) -> NDArray[np.int64]:
    names = _text(wanted)
    if known.size == 0:
        return np.full(names.shape, -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(known, names), known.size - 1)
    return np.where(known[places] == names, places, -1).astype(np.int64)


def _counted(
    weights: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    shape: tuple[int, int],
) -> sparse.csr_matrix[np.float64]:
    matrix = sparse.csr_matrix((weights, (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    return matrix
