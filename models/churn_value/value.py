"""Value: the discounted margin of the horizon, P(buys) x E[margin | buys], and its interval.

P(buys) is read from the curve that churn is read from (:mod:`.survival`), the amount is a
whole distribution (:mod:`.amount`), and the two together are the distribution whose
interval is widened or narrowed until it holds 90 % of later outcomes (:mod:`.intervals`).
The amounts' common level, season and drift, is forecast as the curve's is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from models.boosting import BoostingParameters
from models.churn_value.amount import Amount, Described, dated, rounds_of
from models.churn_value.amount_level import AmountLevel, at_own_levels
from models.churn_value.churn import ChurnModel, FitCurve
from models.churn_value.horizons import Days, Floats, Outcomes
from models.churn_value.intervals import (
    COVERAGE,
    conformal_confidence,
    needed_confidence,
    newcomers,
    tails,
)
from models.churn_value.survival import Earlier, SurvivalModel, as_of_days, recency_weight
from models.state import load_state, save_state

_FEWEST_BUYERS = 20
_FEWEST_DEVIATIONS = 200


@dataclass(frozen=True)
class Money:
    """Margin of n customers over the horizon: given an order, expected, and its 90 % bounds."""

    if_buys: Floats
    value: Floats
    lower: Floats
    upper: Floats


class ValueModel:
    """Expected margin over the horizon, in money, with an interval.

    Parameters
    ----------
    horizon_days
        Over which margin is counted.
    """

    def __init__(
        self,
        horizon_days: int,
        *,
        boosting: BoostingParameters | None = None,
        half_life_days: float = 250.0,
    ) -> None:
        self.horizon_days = horizon_days
        self.boosting = boosting or BoostingParameters()
        self.half_life_days = half_life_days

    def fit(
        self,
        vectors: pd.DataFrame,
        churned: Floats,
        margin: Floats,
        columns: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from vectors, whether each customer churned, and the margin each brought.

        Raises
        ------
        TrainingError
            Fewer than 20 training rows bought at a profit.
        """
        outcomes = Outcomes(vectors, as_of_days(vectors), (self.horizon_days,), churned[:, None])
        return self.fit_outcomes(outcomes, margin, columns, on_round)

    def fit_outcomes(
        self,
        outcomes: Outcomes,
        margin: Floats,
        columns: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
        fit_curve: FitCurve = SurvivalModel.fit,
    ) -> Self:
        """Learn from several horizons at once; ``margin`` is of the value horizon, NaN if unknown.

        Parameters
        ----------
        fit_curve
            Fits the curve, or finds one that was fitted on the same outcomes.

        Raises
        ------
        TrainingError
            Fewer than 20 training rows bought at a profit.
        """
        silent = outcomes.silent[:, outcomes.horizons_days.index(self.horizon_days)]
        profitable = int(((silent == 0) & (margin > 0)).sum())
        if profitable < _FEWEST_BUYERS:
            raise TrainingError(
                f"only {profitable} training rows bought with a positive margin",
                "bring a longer history, or check unit_cost and shop.margin_rate",
            )
        self.buys_ = ChurnModel(
            self.horizon_days, boosting=self.boosting, half_life_days=self.half_life_days
        ).fit_outcomes(outcomes, columns, on_round, fit_curve)
        X, days = self.buys_.encoder_.transform(outcomes.vectors), outcomes.days
        buyers = silent == 0
        in_season = dated(X[buyers], days[buyers])
        self.amount_ = self._fit_amount(in_season, margin[buyers], days[buyers], on_round)
        self.confidence_ = (COVERAGE, COVERAGE)
        if self.buys_.curve_.earlier_ is not None:
            self._look_back(self.buys_.curve_.earlier_, X, outcomes, silent, margin, on_round)
        described = self.amount_.describe(in_season)
        self.level_ = self._level(described, margin[buyers], days[buyers])
        return self

    def fit_rounds(self, vectors: pd.DataFrame) -> int:
        """Return how many boosting rounds :meth:`fit` is expected to take on these rows."""
        days = as_of_days(vectors)
        mixed = np.tile([0.0, 1.0], len(days))[: len(days), None]
        return self.fit_rounds_of(Outcomes(vectors, days, (self.horizon_days,), mixed))

    def fit_rounds_of(self, outcomes: Outcomes) -> int:
        """Return how many :meth:`fit_outcomes` will take: a curve and two parts of the amount.

        All of it twice where there is an earlier day to look back to.
        """
        fitted = SurvivalModel(outcomes.horizons_days, boosting=self.boosting)
        curves = fitted.fit_rounds(outcomes) // self.boosting.rounds
        return curves * (self.boosting.rounds + 2 * rounds_of(self.boosting))

    def predict_if_buys(self, vectors: pd.DataFrame) -> Floats:
        """Return E[margin | buys], money, shape (n,)."""
        X, days = self.buys_.encoder_.transform(vectors), as_of_days(vectors)
        return self.amounts(X, days).mean()

    def predict(self, vectors: pd.DataFrame) -> Floats:
        """Return P(buys) x E[margin | buys], money, shape (n,)."""
        return self.buys_.predict_proba(vectors)[:, 0] * self.predict_if_buys(vectors)

    def predict_interval(self, vectors: pd.DataFrame) -> Floats:
        """Return the bounds that hold 90 % of outcomes, money, shape (n, 2)."""
        X, days = self.buys_.encoder_.transform(vectors), as_of_days(vectors)
        p_none = self.buys_.predict_encoded(X, days)[:, 1]
        said = self.predict_encoded(X, days, p_none, newcomers(vectors))
        return np.column_stack([said.lower, said.upper])

    def predict_encoded(
        self, X: Floats, days: Days, p_none: Floats, is_new: NDArray[np.bool_]
    ) -> Money:
        """Return what customers are worth, given P(no order).

        Parameters
        ----------
        X, days
            The encoded matrix and the rows' cutoffs.
        p_none
            P(no order in the horizon); from this model or from another curve.
        is_new
            Who is a newcomer, from :func:`newcomers`.
        """
        return self.money(self.amounts(X, days), p_none, is_new)

    def amounts(self, X: Floats, days: Days) -> Described:
        """Return the distribution of each customer's margin, given an order in the horizon."""
        return self.level_.move(self.amount_.describe(dated(X, days)), days)

    def money(self, amount: Described, p_none: Floats, is_new: NDArray[np.bool_]) -> Money:
        """Put together the chance of nothing and amounts; see :meth:`predict_encoded`."""
        if_buys = amount.mean()
        value = (1.0 - p_none) * if_buys
        below, above = tails(p_none, np.where(is_new, *self.confidence_))
        some = np.maximum(1.0 - p_none, 1e-12)
        low = np.where(below > p_none, amount.quantile((below - p_none) / some), 0.0)
        high = np.where(1.0 - above > p_none, amount.quantile((1.0 - above - p_none) / some), 0.0)
        # Few of many such customers buy at all: their interval ends at zero, their mean does not.
        return Money(if_buys, value, np.minimum(low, value), np.maximum(high, value))

    def save(self, folder: Path) -> None:
        """Write both parts as JSON and LightGBM text."""
        stored = {
            "horizon_days": self.horizon_days,
            "confidence": list(self.confidence_),
            "level": self.level_.to_json(),
        }
        save_state(folder, stored)
        self.buys_.save(folder / "buys")
        self.amount_.save(folder / "amount")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        buys = ChurnModel.load(folder / "buys")
        curve: SurvivalModel = buys.curve_
        model = cls(
            stored["horizon_days"], boosting=curve.boosting, half_life_days=curve.half_life_days
        )
        model.buys_ = buys
        model.confidence_ = tuple(stored["confidence"])
        model.level_ = AmountLevel.from_json(stored["level"])
        model.amount_ = Amount.load(folder / "amount")
        return model

    def _fit_amount(
        self, in_season: Floats, margin: Floats, days: Days, on_round: Callable[[], None]
    ) -> Amount:
        """Fit on buyers; ``in_season`` is from :func:`models.churn_value.amount.dated`."""
        return Amount.fit(
            in_season,
            margin,
            recency_weight(days, self.half_life_days),
            self.boosting,
            self.buys_.encoder_.categorical_positions,
            on_round,
        )

    def _look_back(
        self,
        earlier: Earlier,
        X: Floats,
        outcomes: Outcomes,
        silent: Floats,
        margin: Floats,
        on_round: Callable[[], None],
    ) -> None:
        """Learn from an earlier day how amounts deviate later, and how wide intervals must be."""
        days = outcomes.days
        past = (days + self.horizon_days <= earlier.day) & (silent == 0)
        if ((margin > 0) & past).sum() < _FEWEST_BUYERS:
            return
        then = self._fit_amount(dated(X[past], days[past]), margin[past], days[past], on_round)
        known = ~np.isnan(silent[earlier.rows])
        later = np.flatnonzero(earlier.rows)[known]
        amount, bought = then.describe(dated(X[later], days[later])), silent[later] == 0
        at_its_own = partial(at_own_levels, margin=margin[later], days=days[later], bought=bought)
        if bought.sum() >= _FEWEST_DEVIATIONS:
            deviations = at_its_own(amount).rows(bought).deviations(margin[later[bought]])
            self.amount_ = self.amount_.with_deviations(deviations)
            amount = replace(amount, z=self.amount_.z)
        amount = at_its_own(amount)
        p_none = earlier.silence[known][:, outcomes.horizons_days.index(self.horizon_days)]
        rank = p_none + (1.0 - p_none) * amount.rank(margin[later])
        needed = needed_confidence(p_none, np.where(bought, rank, 0.0), margin[later] < 0)
        is_new = newcomers(outcomes.vectors)[later]
        self.confidence_ = (
            conformal_confidence(needed[is_new]),
            conformal_confidence(needed[~is_new]),
        )

    def _level(self, amount: Described, margin: Floats, days: Days) -> AmountLevel:
        return AmountLevel.fit(amount.mean(), margin, days, self.horizon_days, self.half_life_days)
