"""Cart completion as questions: which product was left out of a basket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from models.recommend.interactions import Interactions
from models.recommend.matrices import Indices


@dataclass(frozen=True, eq=False)
class CartQuestions:
    """Baskets, each with one product taken out.

    Attributes
    ----------
    carts
        The rest of each basket; shape (n, n_products), ones.
    customers
        Whose basket it is; shape (n,).
    truth
        The product taken out; shape (n, n_products), a single one per row.
    """

    carts: sparse.csr_matrix[Any]
    customers: Indices
    truth: sparse.csr_matrix[Any]


def leave_one_out(
    interactions: Interactions,
    first_day: int,
    *,
    seed: int,
    per_order: int = 1,
    most: int | None = None,
) -> CartQuestions:
    """Take products out of the orders from ``first_day`` on that have two products or more.

    Parameters
    ----------
    first_day
        Days since 1970-01-01.
    seed
        Of which products are taken out, and of which questions are kept.
    per_order
        Most questions per order, each about another of its products.
    most
        Questions kept, drawn at random; None keeps all.
    """
    sizes = np.bincount(interactions.orders, minlength=interactions.n_orders)
    asked = (interactions.days >= first_day) & (sizes[interactions.orders] >= 2)
    entries = np.flatnonzero(asked)
    random = np.random.default_rng(seed)
    shuffled = entries[random.permutation(entries.size)]
    by_order = shuffled[np.argsort(interactions.orders[shuffled], kind="stable")]
    orders = interactions.orders[by_order]
    place = np.arange(orders.size) - np.searchsorted(orders, orders)
    chosen = by_order[place < per_order]
    if most is not None and chosen.size > most:
        chosen = np.sort(random.choice(chosen, most, replace=False))
    shape = (chosen.size, interactions.n_products)
    taken = (np.ones(chosen.size), (np.arange(chosen.size), interactions.products[chosen]))
    truth = sparse.csr_matrix(taken, shape=shape)
    baskets = interactions.order_matrix()[interactions.orders[chosen]]
    # A difference of sparse matrices keeps no zeros: what is taken out leaves no trace.
    carts = sparse.csr_matrix(baskets - truth)
    return CartQuestions(carts, interactions.customers[chosen], truth)
