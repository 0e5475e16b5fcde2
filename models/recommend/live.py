"""A shopper's fresh views, carts and orders turned into an answer, without training again.

Pure functions on arrays, for a server that has the matrices mapped: a handful of products with
weights is the question, the rows of an item-item matrix are the answer. Nothing here needs scipy,
which would be 20 MB in every worker; what does is in :mod:`models.recommend.fold_in`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp2
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.sparse_rows import SparseRows

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
Position = TypeVar("Position", bound=np.integer[Any])


@dataclass(frozen=True)
class SignalStrength:
    """What one action says about the shopper's wishes, beside an order of the product.

    Parameters
    ----------
    view, cart, order
        Weight of a fresh action.
    session_half_life_hours
        Hours in which views and carts lose half their weight.
    order_half_life_days
        The same for orders, in days.
    """

    view: float = 0.3
    cart: float = 0.6
    order: float = 1.0
    session_half_life_hours: float = 24.0
    order_half_life_days: float = 180.0


def signal_weight(kind: str, age_hours: float, strength: SignalStrength) -> float:
    """Weight of one action now.

    Parameters
    ----------
    kind
        ``view``, ``cart`` or ``order``; any other kind weighs nothing.
    age_hours
        Hours since the action; an action from the future counts as of now.
    """
    age = max(age_hours, 0.0)
    if kind == "order":
        return strength.order * exp2(-age / (24 * strength.order_half_life_days))
    fresh = {"view": strength.view, "cart": strength.cart}.get(kind, 0.0)
    return fresh * exp2(-age / strength.session_half_life_hours)


def gathered(
    products: NDArray[Position], weights: Floats
) -> tuple[NDArray[Position], NDArray[np.float64]]:
    """Add up the weights of products that occur several times; unknown ones (negative) go."""
    order = np.argsort(products, kind="stable")
    named = products[order]
    first_known = int(named.searchsorted(0))
    if first_known:
        order, named = order[first_known:], named[first_known:]
    # Not np.unique: on the few hundred products of a request its checks cost more than sorting.
    is_first = np.ones(named.size, dtype=np.bool_)
    np.not_equal(named[1:], named[:-1], out=is_first[1:])
    first = is_first.nonzero()[0]
    totals = np.add.reduceat(np.asarray(weights, dtype=np.float64)[order], first)
    return named[first], totals


def weighted_rows(
    matrix: SparseRows, weights: Mapping[int, float]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Score products from the given ones: a weighted sum of rows of an item-item matrix.

    Parameters
    ----------
    matrix
        With a value ``score``; a row names a product once.
    weights
        Weight of each given product; at least one.

    Returns
    -------
    products, scores
        Each product named by a row once.
    """
    spans = [matrix.span(product) for product in weights]
    values = matrix.values[C.SCORE]
    scores = np.concatenate([values[span] for span in spans])
    each = np.repeat(np.array([*weights.values()]), [span.stop - span.start for span in spans])
    if len(spans) == 1:
        return matrix.indices[spans[0]], scores * each
    return gathered(np.concatenate([matrix.indices[span] for span in spans]), scores * each)
