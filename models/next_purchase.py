"""The recommender that is served: the best ranking, and probabilities for its scores.

Of personal frequency, a blend of sources and two stages, the simplest is served that no other
clearly beats on a validation window. The second stage is trained on the window before it; the map
from scores to probabilities is learned on it. The chosen model is then fitted on everything known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from models.metrics.ranking import hits, ndcg_at, truth_sizes
from models.recommend.acceptance import Acceptance, Habits
from models.recommend.blend import Blend, default_sources
from models.recommend.frequency import Frequency
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates
from models.recommend.ranker import LearnedRanking, Ranker, RankerParameters
from models.recommend.topk import ranked_products, tie_order
from models.recommend.two_stage import TwoStage, evenly_spaced
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

_PLAIN: Final[Mapping[str, float]] = {Frequency.name: 1.0}
"""What a blend must clearly beat: in a small shop its weights are mostly noise."""

_MOST_CUSTOMERS: Final = 4_000
"""Customers that the second stage is trained and judged on; more cost minutes in a large shop."""

_TRAINING_WINDOWS: Final = 1
"""Windows that the ranker is trained on: more cost minutes and gained little on a real shop."""

_RANKER: Final = RankerParameters(rounds=80, learning_rate=0.09)
"""Ranks the simulated shop as well as 120 rounds at 0.06, in two thirds of the time."""


class NextPurchaseModel:
    """Predicts what each customer's next order holds.

    Parameters
    ----------
    limit
        Candidates per customer; probabilities are calibrated for lists of this length.
    horizon_days
        Length of the ranker's training window; None trains on each customer's last known basket.

    Attributes
    ----------
    weights_ : dict
        Weight of each source in the blend.
    learned_ranking_ : LearnedRanking or None
        What the two stages learned, if they rank better than the blend alone.
    blend_ : Blend or TwoStage
        What ranks, fitted.
    acceptance_ : Acceptance
        From scores to probabilities.
    """

    def __init__(self, limit: int = 100, horizon_days: int | None = None) -> None:
        self.limit = limit
        self.horizon_days = horizon_days

    def choose(
        self,
        interactions: Interactions,
        truth: sparse.csr_matrix[Any],
        customers: NDArray[np.int64],
        on_step: Callable[[], None] = lambda: None,
    ) -> Self:
        """Choose the ranking and learn probabilities on a validation window.

        Parameters
        ----------
        interactions
            Everything before the window.
        truth
            Products of the next order of ``customers``; shape (n, n_products).
        customers
            Indices of the customers with a next order in the window; shape (n,).
        on_step
            Called ``choose_steps`` times, for progress.
        """
        ties = tie_order(interactions.popularity())
        sources = default_sources()
        by_source: dict[str, Candidates] = {}
        for source in sources:
            by_source[source.name] = source.fit(interactions).score(customers, self.limit)
            on_step()

        def blended(weights: Mapping[str, float]) -> Blend:
            return Blend(sources, weights, self.limit).of_fitted(interactions)

        self.weights_ = dict(_PLAIN)
        if _blend_is_worth_it(blended, by_source, truth, customers, ties):
            self.weights_ = choose_weights(by_source, truth, ties)
        candidates = blended(self.weights_).score(customers, self.limit)
        on_step()
        self.learned_ranking_: LearnedRanking | None = None
        two_stage = self._two_stage().fit(interactions)
        sample = evenly_spaced(customers.size, _MOST_CUSTOMERS)
        ranked = two_stage.score(customers[sample], self.limit)
        truth_of_sample = sparse.csr_matrix(truth[sample])
        gain = _ndcg(ranked, truth_of_sample, ties) - _ndcg(
            sparse.csr_matrix(candidates[sample]), truth_of_sample, ties
        )
        if _is_more_than_noise(gain):
            self.learned_ranking_ = two_stage.learned_ranking
            candidates, truth, customers = ranked, truth_of_sample, customers[sample]
        on_step()
        habits = Habits.from_interactions(interactions, customers)
        self.acceptance_ = Acceptance().fit(candidates, truth, habits, ties)
        on_step()
        return self

    @property
    def stages_(self) -> Literal[1, 2]:
        """1 if the blend ranks, 2 if the two stages do."""
        return 1 if self.learned_ranking_ is None else 2

    @property
    def choose_steps(self) -> int:
        """Number of steps that :meth:`choose` reports."""
        return len(default_sources()) + 3

    def _two_stage(self) -> TwoStage:
        return TwoStage(
            candidates=max(self.limit, 150),
            horizon_days=self.horizon_days,
            training_windows=_TRAINING_WINDOWS,
            ranker=_RANKER,
            max_training_customers=_MOST_CUSTOMERS,
        )

    def fit(self, interactions: Interactions) -> Self:
        """Fit the chosen ranking on all interactions."""
        self.interactions_ = interactions
        self.blend_: Blend | TwoStage = (
            Blend(weights=self.weights_, depth=self.limit).fit(interactions)
            if self.learned_ranking_ is None
            else self._two_stage().adopt(self.learned_ranking_).refit(interactions)
        )
        return self

    def candidates(
        self, customer_ids: ArrayLike, limit: int | None = None
    ) -> tuple[Candidates, Candidates]:
        """Return scores and probabilities of each customer's candidates.

        Parameters
        ----------
        limit
            Candidates per customer; by default as many as probabilities were calibrated for.

        Returns
        -------
        scores, probabilities
            Both (n, n_products) with the same entries. A probability is
            P(product in the next order | the customer orders).
        """
        scores, chances, _ = self._candidates(customer_ids, limit or self.limit)
        return scores, chances

    def own_candidates(self, customer_ids: ArrayLike) -> tuple[Candidates, Candidates]:
        """Like :meth:`candidates`, without products that are there for their popularity alone."""
        scores, chances, is_personal = self._candidates(customer_ids, self.limit)
        return _kept(scores, is_personal), _kept(chances, is_personal)

    def _candidates(
        self, customer_ids: ArrayLike, limit: int
    ) -> tuple[Candidates, Candidates, NDArray[np.bool_]]:
        """Return scores, probabilities, and whether each is there for more than popularity."""
        customers = self.interactions_.customer_index(customer_ids)
        scores, is_personal = self.blend_.score_with_origin(customers, limit)
        if scores.nnz == 0:
            return scores, scores.copy(), is_personal
        habits = Habits.from_interactions(self.interactions_, customers)
        chances = self.acceptance_.predict(scores, habits, self.blend_.ties_)
        return scores, chances, is_personal

    def rank(self, customers: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
        """Return each customer's best products by index, (n, limit), -1 where short."""
        return ranked_products(self.blend_.score(customers, self.limit), limit, self.blend_.ties_)

    def save(self, folder: Path) -> None:
        """Write the choice and what was learned, without purchases: :meth:`fit` after loading."""
        parameters = {
            "limit": self.limit,
            "horizon_days": self.horizon_days,
            "weights": dict(self.weights_),
            "stages": self.stages_,
        }
        learned = self.learned_ranking_
        save_state(
            folder, parameters, {} if learned is None else {"source_weights": learned.weights}
        )
        if learned is not None:
            learned.ranker.save(folder)
        self.acceptance_.save(folder / "acceptance")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; :meth:`fit` before use."""
        stored, arrays = load_state(folder)
        model = cls(stored["limit"], stored["horizon_days"])
        model.learned_ranking_ = (
            None
            if stored["stages"] == 1
            else LearnedRanking(arrays["source_weights"], Ranker.load(folder, _RANKER))
        )
        weights: Mapping[str, float] = stored["weights"]
        model.weights_ = dict(weights)
        model.acceptance_ = Acceptance.load(folder / "acceptance")
        return model


def _kept(candidates: Candidates, keep: NDArray[np.bool_]) -> Candidates:
    """Keep some of the stored entries."""
    before = np.concatenate([[0], np.cumsum(keep)])
    parts = (candidates.data[keep], candidates.indices[keep], before[candidates.indptr])
    return sparse.csr_matrix(parts, shape=candidates.shape)


def _blend_is_worth_it(
    blended: Callable[[Mapping[str, float]], Blend],
    by_source: Mapping[str, Candidates],
    truth: sparse.csr_matrix[Any],
    customers: NDArray[np.int64],
    ties: NDArray[np.int64],
) -> bool:
    """Choose weights on every other customer; the rest judge whether they beat plain frequency."""
    chosen_on, judges = np.arange(0, len(customers), 2), np.arange(1, len(customers), 2)
    if truth[chosen_on].nnz == 0 or truth[judges].nnz == 0:
        return False
    half = {name: sparse.csr_matrix(scores[chosen_on]) for name, scores in by_source.items()}
    weights = choose_weights(half, truth[chosen_on], ties)
    points = [
        _ndcg(blended(each).score(customers[judges], 10), truth[judges], ties)
        for each in (weights, _PLAIN)
    ]
    return _is_more_than_noise(points[0] - points[1])


def _ndcg(
    candidates: Candidates, truth: sparse.csr_matrix[Any], ties: NDArray[np.int64]
) -> NDArray[np.float64]:
    """NDCG at 10 of each customer's candidates."""
    return ndcg_at(hits(ranked_products(candidates, 10, ties), truth), truth_sizes(truth), 10)


def _is_more_than_noise(gain: NDArray[np.float64]) -> bool:
    """Return whether the mean over customers lies more than two standard errors above zero."""
    defined = gain[~np.isnan(gain)]
    return bool(defined.size and defined.mean() > 2.0 * defined.std() / np.sqrt(defined.size))
