"""Cross-sell: what completes a cart, for an unknown or a known customer, and a product page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.carts import CartQuestions, leave_one_out
from models.recommend.combining import mean_largest, weighted_sum, without
from models.recommend.cosine import Cosine
from models.recommend.ease_solver import ease_rows, solvable
from models.recommend.interactions import Interactions
from models.recommend.matrices import (
    Candidates,
    Indices,
    matrix_arrays,
    matrix_from_arrays,
    rows_of,
    stack,
)
from models.recommend.popular import relative_popularity
from models.recommend.relations import tell_apart
from models.recommend.topk import tie_order, top_per_row
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

TOGETHER: Final = "together"
HABIT: Final = "habit"
AFFINITY: Final = "affinity"
POPULAR: Final = "popular"
SOURCES: Final = (TOGETHER, HABIT, AFFINITY, POPULAR)

DEFAULT_ANONYMOUS_WEIGHTS: Final = {TOGETHER: 0.9, POPULAR: 0.1}
DEFAULT_KNOWN_WEIGHTS: Final = {TOGETHER: 0.4, HABIT: 0.4, AFFINITY: 0.1, POPULAR: 0.1}

_CARTS_PER_BLOCK: Final = 512
_DEPTH: Final = 200
"""Products taken from each source."""
_MATRICES: Final = ("weights", "habit", "complements", "substitutes")


class CrossSell:
    """A weighted sum of four sources of scores for the products that complete a cart.

    - ``together``: what is ordered with the cart's products: EASE over orders, in which large and
      old orders count for less. Products too many for EASE are scored by shrunk cosine.
    - ``habit``: what this customer orders often.
    - ``affinity``: what is ordered with the customer's habits.
    - ``popular``: what everybody orders now.

    The weights are learned by leaving products out of the latest known orders.

    Parameters
    ----------
    regularization
        Ridge penalty of EASE, in orders.
    size_exponent
        An order of ``s`` products counts as ``s ** -size_exponent`` orders.
    half_life_days
        Days in which an order's weight halves; None is never.
    habit_half_life_days, trend_half_life_days
        The same for the customer's habits, and for popularity.
    neighbours
        Weights kept per product, positive and negative.
    max_products
        Largest system solved for EASE; see :func:`~models.recommend.ease_solver.solvable`.

    Attributes
    ----------
    weights_ : csr_matrix, shape (n_products, n_products)
        EASE weight of a product in the cart (row) for another one (column).
    habit_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    complements_, substitutes_ : csr_matrix, shape (n_products, n_products)
        See :class:`~models.recommend.relations.Relations`.
    popularity_, ties_ : arrays, shape (n_products,)
    left_out_ : int
        Products beyond what EASE can take, scored by cosine instead.
    anonymous_weights_, known_weights_ : dict
        Weight of each source for an unknown and for a known customer.
    """

    def __init__(
        self,
        regularization: float = 10.0,
        size_exponent: float = 0.5,
        half_life_days: float | None = 365.0,
        habit_half_life_days: float | None = 90.0,
        trend_half_life_days: float | None = 30.0,
        neighbours: int = 200,
        max_products: int = 8_000,
    ) -> None:
        self.regularization = regularization
        self.size_exponent = size_exponent
        self.half_life_days = half_life_days
        self.habit_half_life_days = habit_half_life_days
        self.trend_half_life_days = trend_half_life_days
        self.neighbours = neighbours
        self.max_products = max_products
        self.anonymous_weights_: Mapping[str, float] = DEFAULT_ANONYMOUS_WEIGHTS
        self.known_weights_: Mapping[str, float] = DEFAULT_KNOWN_WEIGHTS

    def choose(
        self, interactions: Interactions, *, window_days: int, most: int = 2_000, seed: int = 0
    ) -> Self:
        """Learn the sources' weights from the orders of the last ``window_days``.

        Leaves the model fitted on the orders before them: fit it again before use.

        Parameters
        ----------
        most
            Most carts to learn from, drawn by ``seed``.

        Raises
        ------
        TrainingError
            None of these orders has two products known from before.
        """
        first_day = interactions.as_of_day - window_days
        questions = leave_one_out(interactions, first_day, seed=seed, most=most)
        return self.choose_on(
            questions, interactions.kept(interactions.days < first_day, first_day)
        )

    def choose_on(self, questions: CartQuestions, earlier: Interactions) -> Self:
        """Fit on earlier orders and learn the sources' weights on questions from later ones."""
        self.fit(earlier)
        scores = self.source_scores(questions.carts, questions.customers)
        anonymous = {name: scores[name] for name in (TOGETHER, POPULAR)}
        self.anonymous_weights_ = choose_weights(anonymous, questions.truth, self.ties_)
        known = np.flatnonzero(np.diff(rows_of(self.habit_, questions.customers).indptr))
        if known.size:
            own = {name: sparse.csr_matrix(source[known]) for name, source in scores.items()}
            self.known_weights_ = choose_weights(own, questions.truth[known], self.ties_)
        return self

    def fit(self, interactions: Interactions, visits: sparse.csr_matrix[Any] | None = None) -> Self:
        """Learn what is ordered together, what replaces what, habits and popularity.

        Parameters
        ----------
        visits
            Visits x products viewed, if known: products viewed together may be substitutes.
        """
        self.ties_ = tie_order(interactions.popularity())
        self.popularity_ = relative_popularity(interactions, self.trend_half_life_days)
        habit = interactions.customer_matrix(self.habit_half_life_days)
        self.habit_: Candidates = habit.astype(np.float32)
        orders = self._weighted_orders(interactions)
        taken = solvable(orders, self.max_products)
        self.left_out_ = interactions.n_products - int(taken.size)
        self.weights_ = ease_rows(
            orders,
            self.regularization,
            self.neighbours,
            largest_side=self.max_products,
            least_rows=2,
            signed=True,
        )
        if self.left_out_:
            self.weights_ = _completed(self.weights_, interactions, self.neighbours)
        relations = tell_apart(interactions, visits)
        self.complements_, self.substitutes_ = relations.complements, relations.substitutes
        return self

    def _weighted_orders(self, interactions: Interactions) -> sparse.csr_matrix[np.float64]:
        orders = interactions.order_matrix()
        sizes = np.maximum(np.diff(orders.indptr), 1)
        fading = np.ones(interactions.n_orders)
        fading[interactions.orders] = interactions.decay(self.half_life_days)
        # EASE works on squares of entries: scaled by the root, a row counts with its weight.
        scale = np.sqrt(fading * sizes**-self.size_exponent)
        return sparse.csr_matrix(sparse.diags(scale) @ orders)

    def complete(self, carts: sparse.csr_matrix[Any], customers: Indices, limit: int) -> Candidates:
        """Return the products that complete each cart, without its own and their substitutes.

        Parameters
        ----------
        carts
            Shape (n, n_products), an entry for every product in the cart.
        customers
            Whose cart it is, negative where unknown; shape (n,).
        """
        weights = (self.anonymous_weights_, self.known_weights_)
        known = np.sign(np.diff(rows_of(self.habit_, customers).indptr)).astype(np.int64)
        used = [name for name in SOURCES if any(each.get(name) for each in weights)]
        blocks = []
        for start in range(0, carts.shape[0], _CARTS_PER_BLOCK):
            block = slice(start, start + _CARTS_PER_BLOCK)
            scores = self.source_scores(sparse.csr_matrix(carts[block]), customers[block], used)
            total = weighted_sum(scores, *weights, choice=known[block])
            blocks.append(top_per_row(total, limit, self.ties_))
        return stack(blocks, self.ties_.size)

    def source_scores(
        self, carts: sparse.csr_matrix[Any], customers: Indices, used: Iterable[str] = SOURCES
    ) -> dict[str, Candidates]:
        """Return the scores of the named sources for each cart, by source."""
        present = sparse.csr_matrix(carts, dtype=np.float32, copy=True)
        present.data[:] = 1.0
        excluded = sparse.csr_matrix(present + present @ self.substitutes_)
        habit = rows_of(self.habit_, customers)
        # Functions, so that a source that is not used costs nothing.
        compute: dict[str, Callable[[], sparse.csr_matrix[Any]]] = {
            TOGETHER: lambda: present @ self.weights_,
            HABIT: lambda: habit,
            AFFINITY: lambda: habit @ self.weights_,
            POPULAR: lambda: self._popular(present.shape[0]),
        }
        return {
            name: without(sparse.csr_matrix(compute[name]()), excluded, _DEPTH, self.ties_)
            for name in used
        }

    def _popular(self, n: int) -> Candidates:
        # Twice as many as needed: some are in the cart, or replaced by what is.
        best = top_per_row(self.popularity_[None, :], 2 * _DEPTH, self.ties_)
        return rows_of(best, np.zeros(n, dtype=np.int64))

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return what is ordered with each product, for its page; without its substitutes."""
        substitutes = rows_of(self.substitutes_, products)
        return without(rows_of(self.weights_, products), substitutes, limit, self.ties_)

    def alternatives(self, products: Indices, limit: int) -> Candidates:
        """Return the substitutes of each product, the most certain first."""
        return top_per_row(rows_of(self.substitutes_, products), limit, self.ties_)

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        parameters = {
            "regularization": self.regularization,
            "size_exponent": self.size_exponent,
            "half_life_days": self.half_life_days,
            "habit_half_life_days": self.habit_half_life_days,
            "trend_half_life_days": self.trend_half_life_days,
            "neighbours": self.neighbours,
            "max_products": self.max_products,
        }
        arrays: dict[str, NDArray[Any]] = {"ties": self.ties_, "popularity": self.popularity_}
        for name in _MATRICES:
            arrays |= matrix_arrays(name, getattr(self, f"{name}_"))
        learned = {
            "left_out": self.left_out_,
            "anonymous_weights": dict(self.anonymous_weights_),
            "known_weights": dict(self.known_weights_),
        }
        save_state(folder, {"parameters": parameters, "learned": learned}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        model = cls(**stored["parameters"])
        for name in _MATRICES:
            setattr(model, f"{name}_", matrix_from_arrays(name, arrays))
        model.ties_, model.popularity_ = arrays["ties"], arrays["popularity"]
        learned = stored["learned"]
        model.left_out_ = learned["left_out"]
        model.anonymous_weights_ = learned["anonymous_weights"]
        model.known_weights_ = learned["known_weights"]
        return model


def _completed(weights: Candidates, interactions: Interactions, neighbours: int) -> Candidates:
    """Fill empty rows with shrunk cosines, scaled to the size of the other rows' weights."""
    cosines = Cosine("orders", neighbours=neighbours).fit(interactions).similarity_
    missing = np.diff(weights.indptr) == 0
    theirs = sparse.csr_matrix(sparse.diags(missing.astype(np.float32)) @ cosines)
    theirs.eliminate_zeros()
    scale = mean_largest(weights) / max(mean_largest(theirs), 1e-9)
    return sparse.csr_matrix(weights + theirs * np.float32(scale))
