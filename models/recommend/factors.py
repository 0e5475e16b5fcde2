"""Scores from the factors of customers and products, with exact inner products."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.recommend.matrices import Candidates, Indices
from models.recommend.topk import score_in_blocks
from models.state import load_state, save_state

Floats = NDArray[np.floating[Any]]

_BITS: Final = 20
"""Of a factor, below its row's largest. Products then have 40 bits, and sums of 128 of them 47:
double precision, which holds 53, adds them without rounding, in whatever order."""


def on_grid(factors: Floats) -> NDArray[np.float32]:
    """Round factors so that inner products of two such rows are exact in double precision.

    Each row keeps 20 bits below its largest factor, about what single precision leaves of a
    sum anyway. Libraries add in another order for another number of rows or threads; exact sums
    make one customer's answer the same to the bit as in a batch, up to 8,192 factors.
    """
    wide = np.asarray(factors, dtype=np.float64)
    largest = np.abs(wide).max(axis=-1, keepdims=True, initial=0.0)
    steps = np.exp2(np.frexp(largest)[1] - float(_BITS))
    return np.asarray(np.round(wide / steps) * steps, dtype=np.float32)


def inner_products(customer_factors: Floats, product_factors: Floats) -> NDArray[np.float64]:
    """Return inner products of customers' and products' factors, both from :func:`on_grid`.

    Returns
    -------
    array, shape (len(customer_factors), n_products)
    """
    customers = np.asarray(customer_factors, dtype=np.float64)
    return customers @ np.asarray(product_factors, dtype=np.float64).T


def best_products(
    customer_factors: Floats,
    product_factors: Floats,
    customers: Indices,
    limit: int,
    ties: NDArray[np.int64],
) -> Candidates:
    """Return the products with the largest positive inner products; unknown customers have none."""
    return score_in_blocks(
        customers,
        limit,
        ties,
        lambda block: inner_products(customer_factors[block], product_factors),
    )


def nearest_products(
    product_factors: Floats, products: Indices, limit: int, ties: NDArray[np.int64]
) -> Candidates:
    """Return the products whose factors have the largest cosine."""
    lengths = np.linalg.norm(product_factors, axis=1, keepdims=True)
    directions = on_grid(product_factors / np.maximum(lengths, np.finfo(np.float32).tiny))
    wide = np.asarray(directions, dtype=np.float64)

    def others(block: NDArray[np.int64]) -> NDArray[np.float64]:
        cosines = inner_products(directions[block], wide)
        cosines[np.arange(block.size), block] = 0.0
        return cosines

    return score_in_blocks(products, limit, ties, others)


def save_factors(
    folder: Path,
    parameters: Mapping[str, Any],
    customer_factors: NDArray[np.float32],
    product_factors: NDArray[np.float64],
    ties: NDArray[np.int64],
) -> None:
    """Write a factor model; numbers from :func:`on_grid` fit single precision without loss."""
    arrays: dict[str, NDArray[Any]] = {
        "customer_factors": customer_factors,
        "product_factors": product_factors.astype(np.float32),
        "ties": ties,
    }
    save_state(folder, parameters, arrays)


def load_factors(
    folder: Path,
) -> tuple[dict[str, Any], NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    """Read back what :func:`save_factors` wrote, in the order of its arguments."""
    parameters, arrays = load_state(folder)
    products = arrays["product_factors"].astype(np.float64)
    return parameters, arrays["customer_factors"], products, arrays["ties"]
