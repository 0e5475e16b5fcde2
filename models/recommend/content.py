"""Products that are described alike: by name, category and price, which are known from day one.

A product that nobody has bought yet has no neighbours among purchases, but it has a name. The
same names answer searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    row_numbers,
    rows_of,
    stack,
    unit_rows,
)
from models.recommend.topk import top_per_row
from models.state import load_state, save_state

_ROWS_PER_BLOCK: Final = 256
_BANDS_PER_DOUBLING: Final = 2.0
"""Price bands for each doubling of the price."""


class Content:
    """Cosine similarity of product descriptions: n-grams of the name, category, price band.

    Parameters
    ----------
    name_weight, category_weight, price_weight
        Shares in the similarity; they need not sum to 1. Unknown parts do not count.
    shortest, longest
        Lengths of the character n-grams within words, which are weighted by TF-IDF.

    Attributes
    ----------
    descriptions_ : csr_matrix, shape (n_products, n_features)
        Rows of length 1, or 0 where nothing is known.
    ties_ : array, shape (n_products,)
        Rank of each product, which decides between equal similarities.
    """

    def __init__(
        self,
        name_weight: float = 0.7,
        category_weight: float = 0.2,
        price_weight: float = 0.1,
        shortest: int = 3,
        longest: int = 5,
    ) -> None:
        self.name_weight = name_weight
        self.category_weight = category_weight
        self.price_weight = price_weight
        self.shortest = shortest
        self.longest = longest

    def fit(
        self,
        names: ArrayLike,
        ties: NDArray[np.int64],
        *,
        categories: NDArray[np.int64] | None = None,
        prices: NDArray[np.float64] | None = None,
    ) -> Self:
        """Describe every product.

        Parameters
        ----------
        names
            Empty where unknown; shape (n_products,).
        ties
            From :func:`~models.recommend.topk.tie_order`; shape (n_products,).
        categories
            Code of each product's category, -1 where unknown.
        prices
            Money, NaN or not positive where unknown.
        """
        self.ties_ = ties
        texts = [str(name) for name in np.asarray(names, dtype=np.str_)]
        vectorizer = self._new_vectorizer()
        try:
            ngrams = vectorizer.fit_transform(texts)
        except ValueError:  # no name has a single n-gram
            vectorizer, ngrams = None, sparse.csr_matrix((len(texts), 0))
        self._vectorizer = vectorizer
        self.names_ = sparse.csr_matrix(ngrams, dtype=np.float64)
        parts = [self.names_ * np.sqrt(self.name_weight)]
        if categories is not None:
            parts.append(_one_hot(categories) * np.sqrt(self.category_weight))
        if prices is not None:
            parts.append(_price_bands(prices) * np.sqrt(self.price_weight))
        self.descriptions_ = unit_rows(sparse.csr_matrix(sparse.hstack(parts, format="csr")))
        return self

    def _new_vectorizer(self, vocabulary: Sequence[str] | None = None) -> Any:
        return TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(self.shortest, self.longest),
            sublinear_tf=True,
            vocabulary=vocabulary,
        )

    def similar(self, products: Indices, limit: int, among: Indices | None = None) -> Candidates:
        """Return the products most similar to each product, itself excluded.

        Parameters
        ----------
        among
            Products that may be returned, for example the new ones; None is all.
        """
        wanted = np.asarray(products, dtype=np.int64)
        asked = rows_of(self.descriptions_, wanted)
        return self._nearest(asked, self.descriptions_, limit, among, themselves=wanted)

    def score_histories(
        self, histories: sparse.csr_matrix[Any], limit: int, among: Indices | None = None
    ) -> Candidates:
        """Return the products most similar to what each customer bought or viewed.

        Parameters
        ----------
        histories
            Weights above 0 of customers (or visits) x products.
        """
        taste = sparse.csr_matrix(histories @ self.descriptions_)
        return self._nearest(taste, self.descriptions_, limit, among)

    def search(
        self, queries: Sequence[str], limit: int, among: Indices | None = None
    ) -> Candidates:
        """Return the products whose names are most similar to each query."""
        if self._vectorizer is None:
            return self._nearest(sparse.csr_matrix((len(queries), 0)), self.names_, limit, among)
        asked = sparse.csr_matrix(self._vectorizer.transform(list(queries)), dtype=np.float64)
        return self._nearest(asked, self.names_, limit, among)

    def _nearest(
        self,
        asked: sparse.csr_matrix[Any],
        described: sparse.csr_matrix[Any],
        limit: int,
        among: Indices | None,
        themselves: NDArray[np.int64] | None = None,
    ) -> Candidates:
        n_products = described.shape[0]
        allowed = np.ones(n_products) if among is None else np.zeros(n_products)
        if among is not None:
            allowed[np.asarray(among, dtype=np.int64)] = 1.0
        columns = sparse.csr_matrix((sparse.diags(allowed) @ described).T)
        blocks = []
        for start in range(0, asked.shape[0], _ROWS_PER_BLOCK):
            cosines = sparse.csr_matrix(asked[start : start + _ROWS_PER_BLOCK] @ columns)
            if themselves is not None:
                own = themselves[start : start + _ROWS_PER_BLOCK]
                cosines.data[own[row_numbers(cosines)] == cosines.indices] = 0.0
            blocks.append(top_per_row(cosines, limit, self.ties_))
        return stack(blocks, n_products)

    def directions(self, dimensions: int = 32, seed: int = 0) -> NDArray[np.float32]:
        """Return points whose inner products approximate the similarity of descriptions.

        A truncated singular value decomposition (Halko, Martinsson & Tropp 2011).

        Returns
        -------
        array, shape (n_products, at most ``dimensions``)
            Rows of length 1; zeros for a product without a description.
        """
        most = min(dimensions, min(self.descriptions_.shape) - 1)
        if most < 1:
            return np.zeros((self.descriptions_.shape[0], 1), dtype=np.float32)
        left, strength, _ = randomized_svd(self.descriptions_, most, random_state=seed)
        points = left * strength
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        known = np.diff(self.descriptions_.indptr)[:, None] > 0
        scale = np.where(known & (lengths > 0), lengths, 1.0)
        return np.asarray(np.where(known, points / scale, 0.0), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "name_weight": self.name_weight,
            "category_weight": self.category_weight,
            "price_weight": self.price_weight,
            "shortest": self.shortest,
            "longest": self.longest,
        }
        vectorizer = self._vectorizer
        known = [] if vectorizer is None else vectorizer.get_feature_names_out().tolist()
        arrays: dict[str, NDArray[Any]] = {
            "ties": self.ties_,
            "vocabulary": np.asarray(known, dtype=np.str_),
            "idf": np.zeros(0) if vectorizer is None else np.asarray(vectorizer.idf_),
        }
        arrays |= matrix_arrays("names", self.names_)
        arrays |= matrix_arrays("descriptions", self.descriptions_)
        save_state(folder, parameters, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        parameters, arrays = load_state(folder)
        model = cls(**parameters)
        model.ties_ = arrays["ties"]
        model.names_ = matrix_from_arrays("names", arrays)
        model.descriptions_ = matrix_from_arrays("descriptions", arrays)
        model._vectorizer = None
        if arrays["idf"].size:
            model._vectorizer = model._new_vectorizer(arrays["vocabulary"].tolist())
            model._vectorizer.idf_ = arrays["idf"]
        return model


def _one_hot(categories: NDArray[np.int64]) -> sparse.csr_matrix[Any]:
    known = np.flatnonzero(categories >= 0)
    shape = (categories.size, int(categories.max(initial=-1)) + 1)
    return sparse.csr_matrix((np.ones(known.size), (known, categories[known])), shape=shape)


def _price_bands(prices: NDArray[np.float64]) -> sparse.csr_matrix[Any]:
    """Share each price between the two nearest bands of a logarithmic scale.

    The inner product of two prices falls from 1 to 0 as they move two bands apart.
    """
    known = np.flatnonzero(np.nan_to_num(prices, nan=0.0) > 0)
    places = _BANDS_PER_DOUBLING * np.log2(prices[known])
    places -= np.floor(places.min(initial=0.0))
    below = np.floor(places).astype(np.int64)
    above = places - below
    shape = (prices.size, int(below.max(initial=-1)) + 2)
    entries = (np.concatenate([known, known]), np.concatenate([below, below + 1]))
    return unit_rows(sparse.csr_matrix((np.concatenate([1 - above, above]), entries), shape=shape))
