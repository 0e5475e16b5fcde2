"""A shopper's fresh views, carts and orders turned into an answer, without training again.

Pure functions on arrays, for a server that has the matrices mapped: a handful of products with
weights is the question, the rows of an item-item matrix or a folded-in point are the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from models.recommend.factors import on_grid
from models.recommend.matrices import Indices

Floats = NDArray[np.floating[Any]]


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


def signal_weights(
    kinds: NDArray[np.str_], ages_hours: Floats, strength: SignalStrength
) -> NDArray[np.float64]:
    """Weight of each action now.

    Parameters
    ----------
    kinds
        ``view``, ``cart`` or ``order``; any other kind weighs nothing.
    ages_hours
        Hours since each action; an action from the future counts as of now.
    """
    ages = np.maximum(np.asarray(ages_hours, dtype=np.float64), 0.0)
    ordered = kinds == "order"
    half_lives = np.where(
        ordered, 24 * strength.order_half_life_days, strength.session_half_life_hours
    )
    fresh = (
        strength.view * (kinds == "view")
        + strength.cart * (kinds == "cart")
        + strength.order * ordered
    )
    return np.asarray(fresh * np.exp2(-ages / half_lives))


def gathered(products: Indices, weights: Floats) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Add up the weights of products that occur several times; unknown ones (negative) go."""
    order = np.argsort(products, kind="stable")
    named = np.asarray(products, dtype=np.int64)[order]
    first_known = int(named.searchsorted(0))
    order, named = order[first_known:], named[first_known:]
    # Not np.unique: on the few hundred products of a request its checks cost more than sorting.
    is_first = np.ones(named.size, dtype=np.bool_)
    np.not_equal(named[1:], named[:-1], out=is_first[1:])
    totals = np.bincount(is_first.cumsum() - 1, np.asarray(weights, dtype=np.float64)[order])
    return named[is_first], np.asarray(totals, dtype=np.float64)


def item_item_scores(
    indptr: NDArray[np.integer[Any]],
    indices: NDArray[np.integer[Any]],
    values: Floats,
    products: Indices,
    weights: Floats,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Score what the given products speak for: a weighted sum of rows of an item-item matrix.

    Parameters
    ----------
    indptr, indices, values
        The matrix in CSR form, in any order within a row.
    products, weights
        The question; negative products are unknown and say nothing.

    Returns
    -------
    products, scores
        Each product named by a row once, ascending.
    """
    asked, how_much = gathered(products, weights)
    spans = [slice(int(indptr[row]), int(indptr[row + 1])) for row in asked]
    named = np.concatenate([indices[:0], *(indices[span] for span in spans)]).astype(np.int64)
    scores = np.concatenate(
        [
            np.zeros(0),
            *(values[span] * weight for span, weight in zip(spans, how_much, strict=True)),
        ]
    )
    return gathered(named, scores)


def best_of(
    products: NDArray[np.int64],
    scores: Floats,
    excluded: Indices,
    places: NDArray[np.int64],
    n: int,
) -> NDArray[np.int64]:
    """Return at most ``n`` products of positive score, best first, without the excluded ones.

    Parameters
    ----------
    places
        Place of every product by popularity, which decides between equal scores.
    """
    kept = (scores > 0) & ~np.isin(products, excluded)
    left, values = products[kept], np.asarray(scores)[kept]
    return left[np.lexsort((places[left], -values))[:n]]


def factor_gram(product_factors: Floats) -> NDArray[np.float64]:
    """Return ``Y'Y``, computed once for all fold-ins; shape (factors, factors)."""
    factors = np.asarray(product_factors, dtype=np.float64)
    return np.asarray(factors.T @ factors)


def fold_in(
    product_factors: Floats,
    gram: NDArray[np.float64],
    products: Indices,
    weights: Floats,
    *,
    alpha: float,
    regularization: float,
) -> NDArray[np.float32]:
    """Point of a customer with this history, exactly as one half-step of ALS puts it.

    Hu, Koren & Volinsky 2008, equation 4, with the confidence of ``implicit``: ``alpha`` times
    the weight for what was bought and 1 for the rest, that is
    ``(Y'Y + Y'(C - I)Y + regularization I) x = Y'C p``.

    Parameters
    ----------
    gram
        From :func:`factor_gram`.
    products, weights
        The history: faded order counts, or any weights above 0; negative products are unknown.

    Returns
    -------
    array, shape (factors,)
        Zeros where the history is empty.
    """
    bought, counts = gathered(products, weights)
    factors = np.asarray(product_factors[bought], dtype=np.float64)
    confidence = alpha * counts
    system = gram + factors.T @ (factors * (confidence - 1)[:, None])
    system += regularization * np.eye(gram.shape[0])
    if not bought.size:
        return np.zeros(gram.shape[0], dtype=np.float32)
    return on_grid(linalg.solve(system, confidence @ factors, assume_a="pos"))
