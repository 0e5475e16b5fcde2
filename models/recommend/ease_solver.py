"""EASE weights in closed form (Steck 2019), solved on the smaller side, kept sparse.

By Woodbury's identity the inverse over the products can be had from one over the customers (or
orders): a wide catalogue with few rows costs no more than a narrow one with many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from models.recommend.matrices import Candidates, no_candidates, row_numbers, stack
from models.recommend.topk import tie_order, top_per_row

_CELLS_PER_BLOCK: Final = 4_000_000
_WIDEST: Final = 5
"""Products per ``largest_side`` when the rows are the smaller side."""
_SMALLEST: Final = np.finfo(np.float32).eps


def ease_weights(gram: NDArray[np.float64], regularization: float) -> NDArray[np.float64]:
    """Return item-item weights ``B``: the least ``|X - XB|^2 + regularization |B|^2``, diagonal 0.

    Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", equation 8:
    ``P = (X'X + regularization I)^-1`` and ``B_ij = -P_ij / P_jj``.

    Parameters
    ----------
    gram
        ``X'X``; shape (n, n).
    """
    weights = _inverse(gram, regularization)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return weights


def solvable(matrix: sparse.csr_matrix[Any], largest_side: int) -> NDArray[np.int64]:
    """Return the products that fit into the system: all of them, or those in the most rows.

    Time grows with the cube of the smaller side of the matrix and memory with its square, so the
    smaller side is limited to ``largest_side``. If that is the rows, products may be five times
    as many; the weights between all pairs of them still have to be computed.
    """
    n_rows, n_products = int(np.count_nonzero(np.diff(matrix.indptr))), int(matrix.shape[1])
    most = largest_side * (_WIDEST if n_rows <= largest_side else 1)
    in_rows = np.bincount(matrix.indices, minlength=n_products)
    return np.flatnonzero(tie_order(in_rows) < most)


def ease_rows(
    matrix: sparse.csr_matrix[Any],
    regularization: float,
    neighbours: int,
    *,
    largest_side: int = 8_000,
    least_rows: int = 1,
    signed: bool = False,
) -> Candidates:
    """Return the largest EASE weights of each product (row) for the others (columns).

    Parameters
    ----------
    matrix
        Customers or orders (rows) x products; a row counts with the square of its entries.
    neighbours
        Most weights kept per product.
    largest_side
        See :func:`solvable`; the products left out have an empty row and column.
    least_rows
        Least rows that a product must be in: one purchase is no evidence of anything, and most of
        a wide catalogue's time would go to such products.
    signed
        Keep the weights largest in magnitude, negative ones too, instead of positive ones.

    Returns
    -------
    csr_matrix of float32, shape (n_products, n_products)
    """
    n_products = matrix.shape[1]
    in_rows = np.bincount(matrix.indices, minlength=n_products)
    taken = solvable(matrix, largest_side)
    taken = taken[in_rows[taken] >= least_rows]
    part = sparse.csr_matrix(matrix[:, taken], dtype=np.float64)
    part = sparse.csr_matrix(part[np.diff(part.indptr) > 0])
    if part.nnz == 0:
        return no_candidates(n_products, n_products)
    ties = tie_order(np.bincount(part.indices, minlength=taken.size))
    kept = [
        _largest(block, neighbours, ties, signed) for block in dense_blocks(part, regularization)
    ]
    weights = stack(kept, taken.size).tocoo()
    return sparse.csr_matrix(
        (weights.data, (taken[weights.row], taken[weights.col])), shape=(n_products,) * 2
    )


def dense_blocks(
    matrix: sparse.csr_matrix[Any], regularization: float
) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield all weights as dense blocks of products (rows); no row of ``matrix`` may be empty."""
    n_rows, n_products = matrix.shape
    if n_products <= n_rows:
        yield ease_weights((matrix.T @ matrix).toarray(), regularization)
        return
    # P = (I - X'KX) / regularization with K = (XX' + regularization I)^-1.
    inner = _inverse((matrix @ matrix.T).toarray(), regularization)
    by_product, inner_32 = sparse.csr_matrix(matrix.T, dtype=np.float32), inner.astype(np.float32)
    size = max(_CELLS_PER_BLOCK // n_products, 1)
    starts = range(0, n_products, size)
    own = np.concatenate([_own(by_product[start : start + size], inner_32) for start in starts])
    for start in starts:
        half = np.asarray(by_product[start : start + size] @ inner_32)
        block = np.asarray(by_product @ half.T).T / np.maximum(1 - own, _SMALLEST)
        rows = np.arange(block.shape[0])
        block[rows, start + rows] = 0.0
        yield block


def _own(products: sparse.csr_matrix[Any], inner: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the diagonal of ``X'KX`` for a block of products."""
    half = np.asarray(products @ inner)
    return np.asarray(products.multiply(half).sum(axis=1)).ravel()


def _inverse(gram: NDArray[np.float64], regularization: float) -> NDArray[np.float64]:
    """Invert ``gram + regularization I`` by Cholesky, half the work of a general inverse."""
    system = np.array(gram, dtype=np.float64, order="F")
    system[np.diag_indices_from(system)] += regularization
    factor = linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    lower: NDArray[np.float64] = np.tril(inverse)
    lower += np.tril(lower, -1).T
    return lower


def _largest(
    block: NDArray[np.floating[Any]], limit: int, ties: NDArray[np.int64], signed: bool
) -> Candidates:
    if not signed:
        return top_per_row(block, limit, ties)
    kept = top_per_row(np.abs(block), limit, ties)
    kept.data *= np.sign(block[row_numbers(kept), kept.indices]).astype(np.float32)
    return kept
