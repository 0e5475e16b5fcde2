"""Folding in: the ALS factors of a customer's history, without training again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from models.recommend.factors import on_grid
from models.recommend.live import Floats, Indices, gathered


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
    """Return the factors of a customer with this history: exactly one half-step of ALS.

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
