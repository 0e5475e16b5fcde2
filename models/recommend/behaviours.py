"""Views, cart additions and purchases as one source of wishes, each as loud as it deserves.

Every behaviour has an item-item model of its own (EASE over the customers who showed it), all
are asked with the customer's faded history of that behaviour, and so is one on everything
together. What a customer looked at or put aside without buying speaks for itself. How loud each
voice may be is learned on a later window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.actions import BEHAVIOURS, Actions
from models.recommend.ease_solver import ease_rows
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    rows_of,
)
from models.recommend.topk import tie_order, top_per_row
from models.recommend.voices import weighted_sum, without
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

EVERYTHING: Final = "everything"
_DEPTH: Final = 200


class Behaviours:
    """What customers will buy next, from all that they did.

    Parameters
    ----------
    behaviours
        Those that take part, out of ``BEHAVIOURS``.
    regularization
        Ridge penalty of every item-item model, in customers.
    half_life_days
        Days in which an action's weight in the question halves.
    trend_half_life_days
        The same for what is popular.
    neighbours
        Weights kept per product.
    max_products
        Largest system solved; see :func:`~models.recommend.ease_solver.solvable`.

    Attributes
    ----------
    loudness_ : dict
        Weight of each voice; equal until :meth:`choose`.
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
        self.loudness_: Mapping[str, float] | None = None

    def fit(self, actions: Actions) -> Self:
        """Learn what goes with what under each behaviour, and keep everybody's history."""
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
        """Learn the loudness: known actions, customers, and what they bought next, per window.

        The model is left fitted on the last window: fit it again for use.

        Raises
        ------
        TrainingError
            Nobody bought anything in any window.
        """
        said: dict[str, list[Candidates]] = {}
        truths = []
        for actions, customers, truth in windows:
            self.fit(actions)
            truths.append(truth)
            for name, voice in self.voices(customers).items():
                said.setdefault(name, []).append(voice)
        stacked = {
            name: sparse.csr_matrix(sparse.vstack(parts, format="csr"))
            for name, parts in said.items()
        }
        truth = sparse.csr_matrix(sparse.vstack(truths, format="csr"))
        self.loudness_ = choose_weights(stacked, truth, self.ties_, k=20)
        return self

    def voices(self, customers: Indices) -> dict[str, Candidates]:
        """Return what each voice says to each customer, apart; what they bought is left out."""
        wanted = np.asarray(customers, dtype=np.int64)
        bought = rows_of(self.bought_, wanted)
        histories = {name: rows_of(rows, wanted) for name, rows in self.histories_.items()}
        said: dict[str, sparse.csr_matrix[Any]] = {
            f"like_{name}": histories[name] @ rows for name, rows in self.rows_.items()
        }
        said |= {f"own_{name}": histories[name] for name in self.behaviours if name != "buy"}
        everybody = np.zeros(wanted.size, dtype=np.int64)
        for name, trend in self.trends_.items():
            said[f"trend_{name}"] = rows_of(
                top_per_row(trend[None, :], 2 * _DEPTH, self.ties_), everybody
            )
        return {
            name: without(sparse.csr_matrix(voice), bought, _DEPTH, self.ties_)
            for name, voice in said.items()
        }

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the best products that each customer has not bought; the unknown get the trend."""
        voices = self.voices(customers)
        loudness = dict.fromkeys(voices, 1.0) if self.loudness_ is None else self.loudness_
        return top_per_row(weighted_sum(voices, loudness), limit, self.ties_)

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
        loudness = None if self.loudness_ is None else dict(self.loudness_)
        save_state(folder, {"parameters": parameters, "loudness": loudness}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        parameters = stored["parameters"]
        model = cls(**(parameters | {"behaviours": tuple(parameters["behaviours"])}))
        model.ties_, model.loudness_ = arrays["ties"], stored["loudness"]
        model.bought_ = matrix_from_arrays("bought", arrays)
        groups = model._groups()
        model.rows_ = {name: matrix_from_arrays(f"rows_{name}", arrays) for name in groups}
        model.histories_ = {name: matrix_from_arrays(f"history_{name}", arrays) for name in groups}
        model.trends_ = {name: arrays[f"trend_{name}"] for name in model.behaviours}
        return model
