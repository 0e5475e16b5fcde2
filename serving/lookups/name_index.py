"""Products by the words of their names and categories, for what shoppers type into a search."""

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
"""The most words that one prefix may match, and that are read of one query."""

Matches = tuple[NDArray[np.int32], NDArray[np.float64]]


class NameIndex:
    """Finds products by words, weighted by inverse document frequency.

    Parameters
    ----------
    texts
        Name and category of each product; None where unknown.
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
        # One array holds the products of all words, word after word: an array for each word would
        # take ten times the memory.
        numbered = np.frombuffer(words, np.int32) if words else np.empty(0, np.int32)
        order = np.argsort(numbered, kind="stable")
        self._products = np.array(products, dtype=np.int32)[order]
        self._ends = np.cumsum(np.bincount(numbered, minlength=len(numbers)))
        self._numbers = numbers
        self._sorted = sorted(numbers)

    def matching(self, query: str, most: int) -> Matches:
        """Return up to ``most`` products, best first, and the share of the query that each matches.

        The share is 0 to 1, by the words' weights. A word of three letters or more that is in no
        name matches the words that begin with it.
        """
        products, worth, whole = [np.empty(0, np.int32)], [np.empty(0)], 0.0
        for word in dict.fromkeys(_words(query)[:_MOST_WORDS]):
            hits = self._holding(word)
            rarity = float(np.log1p(self._count / max(len(hits), 1)))
            whole += rarity
            products.append(hits)
            worth.append(np.full(len(hits), rarity))
        distinct, place = np.unique(np.concatenate(products), return_inverse=True)
        shares = np.bincount(place, np.concatenate(worth), minlength=len(distinct))
        best = np.lexsort((distinct, -shares))[:most]
        return distinct[best], shares[best] / max(whole, 1e-9)

    def _holding(self, word: str) -> NDArray[np.int32]:
        # As typed, then as singular and as plural.
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
