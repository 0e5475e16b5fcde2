"""Searches: the products whose names and categories hold the words that a shopper typed."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORD: Final = re.compile(r"\w+")
_LEAST_PREFIX: Final = 3
_MOST_WORDS: Final = 20
"""Words that one prefix may stand for, and words of a query that are read."""

Matches = tuple[NDArray[np.int32], NDArray[np.float64]]


class NameIndex:
    """Finds products by words; rare words say more (inverse document frequency).

    Parameters
    ----------
    texts
        For each product what it is called; None where unknown.
    """

    def __init__(self, texts: Iterable[str | None]) -> None:
        numbers: dict[str, int] = {}
        words, products = array("i"), array("i")
        self._count = 0
        for product, text in enumerate(texts):
            self._count += 1
            for word in set(_words(text or "")):
                words.append(numbers.setdefault(word, len(numbers)))
                products.append(product)
        # Each word's products are a stretch of one array: an array for each takes ten times that.
        numbered = np.frombuffer(words, np.int32) if words else np.empty(0, np.int32)
        order = np.argsort(numbered, kind="stable")
        self._products = np.array(products, dtype=np.int32)[order]
        self._ends = np.cumsum(np.bincount(numbered, minlength=len(numbers)))
        self._numbers = numbers
        self._sorted = sorted(numbers)

    def matching(self, query: str, most: int) -> Matches:
        """Return at most so many products and the share of the query that each one holds.

        A word that no name holds stands for those that begin with it, from three letters on.
        """
        products, worth, whole = [np.empty(0, np.int32)], [np.empty(0)], 0.0
        for word in dict.fromkeys(_words(query)[:_MOST_WORDS]):
            hits = self._having(word)
            rarity = float(np.log1p(self._count / max(len(hits), 1)))
            whole += rarity
            products.append(hits)
            worth.append(np.full(len(hits), rarity))
        distinct, place = np.unique(np.concatenate(products), return_inverse=True)
        shares = np.bincount(place, np.concatenate(worth), minlength=len(distinct))
        best = np.lexsort((distinct, -shares))[:most]
        return distinct[best], shares[best] / max(whole, 1e-9)

    def _having(self, word: str) -> NDArray[np.int32]:
        # The plural of most words in most shops' names.
        for form in (word, word.removesuffix("s"), f"{word}s"):
            if form in self._numbers:
                return self._named(form)
        if len(word) < _LEAST_PREFIX:
            return np.empty(0, dtype=np.int32)
        start = bisect_left(self._sorted, word)
        alike = [w for w in self._sorted[start : start + _MOST_WORDS] if w.startswith(word)]
        if not alike:
            return np.empty(0, dtype=np.int32)
        return np.unique(np.concatenate([self._named(w) for w in alike]))

    def _named(self, word: str) -> NDArray[np.int32]:
        number = self._numbers[word]
        start = self._ends[number - 1] if number else 0
        return self._products[start : self._ends[number]]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
