"""Purchases for the recommenders: those before a cutoff, and each customer's next order after."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.engine import Engine
from features.errors import TrainingError
from features.family import net_positive_orders
from features.prepare import Prepared
from features.rollup import DAY, KNOWN_FROM, Rollups, to_epoch_day
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C
from models.recommend.interactions import Interactions


def read_interactions(engine: Engine, prepared: Prepared, as_of: date) -> Interactions:
    """Return every purchase known at a cutoff, and the category and price of each product.

    Raises
    ------
    TrainingError
        Nothing was bought before ``as_of``.
    """
    purchases = read_purchases(engine, prepared.rollups, as_of)
    return describe_products(engine, prepared, purchases)


def read_purchases(engine: Engine, rollups: Rollups, as_of: date) -> Interactions:
    """Return every purchase known at a cutoff, of orders not returned in full by then.

    Raises
    ------
    TrainingError
        Nothing was bought before ``as_of``.
    """
    cutoff = register_cutoffs(engine, [as_of])
    kept = net_positive_orders(rollups, cutoff).select(C.CUSTOMER_ID, C.ORDER_ID)
    bought = rollups["customer_product_day"]
    known = bought.filter(bought[KNOWN_FROM] < to_epoch_day(as_of))
    seen = known.semi_join(kept, [C.CUSTOMER_ID, C.ORDER_ID])
    frame = engine.frame(
        seen.select(C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID, DAY, quantity=seen.units)
    )
    if frame.empty:
        raise TrainingError(f"nothing was bought before {as_of}", "choose a later --as-of")
    return Interactions.from_lines(frame, as_of)


def describe_products(
    engine: Engine, prepared: Prepared, interactions: Interactions
) -> Interactions:
    """Return the purchases with the category and price of each product, if known."""
    frame = engine.frame(prepared.clean["products"]).set_index(C.PRODUCT_ID)
    known = frame.reindex(interactions.product_ids)
    return interactions.described(
        known[C.CATEGORY].fillna("").to_numpy(dtype=str),
        known[C.LIST_PRICE].to_numpy(dtype=np.float64, na_value=np.nan),
    )


def next_orders(
    engine: Engine, rollups: Rollups, interactions: Interactions, start: date, end: date
) -> tuple[NDArray[np.int64], sparse.csr_matrix[Any]]:
    """Return the known customers who ordered in ``[start, end)``, and what their first order held.

    Orders of one customer on the same day count as one; orders returned in full by ``end`` do not
    count. Products never bought before are left out: no model of purchases could predict them.

    Returns
    -------
    customers : indices, shape (n,)
    truth : CSR of ones, shape (n, n_products)
    """
    kept = net_positive_orders(rollups, register_cutoffs(engine, [end]))
    bought = rollups["customer_product_day"].semi_join(
        kept.select(C.CUSTOMER_ID, C.ORDER_ID), [C.CUSTOMER_ID, C.ORDER_ID]
    )
    first, last = to_epoch_day(start), to_epoch_day(end)
    frame = engine.frame(
        bought.filter((bought[DAY] >= first) & (bought[DAY] < last)).select(
            C.CUSTOMER_ID, C.PRODUCT_ID, DAY
        )
    )
    customer = interactions.customer_index(frame[C.CUSTOMER_ID].to_numpy(dtype=str))
    product = interactions.product_index(frame[C.PRODUCT_ID].to_numpy(dtype=str))
    day = frame[DAY].to_numpy(dtype=np.int64)
    earliest = np.full(interactions.n_customers + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, customer, day)
    is_first = (customer >= 0) & (product >= 0) & (day == earliest[customer])
    customers, row = np.unique(customer[is_first], return_inverse=True)
    shape = (len(customers), interactions.n_products)
    truth = sparse.csr_matrix((np.ones(len(row)), (row, product[is_first])), shape=shape)
    truth.sum_duplicates()
    truth.data[:] = 1.0
    return customers.astype(np.int64), truth
