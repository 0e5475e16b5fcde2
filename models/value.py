"""Value: the discounted margin of the horizon, P(buys) x E[margin | buys], and its interval.

P(buys) is read from the curve that churn is read from (:mod:`models.survival`), the amount is a
whole distribution (:mod:`models.amount`), and the two together are the distribution whose
interval is widened or narrowed until it holds 90 % of later outcomes (:mod:`models.intervals`).
The amounts' common level, season and drift, is forecast as the curve's is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from models.amount import Amount, Described, dated
from models.boosting import BoostingParameters
from models.churn import ChurnModel
from models.horizons import Days, Floats, Outcomes
from models.intervals import (
    COVERAGE,
    conformal_confidence,
    needed_confidence,
    newcomers,
    tails,
)
from models.levels import LevelForecast
from models.state import load_state, save_state
from models.survival import Earlier, SurvivalModel, as_of_days, recency_weight

_FEWEST_BUYERS = 20
_FEWEST_DEVIATIONS = 200
_LARGEST_LEVEL = 1.0
# What customers spent of late is among the columns: their amounts swing with the season, and do
# not drift besides. One year cannot tell a season from chance and the next one pays for the
# doubt, so a season is believed unless the levels speak against it by a factor of e^2. Totals at
# 14 March and 12 June 2011 of Online Retail II were missed by +13 and +6 % this way, by -17 and
# -29 % with the likeliest season and no calendar in the trees.
_DRIFTS, _DOUBT = (0.03,), 2.0


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
    ) -> Self:
        """Learn from several horizons at once; ``margin`` is of the value horizon, NaN if unknown.

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
        ).fit_outcomes(outcomes, columns, on_round)
        X = self.buys_.encoder_.transform(outcomes.vectors)
        buyers = silent == 0
        self.amount_ = self._fit_amount(X, margin, outcomes.days, buyers, on_round)
        self.confidence_ = (COVERAGE, COVERAGE)
        if self.buys_.curve_.earlier_ is not None:
            self._look_back(self.buys_.curve_.earlier_, X, outcomes, silent, margin, on_round)
        self.smearing_, self.levels_ = self._level(
            self.amount_.describe(dated(X, outcomes.days)[buyers]).mean(),
            margin[buyers],
            outcomes.days[buyers],
        )
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
        curve = SurvivalModel(outcomes.horizons_days, boosting=self.boosting)
        return 3 * curve.fit_rounds(outcomes)

    def predict_if_buys(self, vectors: pd.DataFrame) -> Floats:
        """Return E[margin | buys], money, shape (n,)."""
        X, days = self.buys_.encoder_.transform(vectors), as_of_days(vectors)
        return self._described(X, days).mean()

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
        amount = self._described(X, days)
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
            "smearing": self.smearing_,
            "levels": self.levels_.to_json(),
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
        model.smearing_ = stored["smearing"]
        model.confidence_ = tuple(stored["confidence"])
        model.levels_ = LevelForecast.from_json(stored["levels"])
        model.amount_ = Amount.load(folder / "amount")
        return model

    def _fit_amount(
        self,
        X: Floats,
        margin: Floats,
        days: Days,
        buyers: NDArray[np.bool_],
        on_round: Callable[[], None],
    ) -> Amount:
        return Amount.fit(
            dated(X, days)[buyers],
            margin[buyers],
            recency_weight(days[buyers], self.half_life_days),
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
        then, X = self._fit_amount(X, margin, days, past, on_round), dated(X, days)
        known = ~np.isnan(silent[earlier.rows])
        later = np.flatnonzero(earlier.rows)[known]
        bought = later[silent[later] == 0]
        if len(bought) >= _FEWEST_DEVIATIONS:
            deviations = then.deviations(X[bought], margin[bought])
            then, self.amount_ = (
                amounts.with_deviations(deviations) for amounts in (then, self.amount_)
            )
        place = outcomes.horizons_days.index(self.horizon_days)
        p_none = earlier.silence[known][:, place]
        factor, levels = self._level(then.describe(X[past]).mean(), margin[past], days[past])
        amount = self._moved(then.describe(X[later]), days[later], factor, levels)
        if factor == 0.0:
            return  # all amounts are nothing: there is no interval to widen
        rank = p_none + (1.0 - p_none) * amount.rank(margin[later])
        needed = needed_confidence(p_none, np.where(silent[later] == 0, rank, 0.0))
        is_new = newcomers(outcomes.vectors)[later]
        self.confidence_ = (
            conformal_confidence(needed[is_new]),
            conformal_confidence(needed[~is_new]),
        )

    def _level(self, mean: Floats, margin: Floats, days: Days) -> tuple[float, LevelForecast]:
        """Return the factor that makes buyers' totals agree, and each window's own, in logs.

        Buyers at a loss are in the totals, so that value is not flattered by leaving them out.
        """
        weight = recency_weight(days, self.half_life_days)
        overall = max(float(weight @ margin), 0.0) / float(weight @ mean)
        windows, window = np.unique(days, return_inverse=True)
        if overall == 0.0:
            return 0.0, LevelForecast((), (), (), ())
        ratio = margin / (overall * mean)
        expected = np.bincount(window, mean)
        level = np.bincount(window, ratio * mean) / expected
        deviation = np.sqrt(np.bincount(window, ((ratio - level[window]) * mean) ** 2)) / expected
        level = np.log(np.clip(level, np.exp(-_LARGEST_LEVEL), np.exp(_LARGEST_LEVEL)))
        levels = LevelForecast.fit(
            windows, (self.horizon_days,), level[:, None], deviation[:, None], _DRIFTS, _DOUBT
        )
        return overall, levels

    def _described(self, X: Floats, days: Days) -> Described:
        amount = self.amount_.describe(dated(X, days))
        return self._moved(amount, days, self.smearing_, self.levels_)

    def _moved(
        self, amount: Described, days: Days, factor: float, levels: LevelForecast
    ) -> Described:
        """Move amounts to the level forecast for their cutoffs."""
        cutoffs, where = np.unique(days, return_inverse=True)
        moves = [levels.predict(int(day), (self.horizon_days,))[0][0] for day in cutoffs]
        return amount.times(factor * np.exp(np.clip(moves, -_LARGEST_LEVEL, _LARGEST_LEVEL))[where])
