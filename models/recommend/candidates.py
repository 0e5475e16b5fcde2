"""The first stage: what any source names, and how loudly each names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.recommend.matrices import Candidates, canonical, row_numbers


@dataclass(frozen=True, eq=False)
class Shortlist:
    """Candidates of n customers, one row of numbers per candidate, sorted by row and product.

    Attributes
    ----------
    rows, products
        Whose candidate (0 to n - 1) and which product; shape (m,).
    scores
        What each source gave, 0 where it did not name the product; shape (m, n_sources).
    n, n_products
        Customers asked about, candidates or not, and products of the catalogue.
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
        """Return each candidate's place in its row by descending value, 1 for the first.

        Parameters
        ----------
        ties
            Place of each product by popularity, which decides between equal values.
        """
        order = np.lexsort((ties[self.products], -values, self.rows))
        starts = np.concatenate(([0], np.cumsum(self.sizes)))
        places = np.empty(order.size, dtype=np.int64)
        # Rows stay where they were under the sort, so a row's start turns places into ranks.
        places[order] = np.arange(order.size) - starts[self.rows] + 1
        return places

    def matrix(self, values: NDArray[np.floating]) -> Candidates:
        """Return one value per candidate as a matrix, shape (n, n_products)."""
        indptr = np.concatenate(([0], np.cumsum(self.sizes)))
        parts = (values.astype(np.float32), self.products, indptr)
        return canonical(parts, (self.n, self.n_products))

    def relative(self) -> NDArray[np.float32]:
        """Divide each source's scores by its largest of the row; shape (m, n_sources)."""
        if self.rows.size == 0:
            return self.scores
        starts = np.flatnonzero(np.diff(self.rows, prepend=-1))
        largest = np.maximum.reduceat(self.scores, starts)
        largest[largest == 0] = 1.0
        lengths = np.diff(starts, append=self.rows.size)
        return np.asarray(self.scores / np.repeat(largest, lengths, axis=0))


def shortlist(voices: Sequence[Candidates]) -> Shortlist:
    """Put the sources' candidates of the same customers beside each other."""
    n, n_products = voices[0].shape
    keys = [row_numbers(voice) * n_products + voice.indices for voice in voices]
    # Each source's keys ascend already: merging them is faster than hashing.
    merged = np.sort(np.concatenate(keys), kind="stable")
    union = merged[np.diff(merged, prepend=-1) > 0]
    scores = np.zeros((union.size, len(voices)), dtype=np.float32)
    for number, (voice, key) in enumerate(zip(voices, keys, strict=True)):
        scores[np.searchsorted(union, key), number] = voice.data
    rows = union // max(n_products, 1)
    return Shortlist(rows, union - rows * n_products, scores, n, n_products)
