"""A shopper's fresh views, carts and orders turned into an answer, without training again.

Pure functions on arrays, for a server that has the matrices mapped: a handful of products with
weights is the question, the rows of an item-item matrix are the answer. Nothing here needs scipy,
which would be 20 MB in every worker; what does is in :mod:`models.recommend.fold_in`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp2
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.sparse_rows import SparseRows

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
Position = TypeVar("Position", bound=np.integer[Any])
Score = TypeVar("Score", bound=np.floating[Any])


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
    named = distinct(products)
    if named.size and named[0] < 0:
        known = products >= 0
        named, products, weights = named[named >= 0], products[known], weights[known]
    return named, totals(named, products, weights)


def distinct(products: NDArray[Position]) -> NDArray[Position]:
    """Return each product once, in ascending order."""
    # Not np.unique: on the few hundred products of a request its checks cost more than sorting.
    named = np.sort(products)
    is_first = np.empty(named.size, dtype=np.bool_)
    is_first[:1] = True
    np.not_equal(named[1:], named[:-1], out=is_first[1:])
    return named[is_first]


def totals(named: Indices, products: Indices, weights: Floats) -> NDArray[np.float64]:
    """Add up the weights of products by product.

    Parameters
    ----------
    named
        Distinct products in ascending order, among them all of ``products``.

    Returns
    -------
    array
        A sum for each of the named, 0 for those that are not among ``products``.
    """
    sums = np.bincount(named.searchsorted(products), weights, named.size)
    return np.asarray(sums, dtype=np.float64)


class Part(NamedTuple):
    """One part of a blend: scores of products, of which some may come several times.

    The blend adds the scores up by product, scaled so that the best sum is ``weight``.
    """

    products: Indices
    scores: Floats
    weight: float


def blended(named: Indices, parts: Iterable[Part]) -> NDArray[np.float64]:
    """Add up parts; ``named`` as for :func:`totals`, with the products of all parts."""
    blend = np.zeros(named.size)
    for products, scores, weight in parts:
        blend += scaled(totals(named, products, scores), weight)
    return blend


def scaled(scores: NDArray[Score], weight: float) -> NDArray[Score]:
    """Return scores multiplied so that the best is ``weight``; zeros where none is positive."""
    best = scores.max(initial=0)
    return scores * (weight / best if best > 0 else 0.0)


def weighted_rows(
    matrix: SparseRows, weights: Mapping[int, float]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Score products from the given ones: rows of an item-item matrix, to be added up.

    Parameters
    ----------
    matrix
        With a value ``score``; a row names a product once.
    weights
        Weight of each given product; at least one.

    Returns
    -------
    products, scores
        What the rows name, row after row, with their scores times the row's weight.
    """
    spans = [matrix.span(product) for product in weights]
    values = matrix.values[C.SCORE]
    scores = np.concatenate([values[span] for span in spans])
    each = np.repeat(np.array([*weights.values()]), [span.stop - span.start for span in spans])
    return np.concatenate([matrix.indices[span] for span in spans]), scores * each
