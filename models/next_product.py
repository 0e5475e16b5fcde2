"""The next product to hold: for banks, insurers and subscriptions, where products are contracts.

Of each customer with two products or more, each product held is hidden in turn and predicted from
the profile and the other products. The answer is P(product | one more is held): it separates what
goes together from what is popular, and is zero for products held already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from features.errors import DataError, TrainingError
from features.family import Column
from models.boosting import BoostingParameters, Ensemble
from models.state import load_state, save_state
from models.tabular import Encoder

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

NEXT_PRODUCT_BOOSTING: Final = BoostingParameters(
    rounds=80, learning_rate=0.1, leaves=15, min_rows_in_leaf=20, column_share=0.5, members=1
)

_FOLDS = 2
_FEWEST_HOLDERS = 20
# Mixed in, so that even a product too rare for any leaf has a positive probability.
_POPULARITY_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Hidden:
    """Customers with one product hidden: one entry for each product held by those with two.

    Attributes
    ----------
    customer, product
        Row of the customer and number of the hidden product, shape (entries,).
    weight
        One over the products held: every customer counts once.
    """

    customer: Integers
    product: Integers
    weight: Floats

    def remaining(self, held: Booleans) -> Booleans:
        """Return what each entry's customer holds apart from the hidden product."""
        left = held[self.customer].copy()
        left[np.arange(len(self.product)), self.product] = False
        return left


def hide_each(held: Booleans) -> Hidden:
    """Hide each product in turn, of customers who hold at least two."""
    counts = held.sum(axis=1)
    customer, product = np.nonzero(held & (counts >= 2)[:, None])
    return Hidden(customer, product, 1.0 / counts[customer])


class NextProductModel:
    """Calibrated P(next product) from profile and products held.

    Attributes
    ----------
    products_
        Product ids, in the order of every matrix's columns.
    popularity_
        Share of each product among the hidden ones, shape (products,).
    temperature_
        Divisor of the raw scores (temperature scaling; Guo, Pleiss, Sun & Weinberger 2017).
    """

    def __init__(
        self, *, boosting: BoostingParameters = NEXT_PRODUCT_BOOSTING, seed: int = 0
    ) -> None:
        self.boosting = boosting
        self.seed = seed

    def fit(
        self,
        profiles: pd.DataFrame,
        held: Booleans,
        products: Sequence[str],
        known: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from what customers hold.

        Parameters
        ----------
        profiles
            One row per customer, with the columns ``known``; other columns are not read.
        held
            Whether each customer holds each product, shape (n, products).
        products
            Ids of the products, in column order.
        on_round
            Called ``boosting.rounds`` times for each of three fits.

        Raises
        ------
        TrainingError
            Fewer than 20 customers hold two products.
        """
        hidden = hide_each(held)
        holders = len(np.unique(hidden.customer))
        if holders < _FEWEST_HOLDERS or len(np.unique(hidden.product)) < 2:
            raise TrainingError(
                f"only {holders} customers hold two products or more: too few to learn from",
                f"bring the contracts of at least {_FEWEST_HOLDERS} such customers",
            )
        self.products_ = tuple(products)
        self.encoder_ = Encoder.fit(profiles, known)
        counts = np.bincount(hidden.product, hidden.weight, minlength=len(products))
        self.popularity_ = (counts + 0.5) / (counts + 0.5).sum()
        X = self._matrix(profiles.iloc[hidden.customer], hidden.remaining(held))
        fold = np.random.default_rng(self.seed).permutation(len(held)) % _FOLDS
        raw = np.empty((len(X), len(products)))
        for number in range(_FOLDS):
            # By customer: two entries of one customer are nearly the same row.
            own = fold[hidden.customer] == number
            raw[own] = self._grow(X, hidden, ~own, on_round).raw_score(X[own])
        raw[hidden.remaining(held)] = -np.inf
        self.temperature_ = _fit_temperature(raw, hidden)
        self.trees_ = self._grow(X, hidden, np.ones(len(X), dtype=np.bool_), on_round)
        return self

    def predict_proba(self, profiles: pd.DataFrame, held: Booleans) -> Floats:
        """Return P(next product), (n, products): 0 for products held, each row of sum 1.

        A customer who holds everything has a row of zeros.

        Raises
        ------
        DataError
            ``held`` has not one column for each product learned.
        """
        if held.shape != (len(profiles), len(self.products_)):
            raise DataError(
                f"products held have the shape {held.shape}, not "
                f"({len(profiles)}, {len(self.products_)})",
                "give a row for each customer and a column for each product the model was fitted "
                "on, in the order of products_",
            )
        chances = np.zeros(held.shape)
        asked = np.flatnonzero(~held.all(axis=1))
        if asked.size:
            open_to = ~held[asked]
            raw = self.trees_.raw_score(self._matrix(profiles.iloc[asked], held[asked]))
            logits = np.where(open_to, raw / self.temperature_, -np.inf)
            learned = np.exp(log_softmax(logits, axis=1))
            popular = open_to * self.popularity_
            popular /= popular.sum(axis=1, keepdims=True)
            chances[asked] = (1 - _POPULARITY_SHARE) * learned + _POPULARITY_SHARE * popular
        return chances

    def save(self, folder: Path) -> None:
        """Write JSON, arrays and LightGBM text."""
        save_state(
            folder,
            {
                "boosting": asdict(self.boosting),
                "seed": self.seed,
                "encoder": self.encoder_.to_json(),
                "products": list(self.products_),
                "temperature": self.temperature_,
            },
            {"popularity": self.popularity_},
        )
        self.trees_.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        model = cls(boosting=BoostingParameters(**stored["boosting"]), seed=stored["seed"])
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.products_ = tuple(stored["products"])
        model.temperature_ = stored["temperature"]
        model.popularity_ = arrays["popularity"]
        model.trees_ = Ensemble.load(folder)
        return model

    def _matrix(self, profiles: pd.DataFrame, held: Booleans) -> Floats:
        """Return the profile, what is held, and how many, side by side."""
        own = self.encoder_.transform(profiles)
        return np.hstack([own, held.astype(np.float64), held.sum(axis=1, keepdims=True)])

    def _grow(
        self, X: Floats, hidden: Hidden, rows: Booleans, on_round: Callable[[], None]
    ) -> Ensemble:
        """Fit one score per product: the softmax of them is the chance."""
        data = lightgbm.Dataset(
            X[rows],
            hidden.product[rows],
            weight=hidden.weight[rows],
            categorical_feature=self.encoder_.categorical_positions,
        )
        settings = replace(self.boosting, seed=self.seed).for_lightgbm(
            "multiclass", 0, X[rows].shape
        )
        settings["num_class"] = len(self.products_)
        rounds = self.boosting.rounds
        trees = lightgbm.train(settings, data, rounds, callbacks=[lambda _: on_round()])
        return Ensemble((trees,))


def _fit_temperature(raw: Floats, hidden: Hidden) -> float:
    """Return the temperature of the largest likelihood on scores of unseen customers."""

    def loss(log_temperature: float) -> float:
        log_chances = log_softmax(raw / np.exp(log_temperature), axis=1)
        own = log_chances[np.arange(len(raw)), hidden.product]
        return float(-(hidden.weight @ own))

    found = minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded")
    return float(np.exp(found.x))
