"""Two stages: candidates from several recommenders (the sources), ordered by a learned ranker.

The ranker is trained on the customers' own past: everything is fitted as if each customer's last
known basket had not happened yet, and that basket is what the ranker must put first. Nothing but
the interactions is read, and no customer's future is used to predict another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.parallel import parallel_map
from models.recommend.candidates import Shortlist, shortlist
from models.recommend.contract import Recommender, discover_recommenders
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices, entries_in, stack
from models.recommend.popular import Popular
from models.recommend.protocols import Window, past_windows
from models.recommend.ranker import LabelledLists, LearnedRanking, Ranker, RankerParameters
from models.recommend.ranking_features import RankingFeatures
from models.recommend.sources import IMPERSONAL, ranked_sources
from models.recommend.stored import load_interactions, save_interactions
from models.recommend.topk import fill_with_popular, tie_order, top_per_row
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

_BLEND_SHARE: Final = 0.1
"""Power of the blend's rank beside the ranker's."""
_CUSTOMERS_PER_BLOCK: Final = 500
_CUSTOMERS_FOR_WEIGHTS: Final = 2_000


class TwoStage:
    """Candidates of all sources, ordered by LambdaMART together with the blend of the sources.

    Parameters
    ----------
    sources
        Recommenders of different names; fitted in place.
    depth
        Products taken from each source.
    candidates
        Most products per customer that reach the ranker: the best of the blend.
    horizon_days
        The training target. None: each customer's last known basket. A number: the first order of
        each customer in the last so many days, predicted from what was known before them.
    training_windows
        How many such windows to train on, each ending where the later one begins.
    ranker
        Hyperparameters of the trees.
    max_training_customers
        Most customers used per window, evenly spaced; all of them by default.

    Attributes
    ----------
    weights_ : array, shape (n_sources,)
        Weight of each source in the blend.
    ranker_ : Ranker
        The second stage.
    ties_, fill_order_ : array, shape (n_products,)
        Rank of each product by popularity, 0 first: of all time, and recent.
    """

    name: ClassVar[str] = "two_stage"

    def __init__(
        self,
        sources: Sequence[Recommender] | None = None,
        depth: int = 100,
        candidates: int = 150,
        horizon_days: int | None = None,
        training_windows: int = 1,
        ranker: RankerParameters | None = None,
        max_training_customers: int | None = None,
    ) -> None:
        self.sources = list(ranked_sources() if sources is None else sources)
        self.depth = depth
        self.candidates = candidates
        self.horizon_days = horizon_days
        self.training_windows = training_windows
        self.ranker = ranker or RankerParameters()
        self.max_training_customers = max_training_customers

    def fit(self, interactions: Interactions) -> Self:
        """Train the ranker on past windows, then fit every source on all interactions."""
        windows = past_windows(interactions, self.horizon_days, self.training_windows)
        return self._train(windows).refit(interactions)

    def _train(self, windows: Iterable[Window]) -> Self:
        """Choose the blend's weights on the first window, and fit the ranker on all of them."""
        self.weights_: NDArray[np.float64] = np.full(len(self.sources), 1 / len(self.sources))
        self.ranker_ = Ranker(self.ranker)
        lists: list[LabelledLists] = []
        for window in windows:
            if window.truth.nnz == 0:
                break
            self.refit(window.known)
            if not lists:
                self.weights_ = self._weights(window)
            lists.extend(self._labelled_lists(window))
        self.ranker_.fit(lists)
        return self

    @property
    def learned_ranking(self) -> LearnedRanking:
        """What was learned, for :meth:`adopt` on another day."""
        return LearnedRanking(self.weights_, self.ranker_)

    def adopt(self, learned: LearnedRanking) -> Self:
        """Use what another model with the same sources learned; :meth:`refit` before use."""
        self.weights_, self.ranker_ = learned.weights, learned.ranker
        return self

    def _labelled_lists(self, window: Window) -> list[LabelledLists]:
        """Return the candidates' features at the window's start, and which were bought in it."""
        some = evenly_spaced(window.customers.size, self.max_training_customers)

        def labelled(part: slice) -> LabelledLists:
            block = some[part]
            chosen = self._shortlist(window.customers[block])
            pattern = chosen.matrix(np.ones(chosen.rows.size))
            return LabelledLists(
                self._features(chosen, window.customers[block]),
                entries_in(pattern, window.truth[block]),
                chosen.sizes,
            )

        return parallel_map(labelled, _blocks(some.size))

    def refit(self, interactions: Interactions) -> Self:
        """Fit sources and ranking features on these interactions; keep what was learned."""
        self.interactions_ = interactions
        for source in self.sources:
            source.fit(interactions)
        return self._derive(interactions)

    def _derive(self, interactions: Interactions) -> Self:
        self.ties_ = tie_order(interactions.popularity())
        self.fill_order_ = Popular().fit(interactions).order()
        self.features_ = RankingFeatures().fit(interactions)
        return self

    def _weights(self, window: Window) -> NDArray[np.float64]:
        """Choose the blend's weights on a sample: more customers cost time and change little."""
        some = evenly_spaced(window.customers.size, _CUSTOMERS_FOR_WEIGHTS)
        truth = sparse.csr_matrix(window.truth[some])
        if truth.nnz == 0:
            return self.weights_
        by_source = {
            source.name: source.score(window.customers[some], self.depth) for source in self.sources
        }
        chosen = choose_weights(by_source, truth, self.ties_)
        return np.array([chosen[source.name] for source in self.sources])

    def _shortlist(self, customers: NDArray[np.int64]) -> Shortlist:
        """Return the best candidates; the last column is the logarithm of the blend's rank."""
        named = shortlist([source.score(customers, self.depth) for source in self.sources])
        relative = named.relative()
        blend = relative @ self.weights_.astype(np.float32)
        places = named.ranks(blend, self.ties_)
        # Weights are chosen for the first ten; sources that add little there still find good
        # candidates further down, so all of them have a say in who reaches the ranker.
        reached = named.ranks(blend + relative.mean(axis=1), self.ties_)
        columns = (named.scores, relative, blend[:, None], np.log(places)[:, None])
        wide = replace(named, scores=np.hstack(columns).astype(np.float32))
        return wide.kept(reached <= self.candidates)

    def _features(self, chosen: Shortlist, customers: NDArray[np.int64]) -> NDArray[np.float32]:
        own = self.features_.of(customers[chosen.rows], chosen.products)
        return np.hstack((own, chosen.scores))

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return each customer's best products; popular ones complete short rows."""
        return self.score_with_origin(customers, limit)[0]

    def score_with_origin(
        self, customers: Indices, limit: int
    ) -> tuple[Candidates, NDArray[np.bool_]]:
        """Score, and say for each stored score whether it is personal.

        As in :meth:`models.recommend.blend.Blend.score_with_origin`.
        """
        wanted = np.asarray(customers, dtype=np.int64)
        personal = [k for k, source in enumerate(self.sources) if source.name not in IMPERSONAL]

        def answer(block: slice) -> tuple[Candidates, NDArray[np.bool_]]:
            chosen = self._shortlist(wanted[block])
            scores = self._score(chosen, wanted[block], limit)
            own = chosen.kept(np.asarray(chosen.scores[:, personal].any(axis=1)))
            return scores, entries_in(scores, own.matrix(np.ones(own.rows.size)))

        scores, is_personal = zip(*parallel_map(answer, _blocks(wanted.size)), strict=True)
        return stack(list(scores), self.ties_.size), np.concatenate(is_personal)

    def _score(self, chosen: Shortlist, customers: NDArray[np.int64], limit: int) -> Candidates:
        values = -chosen.scores[:, -1].astype(np.float64)
        # Weighted geometric mean of the two reciprocal ranks: 1 at the very top.
        score = np.exp(_BLEND_SHARE * values)
        # The ranker never saw an unknown customer: theirs is the blend's order.
        known = customers[chosen.rows] >= 0
        if self.ranker_.booster_ is not None and known.any():
            values[known] = self.ranker_.predict(self._features(chosen, customers)[known])
        score /= chosen.ranks(values, self.ties_)
        best = top_per_row(chosen.matrix(score), limit, self.ties_)
        return fill_with_popular(best, limit, self.fill_order_)

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the nearest products by all sources that measure similarity, equally weighted."""
        depth = max(self.depth, limit)
        near = shortlist([source.similar(products, depth) for source in self.sources])
        return top_per_row(near.matrix(near.relative().sum(axis=1)), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters, purchases and trees, and each source into a folder of its own name."""
        for source in self.sources:
            source.save(folder / source.name)
        self.ranker_.save(folder)
        save_interactions(folder / "interactions", self.interactions_)
        parameters: dict[str, Any] = {
            "sources": [source.name for source in self.sources],
            "depth": self.depth,
            "candidates": self.candidates,
            "horizon_days": self.horizon_days,
            "training_windows": self.training_windows,
            "ranker": asdict(self.ranker),
            "max_training_customers": self.max_training_customers,
        }
        save_state(folder, parameters, {"weights": self.weights_})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; the classes of the sources are found by name."""
        parameters, arrays = load_state(folder)
        kinds = discover_recommenders()
        sources = [kinds[name].load(folder / name) for name in parameters.pop("sources")]
        ranker = RankerParameters(**parameters.pop("ranker"))
        model = cls(sources, ranker=ranker, **parameters)
        model.weights_ = arrays["weights"]
        model.ranker_ = Ranker.load(folder, ranker)
        model.interactions_ = load_interactions(folder / "interactions")
        return model._derive(model.interactions_)


def _blocks(n: int) -> list[slice]:
    """Cut n customers into blocks whose candidates fit the processor's caches."""
    starts = range(0, max(n, 1), _CUSTOMERS_PER_BLOCK)
    return [slice(start, min(start + _CUSTOMERS_PER_BLOCK, n)) for start in starts]


def evenly_spaced(n: int, most: int | None) -> NDArray[np.int64]:
    """Return at most ``most`` of the positions 0 to n - 1, evenly spaced."""
    wanted = n if most is None else min(n, most)
    return np.unique(np.linspace(0, n - 1, wanted).astype(np.int64))
