"""Small tools for sparse matrices: rows, entries, and their state as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Candidates = sparse.csr_matrix[np.float32]
"""Scores: one row per customer (or product) asked for, one column per product, all positive."""

Indices = NDArray[np.integer[Any]]
"""Codes of customers or products; negative where unknown."""


def row_numbers(matrix: sparse.csr_matrix[Any]) -> NDArray[np.int64]:
    """Return the row of every stored entry, in the order of storage."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def entries_in(matrix: sparse.csr_matrix[Any], other: sparse.csr_matrix[Any]) -> NDArray[np.bool_]:
    """Return for each entry of ``matrix`` whether ``other`` has an entry there as well."""
    width = matrix.shape[1]
    keys = row_numbers(matrix) * width + matrix.indices
    return np.isin(keys, row_numbers(other) * width + other.indices)


def rows_of(matrix: Candidates, rows: Indices) -> Candidates:
    """Return rows of a matrix by number; a negative number gives an empty row."""
    wanted = np.asarray(rows, dtype=np.int64)
    return spread(matrix[wanted[wanted >= 0]], wanted >= 0)


def rows_at(matrix: sparse.csr_matrix[Any], rows: NDArray[np.int64]) -> sparse.csr_matrix[Any]:
    """Like :func:`rows_of` for numbers that are not negative; fast for a single row.

    scipy's general indexing takes most of the time of an answer to one customer.
    """
    if rows.size != 1:
        return sparse.csr_matrix(matrix[rows])
    stored = slice(int(matrix.indptr[rows[0]]), int(matrix.indptr[rows[0] + 1]))
    indptr = np.array([0, stored.stop - stored.start])
    return canonical((matrix.data[stored], matrix.indices[stored], indptr), (1, matrix.shape[1]))


def spread(matrix: Candidates, present: NDArray[np.bool_]) -> Candidates:
    """Insert an empty row wherever ``present`` is false."""
    if present.all():
        return matrix
    lengths = np.zeros(present.size, dtype=np.int64)
    lengths[present] = np.diff(matrix.indptr)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    shape = (present.size, matrix.shape[1])
    return sparse.csr_matrix((matrix.data, matrix.indices, indptr), shape=shape)


def no_candidates(n: int, n_products: int) -> Candidates:
    """Return n empty rows: the answer of a model that has none."""
    no_places = np.zeros(0, dtype=np.int32)
    entries = (np.zeros(0, dtype=np.float32), (no_places, no_places))
    return sparse.csr_matrix(entries, shape=(n, n_products))


def unit_rows(matrix: sparse.csr_matrix[Any]) -> sparse.csr_matrix[Any]:
    """Return the rows scaled to length 1; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scaled = matrix.copy()
    scaled.data *= (1 / np.where(lengths > 0, lengths, 1.0))[row_numbers(matrix)]
    return scaled


def stack(blocks: list[Candidates], n_products: int) -> Candidates:
    """Stack blocks of rows; without blocks, return a matrix without rows."""
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return no_candidates(0, n_products)
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr"))


def canonical(
    parts: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], shape: tuple[int, int]
) -> sparse.csr_matrix[Any]:
    """Make a matrix from (data, indices, indptr) that are sorted and without duplicates.

    scipy would check that first, which takes most of the time of a single row.
    """
    data, indices, indptr = parts
    if max(data.size, *shape) < np.iinfo(np.int32).max:
        indices, indptr = indices.astype(np.int32), indptr.astype(np.int32)
    matrix = sparse.csr_matrix((data, indices, indptr), shape=shape)
    matrix.has_canonical_format = True
    return matrix


def matrix_arrays(name: str, matrix: sparse.csr_matrix[Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a CSR matrix under names that start with ``name``."""
    return {
        f"{name}_data": matrix.data,
        f"{name}_indices": matrix.indices,
        f"{name}_indptr": matrix.indptr,
        f"{name}_shape": np.asarray(matrix.shape, dtype=np.int64),
    }


def matrix_from_arrays(name: str, arrays: dict[str, NDArray[Any]]) -> sparse.csr_matrix[Any]:
    """Rebuild the matrix from the arrays that :func:`matrix_arrays` returned."""
    rows, columns = arrays[f"{name}_shape"].tolist()
    parts = (arrays[f"{name}_data"], arrays[f"{name}_indices"], arrays[f"{name}_indptr"])
    return sparse.csr_matrix(parts, shape=(rows, columns))
