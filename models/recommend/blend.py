"""One list from several recommenders: a weighted sum of their scores, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.als import Als
from models.recommend.combining import normalised
from models.recommend.contract import Recommender, discover_recommenders
from models.recommend.cosine import Cosine
from models.recommend.ease import Ease
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, entries_in, stack
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
"""A default for shops with regular customers; training chooses weights on a validation window."""

_CUSTOMERS_PER_BLOCK: Final = 20_000
"""Bounds the memory of all sources' candidates held at once: about 80 MB by default."""


def default_sources() -> list[Recommender]:
    """Return one unfitted recommender of each kind worth blending, with its default settings."""
    return [Personal(), Frequency(), Neighbours(), Als(), Ease(), Cosine(), Popular()]


class Blend:
    """Weighted sum of the sources' normalised scores; popular products complete short rows.

    Every row, also that of an unknown customer, has exactly ``limit`` products if the catalogue
    has as many.

    Parameters
    ----------
    sources
        Recommenders of different names; fitted in place.
    weights
        Weight by source name, as from :func:`models.recommend.weights.choose_weights`; a source
        without a weight is not used.
    depth
        Products taken from each source: what none of them ranks this high is not a candidate.

    Attributes
    ----------
    ties_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first.
    fill_order_ : array, shape (n_products,)
        Rank of each product in the recently popular list, which completes short rows.
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
        """Use sources that are already fitted on these interactions."""
        self.ties_ = tie_order(interactions.popularity())
        self.fill_order_ = Popular().fit(interactions).order()
        return self

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return each customer's best products by all sources together, a block at a time."""
        return self.score_with_origin(customers, limit)[0]

    def score_with_origin(
        self, customers: Indices, limit: int
    ) -> tuple[Candidates, NDArray[np.bool_]]:
        """Score, and say for each stored score whether it is personal.

        A score is personal where a source that knows the customer named the product; the other
        products are there for their popularity alone.
        """
        wanted = np.asarray(customers, dtype=np.int64)
        scores, is_personal = [], []
        for start in range(0, max(wanted.size, 1), _CUSTOMERS_PER_BLOCK):
            parts = self._weighted(wanted[start : start + _CUSTOMERS_PER_BLOCK], limit)
            best = top_per_row(_sum(list(parts.values())), limit, self.ties_)
            scores.append(fill_with_popular(best, limit, self.fill_order_))
            personal = [part for name, part in parts.items() if name != Popular.name]
            none = np.zeros(scores[-1].nnz, dtype=np.bool_)
            is_personal.append(entries_in(scores[-1], _sum(personal)) if personal else none)
        return stack(scores, self.ties_.size), np.concatenate(is_personal)

    def _weighted(self, customers: NDArray[np.int64], limit: int) -> dict[str, Candidates]:
        """Return each source's candidates, normalised and weighted, by its name."""
        parts = {}
        for source in self.sources:
            part = normalised(source.score(customers, max(self.depth, limit)))
            part.data *= np.float32(self.weights[source.name])
            parts[source.name] = part
        return parts

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the nearest products by all sources that measure similarity, equally weighted."""
        depth = max(self.depth, limit)
        parts = [normalised(source.similar(products, depth)) for source in self.sources]
        return top_per_row(_sum(parts), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters, and each source into a folder of its own name."""
        for source in self.sources:
            source.save(folder / source.name)
        parameters = {
            # Float sums depend on their order, and saved JSON has its keys sorted.
            "order": [source.name for source in self.sources],
            "weights": self.weights,
            "depth": self.depth,
        }
        save_state(folder, parameters, {"ties": self.ties_, "fill_order": self.fill_order_})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; the classes of the sources are found by name."""
        parameters, arrays = load_state(folder)
        kinds = discover_recommenders()
        sources = [kinds[name].load(folder / name) for name in parameters["order"]]
        model = cls(sources, parameters["weights"], parameters["depth"])
        model.ties_, model.fill_order_ = arrays["ties"], arrays["fill_order"]
        return model


def _sum(parts: list[Candidates]) -> Candidates:
    return sparse.csr_matrix(sum(parts[1:], parts[0]))
