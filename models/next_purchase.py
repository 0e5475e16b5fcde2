"""The recommender that is served: what ranks best, and what its scores are worth.

Plain frequency, a blend of sources, or two stages: the simplest that no other clearly beats
on a validation window, where the map from score to probability is learned too, and where the
second stage, taught by the window before, was judged. What was chosen is then brought up to
everything known.
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
from models.recommend.ranker import Ranker, RankerParameters, Taught
from models.recommend.topk import ranked_products, tie_order
from models.recommend.two_stage import TwoStage, spread_evenly
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

_PLAIN: Final[Mapping[str, float]] = {Frequency.name: 1.0}
"""What a blend must clearly beat to be worth its weights: in a small shop they are noise."""

_MOST_ASKED: Final = 4_000
"""Customers that teach and judge the second stage; more cost minutes in a large shop."""

_LESSONS: Final = 1
"""Windows that teach the ranker: more cost minutes and gained little on a real shop."""

_RANKER: Final = RankerParameters(rounds=80, learning_rate=0.09)
"""Ranks the simulated shop no worse than 120 rounds at 0.06, in two thirds of the time."""


class NextPurchaseModel:
    """What each customer's next order is likely to hold.

    Parameters
    ----------
    limit
        Candidates per customer; probabilities are calibrated for lists of this length.
    horizon_days
        Length of the windows that teach the ranker; None is each customer's last known basket.

    Attributes
    ----------
    weights_ : dict
        Weight of each source in the blend.
    taught_ : Taught or None
        What the second stage goes by, where two rank better than the blend alone.
    blend_, acceptance_
        Fitted parts; the first is what ranks, a blend or two stages.
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
        """Choose weights and learn probabilities on a validation window.

        Parameters
        ----------
        interactions
            Everything before the window.
        truth
            Products of the next order of ``customers``; shape (n, n_products).
        customers
            Indices of customers with a next order in the window.
        """
        ties = tie_order(interactions.popularity())
        sources = default_sources()
        voices: dict[str, Candidates] = {}
        for source in sources:
            voices[source.name] = source.fit(interactions).score(customers, self.limit)
            on_step()

        def blended(weights: Mapping[str, float]) -> Blend:
            return Blend(sources, weights, self.limit).of_fitted(interactions)

        self.weights_ = dict(_PLAIN)
        if _blend_is_worth_it(blended, voices, truth, customers, ties):
            self.weights_ = choose_weights(voices, truth, ties)
        candidates = blended(self.weights_).score(customers, self.limit)
        on_step()
        self.taught_: Taught | None = None
        stages = self._two_stages().fit(interactions)
        asked = spread_evenly(customers.size, _MOST_ASKED)
        ranked = stages.score(customers[asked], self.limit)
        plainly = sparse.csr_matrix(candidates[asked])
        wanted = sparse.csr_matrix(truth[asked])
        gain = _ndcg(ranked, wanted, ties) - _ndcg(plainly, wanted, ties)
        if _is_more_than_noise(gain):
            self.taught_ = stages.taught
            candidates, truth, customers = ranked, wanted, customers[asked]
        on_step()
        habits = Habits.from_interactions(interactions, customers)
        self.acceptance_ = Acceptance().fit(candidates, truth, habits, ties)
        on_step()
        return self

    @property
    def stages_(self) -> Literal[1, 2]:
        """Whether the blend ranks, or two stages do."""
        return 1 if self.taught_ is None else 2

    @property
    def choose_steps(self) -> int:
        """How many steps :meth:`choose` reports."""
        return len(default_sources()) + 3

    def _two_stages(self) -> TwoStage:
        return TwoStage(
            candidates=max(self.limit, 150),
            horizon_days=self.horizon_days,
            lessons=_LESSONS,
            ranker=_RANKER,
            most_taught=_MOST_ASKED,
        )

    def fit(self, interactions: Interactions) -> Self:
        """Bring what was chosen up to all interactions."""
        self.interactions_ = interactions
        self.blend_: Blend | TwoStage = (
            Blend(weights=self.weights_, depth=self.limit).fit(interactions)
            if self.taught_ is None
            else self._two_stages().take(self.taught_).refit(interactions)
        )
        return self

    def candidates(
        self, customer_ids: ArrayLike, limit: int | None = None
    ) -> tuple[Candidates, Candidates]:
        """Return scores and probabilities of each customer's candidates.

        Parameters
        ----------
        limit
            How many; by default as many as the probabilities were calibrated for.

        Returns
        -------
        scores, probabilities
            Both (n, n_products) with the same entries. A probability is
            P(product in the next order | the customer orders).
        """
        scores, chances, _ = self._candidates(customer_ids, limit or self.limit)
        return scores, chances

    def own_candidates(self, customer_ids: ArrayLike) -> tuple[Candidates, Candidates]:
        """Like :meth:`candidates`, without the products that popularity alone put there."""
        scores, chances, personal = self._candidates(customer_ids, self.limit)
        return _kept(scores, personal), _kept(chances, personal)

    def _candidates(
        self, customer_ids: ArrayLike, limit: int
    ) -> tuple[Candidates, Candidates, NDArray[np.bool_]]:
        """Return scores, probabilities, and whether more than popularity put each there."""
        customers = self.interactions_.customer_index(customer_ids)
        scores, personal = self.blend_.score_and_tell(customers, limit)
        if scores.nnz == 0:
            return scores, scores.copy(), personal
        habits = Habits.from_interactions(self.interactions_, customers)
        chances = self.acceptance_.predict(scores, habits, self.blend_.ties_)
        return scores, chances, personal

    def rank(self, customers: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
        """Return each customer's best products by index, (n, limit), -1 where short."""
        return ranked_products(self.blend_.score(customers, self.limit), limit, self.blend_.ties_)

    def save(self, folder: Path) -> None:
        """Write the choice and what was taught; :meth:`fit` brings the sources up to a day."""
        parameters = {
            "limit": self.limit,
            "horizon_days": self.horizon_days,
            "weights": dict(self.weights_),
            "stages": self.stages_,
        }
        taught = self.taught_
        save_state(folder, parameters, {} if taught is None else {"source_weights": taught.weights})
        if taught is not None:
            taught.ranker.save(folder)
        self.acceptance_.save(folder / "acceptance")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote; :meth:`fit` before use."""
        stored, arrays = load_state(folder)
        model = cls(stored["limit"], stored["horizon_days"])
        model.taught_ = (
            None
            if stored["stages"] == 1
            else Taught(arrays["source_weights"], Ranker.load(folder, _RANKER))
        )
        weights: Mapping[str, float] = stored["weights"]
        model.weights_ = dict(weights)
        model.acceptance_ = Acceptance.load(folder / "acceptance")
        return model


def _kept(candidates: Candidates, keep: NDArray[np.bool_]) -> Candidates:
    """Drop entries, keeping rows and order."""
    before = np.concatenate([[0], np.cumsum(keep)])
    parts = (candidates.data[keep], candidates.indices[keep], before[candidates.indptr])
    return sparse.csr_matrix(parts, shape=candidates.shape)


def _blend_is_worth_it(
    blended: Callable[[Mapping[str, float]], Blend],
    voices: Mapping[str, Candidates],
    truth: sparse.csr_matrix[Any],
    customers: NDArray[np.int64],
    ties: NDArray[np.int64],
) -> bool:
    """Choose on every other customer; ask the rest whether it helped by more than noise."""
    chosen_on, asked = np.arange(0, len(customers), 2), np.arange(1, len(customers), 2)
    if truth[chosen_on].nnz == 0 or truth[asked].nnz == 0:
        return False
    half = {name: sparse.csr_matrix(voice[chosen_on]) for name, voice in voices.items()}
    weights = choose_weights(half, truth[chosen_on], ties)
    points = [
        _ndcg(blended(candidate).score(customers[asked], 10), truth[asked], ties)
        for candidate in (weights, _PLAIN)
    ]
    return _is_more_than_noise(points[0] - points[1])


def _ndcg(
    candidates: Candidates, truth: sparse.csr_matrix[Any], ties: NDArray[np.int64]
) -> NDArray[np.float64]:
    """NDCG at 10 of each customer's candidates."""
    return ndcg_at(hits(ranked_products(candidates, 10, ties), truth), truth_sizes(truth), 10)


def _is_more_than_noise(gain: NDArray[np.float64]) -> bool:
    """Whether the mean over customers lies two standard errors above nothing."""
    told = gain[~np.isnan(gain)]
    return bool(told.size and told.mean() > 2.0 * told.std() / np.sqrt(told.size))
