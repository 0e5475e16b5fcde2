"""One list from several recommenders: a weighted sum of their scores, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.als import Als
from models.recommend.contract import Recommender, discover_recommenders
from models.recommend.cosine import Cosine
from models.recommend.ease import Ease
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, entries_in, row_numbers, stack
from models.recommend.neighbours import Neighbours
from models.recommend.personal import Personal
from models.recommend.popular import Popular
from models.recommend.topk import fill_with_popular, tie_order, top_per_row
from models.state import load_state, save_state

DEFAULT_WEIGHTS: Final[Mapping[str, float]] = {
    "personal": 0.70,
    "neighbours": 0.15,
    "als": 0.10,
    "popular": 0.05,
}
"""A start for a shop of regulars; the trainer's choice on a validation window replaces it."""

_CUSTOMERS_PER_BLOCK: Final = 20_000
"""Bounds the memory of all sources' candidates at once, some 80 MB by default."""


def default_sources() -> list[Recommender]:
    """Return one unfitted recommender of each kind worth blending, with its default settings."""
    return [Personal(), Frequency(), Neighbours(), Als(), Ease(), Cosine(), Popular()]


def normalised(candidates: Candidates) -> Candidates:
    """Divide every row by its largest score, so that sources speak equally loud."""
    rows = row_numbers(candidates)
    largest = np.zeros(candidates.shape[0], dtype=np.float32)
    np.maximum.at(largest, rows, candidates.data)
    scaled = candidates.copy()
    scaled.data /= largest[rows]
    return scaled


class Blend:
    """Weighted sum of the sources' normalised scores; short rows are completed by what is popular.

    Every row, an unknown customer's too, has exactly ``limit`` products wherever the catalogue
    has as many.

    Parameters
    ----------
    sources
        Recommenders of different names; fitted in place.
    weights
        Weight by source name, from :func:`models.recommend.weights.choose_weights`; a source
        without weight takes no part.
    depth
        Products asked of each source: what none of them ranks this high is not a candidate.

    Attributes
    ----------
    ties_ : array, shape (n_products,)
        Place of each product by popularity.
    fill_order_ : array, shape (n_products,)
        Place of each product in the recently popular list, which completes short rows.
    """

    name: ClassVar[str] = "blend"

    def __init__(
        self,
        sources: Sequence[Recommender] | None = None,
        weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        depth: int = 100,
    ) -> None:
        offered = default_sources() if sources is None else sources
        self.sources = [source for source in offered if weights.get(source.name, 0.0) > 0]
        self.weights = {source.name: float(weights[source.name]) for source in self.sources}
        self.depth = depth
        if not self.sources or len(self.weights) < len(self.sources):
            raise ValueError("a blend needs sources of different names, one with a weight at least")

    def fit(self, interactions: Interactions) -> Self:
        """Fit every source."""
        for source in self.sources:
            source.fit(interactions)
        return self.of_fitted(interactions)

    def of_fitted(self, interactions: Interactions) -> Self:
        """Take the sources as they are: fitted on these interactions already."""
        self.ties_ = tie_order(interactions.popularity())
        self.fill_order_ = Popular().fit(interactions).order()
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return each customer's best products by all sources together, a block at a time."""
        return self.score_and_tell(customers, limit)[0]

    def score_and_tell(
        self, customers: Indices, limit: int
    ) -> tuple[Candidates, NDArray[np.bool_]]:
        """Score, and tell whether a source that knows the customer named each product.

        Where none did, popularity alone put it there.
        """
        wanted = np.asarray(customers, dtype=np.int64)
        scores, told = [], []
        for start in range(0, max(wanted.size, 1), _CUSTOMERS_PER_BLOCK):
            voices = self._voices(wanted[start : start + _CUSTOMERS_PER_BLOCK], limit)
            best = top_per_row(_sum(voices), limit, self.ties_)
            scores.append(fill_with_popular(best, limit, self.fill_order_))
            names = (source.name for source in self.sources)
            personal = [v for n, v in zip(names, voices, strict=True) if n != Popular.name]
            none = np.zeros(scores[-1].nnz, dtype=np.bool_)
            told.append(entries_in(scores[-1], _sum(personal)) if personal else none)
        return stack(scores, self.ties_.size), np.concatenate(told)

    def _voices(self, customers: NDArray[np.int64], limit: int) -> list[Candidates]:
        """Each source's weighted candidates."""
        voices = []
        for source in self.sources:
            voice = normalised(source.score(customers, max(self.depth, limit)))
            voice.data *= np.float32(self.weights[source.name])
            voices.append(voice)
        return voices

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the nearest products by the sources that know a likeness, each as loud."""
        depth = max(self.depth, limit)
        voices = [normalised(source.similar(products, depth)) for source in self.sources]
        return top_per_row(_sum(voices), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters, and every source in a folder of its name."""
        for source in self.sources:
            source.save(folder / source.name)
        parameters = {
            # Float sums depend on their order, and JSON here keeps its keys sorted.
            "order": [source.name for source in self.sources],
            "weights": self.weights,
            "depth": self.depth,
        }
        save_state(folder, parameters, {"ties": self.ties_, "fill_order": self.fill_order_})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; the kinds of sources are found by name."""
        parameters, arrays = load_state(folder)
        kinds = discover_recommenders()
        sources = [kinds[name].load(folder / name) for name in parameters["order"]]
        model = cls(sources, parameters["weights"], parameters["depth"])
        model.ties_, model.fill_order_ = arrays["ties"], arrays["fill_order"]
        return model


def _sum(voices: list[Candidates]) -> Candidates:
    total = voices[0]
    for voice in voices[1:]:
        total = sparse.csr_matrix(total + voice)
    return total
