"""The first stage: every product that some source proposes, with the score of each source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.recommend.matrices import Candidates, canonical, row_numbers


@dataclass(frozen=True, eq=False)
class Shortlist:
    """Candidates of n customers, one entry per candidate, sorted by customer and product.

    Attributes
    ----------
    rows, products
        Customer (0 to n - 1) and product of each candidate; shape (m,).
    scores
        Score by each source, 0 where it did not propose the product; shape (m, n_sources).
    n, n_products
        Number of customers, with candidates or without, and of products in the catalogue.
    """

    rows: NDArray[np.int64]
    products: NDArray[np.int64]
    scores: NDArray[np.float32]
    n: int
    n_products: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Candidates of each customer; shape (n,)."""
        return np.bincount(self.rows, minlength=self.n).astype(np.int64)

    def kept(self, mask: NDArray[np.bool_]) -> Shortlist:
        """Return some of the candidates."""
        return Shortlist(
            self.rows[mask], self.products[mask], self.scores[mask], self.n, self.n_products
        )

    def ranks(self, values: NDArray[np.floating], ties: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return each candidate's rank within its customer by descending value, 1 for the first.

        Parameters
        ----------
        ties
            Rank of each product by popularity, which decides between equal values.
        """
        order = np.lexsort((ties[self.products], -values, self.rows))
        starts = np.concatenate(([0], np.cumsum(self.sizes)))
        places = np.empty(order.size, dtype=np.int64)
        # The sort keeps each row where it was: positions less the row's start are ranks.
        places[order] = np.arange(order.size) - starts[self.rows] + 1
        return places

    def matrix(self, values: NDArray[np.floating]) -> Candidates:
        """Return one value per candidate as a matrix, shape (n, n_products)."""
        indptr = np.concatenate(([0], np.cumsum(self.sizes)))
        parts = (values.astype(np.float32), self.products, indptr)
        return canonical(parts, (self.n, self.n_products))

    def relative(self) -> NDArray[np.float32]:
        """Divide each source's scores by its largest for that customer; shape (m, n_sources)."""
        if self.rows.size == 0:
            return self.scores
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
        largest = np.maximum.reduceat(self.scores, starts)
        largest[largest == 0] = 1.0
        lengths = np.diff(starts, append=self.rows.size)
        return np.asarray(self.scores / np.repeat(largest, lengths, axis=0))


def shortlist(sources: Sequence[Candidates]) -> Shortlist:
    """Join the sources' candidates of the same customers."""
    n, n_products = sources[0].shape
    keys = [row_numbers(source) * n_products + source.indices for source in sources]
    # Each source's keys ascend already: a stable sort merges them faster than hashing would.
    merged = np.sort(np.concatenate(keys), kind="stable")
    union = merged[np.diff(merged, prepend=-1) > 0]
    scores = np.zeros((union.size, len(sources)), dtype=np.float32)
    for number, (source, key) in enumerate(zip(sources, keys, strict=True)):
        scores[np.searchsorted(union, key), number] = source.data
    rows = union // max(n_products, 1)
    return Shortlist(rows, union - rows * n_products, scores, n, n_products)
