"""What completes a cart, for anybody or for one customer, and what goes with a product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recommend.carts import CartQuestions, leave_one_out
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
from models.recommend.voices import weighted_sum, without
from models.recommend.weights import choose_weights
from models.state import load_state, save_state

TOGETHER: Final = "together"
HABIT: Final = "habit"
AFFINITY: Final = "affinity"
POPULAR: Final = "popular"
VOICES: Final = (TOGETHER, HABIT, AFFINITY, POPULAR)

_CARTS_PER_BLOCK: Final = 512
_DEPTH: Final = 200
_MATRICES: Final = ("weights", "habit", "complements", "substitutes")
ANYBODY: Final = {TOGETHER: 0.9, POPULAR: 0.1}
KNOWN: Final = {TOGETHER: 0.4, HABIT: 0.4, AFFINITY: 0.1, POPULAR: 0.1}


class CrossSell:
    """Four voices on a cart: what goes with it, the customer's habits and affinities, the trend.

    What goes together is EASE over orders, of which large and old ones count for less; where
    the catalogue is too large for it, the products left out speak by shrunk cosine. How loud
    each voice may be is learned by leaving products out of the latest known orders.

    Parameters
    ----------
    regularization
        Ridge penalty of EASE, in orders of one product.
    size_exponent
        An order of ``s`` products counts as ``s ** -size_exponent`` orders.
    half_life_days
        Days in which an order's weight halves; None is never.
    habit_half_life_days, trend_half_life_days
        The same for the customer's own frequency, and for popularity.
    neighbours
        Weights kept per product, positive and negative.
    max_products
        Largest system solved for EASE; see :func:`~models.recommend.ease_solver.solvable`.

    Attributes
    ----------
    weights_ : csr_matrix, shape (n_products, n_products)
        What a product in the cart (row) says about another one.
    habit_ : csr_matrix, shape (n_customers, n_products)
        Faded order counts of each customer.
    complements_, substitutes_ : csr_matrix, shape (n_products, n_products)
        See :class:`~models.recommend.relations.Relations`.
    popularity_, ties_ : arrays, shape (n_products,)
    left_out_ : int
        Products too many for EASE, which cosine speaks for.
    anybody_, known_ : dict
        Loudness of each voice for an unknown and for a known customer.
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
        self.anybody_: Mapping[str, float] = ANYBODY
        self.known_: Mapping[str, float] = KNOWN

    def choose(
        self, interactions: Interactions, *, window_days: int, most: int = 2_000, seed: int = 0
    ) -> Self:
        """Learn how loud each voice may be from the orders of the last ``window_days``.

        The model is left fitted on the orders before them: fit it again for use.

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
        """Fit on earlier orders and learn the loudness on questions from later ones."""
        self.fit(earlier)
        voices = self.voices(questions.carts, questions.customers)
        anybody = {name: voices[name] for name in (TOGETHER, POPULAR)}
        self.anybody_ = choose_weights(anybody, questions.truth, self.ties_)
        known = np.flatnonzero(np.diff(rows_of(self.habit_, questions.customers).indptr))
        if known.size:
            own = {name: sparse.csr_matrix(voice[known]) for name, voice in voices.items()}
            self.known_ = choose_weights(own, questions.truth[known], self.ties_)
        return self

    def fit(self, interactions: Interactions, visits: sparse.csr_matrix[Any] | None = None) -> Self:
        """Learn what goes together, what replaces what, and what everybody buys.

        Parameters
        ----------
        visits
            Visits x products viewed, where known: they tell more substitutes.
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
        # EASE squares a row's entries: the root of the weight makes the row count with it.
        scale = np.sqrt(fading * sizes**-self.size_exponent)
        return sparse.csr_matrix(sparse.diags(scale) @ orders)

    def complete(self, carts: sparse.csr_matrix[Any], customers: Indices, limit: int) -> Candidates:
        """Return the products that complete each cart, none of the cart nor a substitute of it.

        Parameters
        ----------
        carts
            Shape (n, n_products), an entry for every product in the cart.
        customers
            Whose cart it is, negative where unknown; shape (n,).
        """
        known = np.sign(np.diff(rows_of(self.habit_, customers).indptr)).astype(np.int64)
        heard = [name for name in VOICES if self.anybody_.get(name) or self.known_.get(name)]
        starts = range(0, carts.shape[0], _CARTS_PER_BLOCK)
        blocks = []
        for start in starts:
            block = slice(start, start + _CARTS_PER_BLOCK)
            voices = self.voices(sparse.csr_matrix(carts[block]), customers[block], heard)
            total = weighted_sum(voices, self.anybody_, self.known_, choice=known[block])
            blocks.append(top_per_row(total, limit, self.ties_))
        return stack(blocks, self.ties_.size)

    def voices(
        self, carts: sparse.csr_matrix[Any], customers: Indices, heard: Iterable[str] = VOICES
    ) -> dict[str, Candidates]:
        """Return what each of some voices says about each cart, apart."""
        present = sparse.csr_matrix(carts, dtype=np.float32, copy=True)
        present.data[:] = 1.0
        barred = sparse.csr_matrix(present + present @ self.substitutes_)
        habit = rows_of(self.habit_, customers)
        said: dict[str, Callable[[], sparse.csr_matrix[Any]]] = {
            TOGETHER: lambda: present @ self.weights_,
            HABIT: lambda: habit,
            AFFINITY: lambda: habit @ self.weights_,
            POPULAR: lambda: self._popular(present.shape[0]),
        }
        return {
            name: without(sparse.csr_matrix(said[name]()), barred, _DEPTH, self.ties_)
            for name in heard
        }

    def _popular(self, n: int) -> Candidates:
        # Twice as deep as needed, so that what a cart bars leaves enough.
        best = top_per_row(self.popularity_[None, :], 2 * _DEPTH, self.ties_)
        return rows_of(best, np.zeros(n, dtype=np.int64))

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return what goes with each product, substitutes left out: for its page."""
        rows = rows_of(self.weights_, products)
        barred = rows_of(self.substitutes_, products)
        return without(rows, barred, limit, self.ties_)

    def alternatives(self, products: Indices, limit: int) -> Candidates:
        """Return what replaces each product, the most certain first."""
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
            "anybody": dict(self.anybody_),
            "known": dict(self.known_),
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
        model.anybody_, model.known_ = learned["anybody"], learned["known"]
        return model


def _completed(weights: Candidates, interactions: Interactions, neighbours: int) -> Candidates:
    """Give the products without a row their shrunk cosines, as loud as the others' weights."""
    cosines = Cosine("orders", neighbours=neighbours).fit(interactions).similarity_
    missing = np.diff(weights.indptr) == 0
    theirs = sparse.csr_matrix(sparse.diags(missing.astype(np.float32)) @ cosines)
    theirs.eliminate_zeros()
    loudness = _mean_largest(weights) / max(_mean_largest(theirs), 1e-9)
    return sparse.csr_matrix(weights + theirs * np.float32(loudness))


def _mean_largest(matrix: Candidates) -> float:
    largest = matrix.max(axis=1).toarray().ravel()
    present = np.diff(matrix.indptr) > 0
    return float(largest[present].mean()) if present.any() else 0.0
