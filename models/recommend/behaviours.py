"""A recommender from several behaviours: views, cart additions and purchases.

It is a weighted sum of these sources, whose weights are learned on a later window:

- ``like_<behaviour>``: an item-item model (EASE over the customers who showed the behaviour)
  applied to the customer's faded history of it; ``like_everything`` pools all behaviours;
- ``own_<behaviour>``: what the customer viewed or put into the cart and did not buy;
- ``trend_<behaviour>``: what is popular now, by behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.actions import BEHAVIOURS, Actions
from models.recommend.combining import weighted_sum, without
from models.recommend.ease_solver import ease_rows
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    rows_of,
)
from models.recommend.topk import tie_order, top_per_row
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

EVERYTHING: Final = "everything"
_DEPTH: Final = 200


class Behaviours:
    """What customers will buy next, from everything they did.

    Parameters
    ----------
    behaviours
        Those to use, out of ``BEHAVIOURS``.
    regularization
        Ridge penalty of every item-item model, in customers.
    half_life_days
        Days in which an action's weight in the customer's history halves.
    trend_half_life_days
        The same for popularity.
    neighbours
        Weights kept per product.
    max_products
        Largest system solved; see :func:`~models.recommend.ease_solver.solvable`.

    Attributes
    ----------
    source_weights_ : dict or None
        Weight of each source; None before :meth:`choose`: all count alike.
    bought_ : csr_matrix, shape (n_customers, n_products)
        What each customer bought, which is not recommended.
    """

    def __init__(
        self,
        behaviours: tuple[str, ...] = BEHAVIOURS,
        regularization: float = 10.0,
        half_life_days: float = 7.0,
        trend_half_life_days: float = 14.0,
        neighbours: int = 100,
        max_products: int = 8_000,
    ) -> None:
        self.behaviours = tuple(behaviours)
        self.regularization = regularization
        self.half_life_days = half_life_days
        self.trend_half_life_days = trend_half_life_days
        self.neighbours = neighbours
        self.max_products = max_products
        self.source_weights_: Mapping[str, float] | None = None

    def fit(self, actions: Actions) -> Self:
        """Fit the item-item model of each behaviour, and keep every customer's history."""
        self.rows_: dict[str, Candidates] = {}
        self.histories_: dict[str, Candidates] = {}
        for name, shown in self._groups().items():
            self.rows_[name] = ease_rows(
                actions.matrix(shown),
                self.regularization,
                self.neighbours,
                largest_side=self.max_products,
                least_rows=2,
            )
            faded = actions.matrix(shown, self.half_life_days)
            self.histories_[name] = faded.astype(np.float32)
        self.trends_: dict[str, NDArray[np.float64]] = {
            name: np.asarray(actions.matrix([name], self.trend_half_life_days).sum(axis=0)).ravel()
            for name in self.behaviours
        }
        self.bought_: Candidates = actions.matrix(["buy"]).astype(np.float32)
        self.ties_ = tie_order(np.bincount(actions.products, minlength=actions.product_ids.size))
        return self

    def _groups(self) -> dict[str, tuple[str, ...]]:
        alone: dict[str, tuple[str, ...]] = {name: (name,) for name in self.behaviours}
        return alone if len(alone) == 1 else alone | {EVERYTHING: self.behaviours}

    def choose(self, windows: Iterable[tuple[Actions, Indices, sparse.csr_matrix[Any]]]) -> Self:
        """Learn the sources' weights.

        Leaves the model fitted on the last window: fit it again before use.

        Parameters
        ----------
        windows
            For each: the actions known at its start, customers, and what they bought in it.

        Raises
        ------
        TrainingError
            Nobody bought anything in any window.
        """
        scores: dict[str, list[Candidates]] = {}
        truths = []
        for actions, customers, truth in windows:
            self.fit(actions)
            truths.append(truth)
            for name, source in self.source_scores(customers).items():
                scores.setdefault(name, []).append(source)
        stacked = {
            name: sparse.csr_matrix(sparse.vstack(parts, format="csr"))
            for name, parts in scores.items()
        }
        truth = sparse.csr_matrix(sparse.vstack(truths, format="csr"))
        self.source_weights_ = choose_weights(stacked, truth, self.ties_, k=20)
        return self

    def source_scores(self, customers: Indices) -> dict[str, Candidates]:
        """Return each source's scores for each customer, without what they bought already."""
        wanted = np.asarray(customers, dtype=np.int64)
        bought = rows_of(self.bought_, wanted)
        histories = {name: rows_of(rows, wanted) for name, rows in self.histories_.items()}
        scores: dict[str, sparse.csr_matrix[Any]] = {
            f"like_{name}": histories[name] @ rows for name, rows in self.rows_.items()
        }
        scores |= {f"own_{name}": histories[name] for name in self.behaviours if name != "buy"}
        everybody = np.zeros(wanted.size, dtype=np.int64)
        for name, trend in self.trends_.items():
            scores[f"trend_{name}"] = rows_of(
                top_per_row(trend[None, :], 2 * _DEPTH, self.ties_), everybody
            )
        return {
            name: without(sparse.csr_matrix(source), bought, _DEPTH, self.ties_)
            for name, source in scores.items()
        }

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the best products not bought before; unknown customers get what is popular."""
        scores = self.source_scores(customers)
        weights = self.source_weights_ or dict.fromkeys(scores, 1.0)
        return top_per_row(weighted_sum(scores, weights), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "behaviours": self.behaviours,
            "regularization": self.regularization,
            "half_life_days": self.half_life_days,
            "trend_half_life_days": self.trend_half_life_days,
            "neighbours": self.neighbours,
            "max_products": self.max_products,
        }
        arrays: dict[str, NDArray[Any]] = {"ties": self.ties_}
        arrays |= matrix_arrays("bought", self.bought_)
        for name, rows in self.rows_.items():
            arrays |= matrix_arrays(f"rows_{name}", rows)
            arrays |= matrix_arrays(f"history_{name}", self.histories_[name])
        arrays |= {f"trend_{name}": trend for name, trend in self.trends_.items()}
        weights = None if self.source_weights_ is None else dict(self.source_weights_)
        save_state(folder, {"parameters": parameters, "source_weights": weights}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        parameters = stored["parameters"]
        model = cls(**(parameters | {"behaviours": tuple(parameters["behaviours"])}))
        model.ties_, model.source_weights_ = arrays["ties"], stored["source_weights"]
        model.bought_ = matrix_from_arrays("bought", arrays)
        groups = model._groups()
        model.rows_ = {name: matrix_from_arrays(f"rows_{name}", arrays) for name in groups}
        model.histories_ = {name: matrix_from_arrays(f"history_{name}", arrays) for name in groups}
        model.trends_ = {name: arrays[f"trend_{name}"] for name in model.behaviours}
        return model
