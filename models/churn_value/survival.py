"""The time to the next order: one curve per customer, from which all else is read.

Churn is the curve at the churn horizon, P(buys) its complement at the value horizon, expected
silence by any day lies between. A single score per customer is boosted from every outcome known
so far (:mod:`.horizons`), beginning from what the purchase history alone foretells
(:mod:`.history_score`); the shop's level at the cutoff asked for is forecast
(:mod:`.levels`); how far scores should be stretched is measured on windows later than
those that earlier trees had seen (Platt 1999). Horizons cannot cross: each is held to the one
before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.errors import TrainingError
from features.family import Column
from features.rollup import to_epoch_day
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters, Ensemble
from models.churn_value.calibration import fit_slope
from models.churn_value.history_score import HistoryScore
from models.churn_value.horizons import CompositeObjective, Days, Floats, Outcomes, fit_levels
from models.churn_value.levels import LevelForecast
from models.state import load_state, save_state
from models.tabular import Encoder, varying_within

_LATER_DAYS = 60
_FEWEST_KNOWN = 2


@dataclass(frozen=True)
class Earlier:
    """What an earlier model would have said of windows that it had not seen, knowing their levels.

    Attributes
    ----------
    day
        The model knew nothing of this day and later.
    rows
        Rows of cutoffs from that day on, a mask over the training rows.
    silence
        P(no order) said of those rows, shape (rows, horizons): each window's level as it turned
        out, for how it was foretold is one draw for all its rows and says little of the next.
    """

    day: int
    rows: NDArray[np.bool_]
    silence: Floats


class SurvivalModel:
    """P(no net-positive order by each of several horizons).

    Parameters
    ----------
    horizons_days
        Ascending.
    half_life_days
        A row this much older than the latest counts half.
    """

    def __init__(
        self,
        horizons_days: Sequence[int],
        *,
        boosting: BoostingParameters | None = None,
        half_life_days: float = 250.0,
    ) -> None:
        self.horizons_days = tuple(horizons_days)
        self.boosting = boosting or BoostingParameters()
        self.half_life_days = half_life_days

    def fit(
        self,
        outcomes: Outcomes,
        features: Sequence[Column],
        on_round: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from what is known; :attr:`earlier_` is left behind for what comes next.

        Raises
        ------
        TrainingError
            No column differs between two customers of one cutoff.
        """
        known = Encoder.fit(outcomes.vectors, features)
        X, days = known.transform(outcomes.vectors), outcomes.days
        # What is the same for everyone at each cutoff is a calendar: the levels stand for it.
        kept = varying_within(X, days)
        if not kept.any():
            raise TrainingError(
                "no feature tells two customers of the same day apart",
                "bring a longer history, or more tables",
            )
        self.encoder_, X = known.select(kept), X[:, kept]
        self.slopes_ = np.ones(len(self.horizons_days))
        self.earlier_ = self._look_back(X, outcomes, on_round)
        self.history_ = self._fit_history(X, outcomes.silent, days)
        self.ensemble_ = self._boost(X, outcomes.silent, days, on_round)
        self.levels_ = self._levels(self.scores(X), outcomes.silent, days)
        return self

    def fit_rounds(self, outcomes: Outcomes) -> int:
        """Return how many boosting rounds :meth:`fit` will take on these rows."""
        looks_back = _earlier_day(outcomes) is not None
        return self.boosting.rounds * self.boosting.members * (2 if looks_back else 1)

    def predict(self, vectors: pd.DataFrame) -> Floats:
        """Return P(no order by each horizon), shape (n, horizons), falling with the horizon."""
        return self.predict_encoded(self.encoder_.transform(vectors), as_of_days(vectors))

    def predict_encoded(self, X: Floats, days: Days) -> Floats:
        """Answer as :meth:`predict` from the encoded matrix and the rows' cutoffs."""
        return self._silence(self.scores(X), days, self.levels_)

    def scores(self, X: Floats) -> Floats:
        """Return each row's score, before slopes and levels, from the encoded matrix; (n,)."""
        return self._start(X) + self.ensemble_.raw_score(X)

    def survival(self, vectors: pd.DataFrame, days_ahead: Sequence[float]) -> Floats:
        """Return P(no order within so many days), shape (n, days_ahead)."""
        return interpolated(self.predict(vectors), self.horizons_days, days_ahead)

    def contributions(self, vectors: pd.DataFrame) -> pd.DataFrame:
        """Return each feature's contribution to the log odds of silence, one row per customer."""
        X = self.encoder_.transform(vectors)
        parts = self.ensemble_.contributions(X)[:, :-1]
        if self.history_ is not None:
            parts[:, self.history_.places] += self.history_.contributions(X)
        return pd.DataFrame(parts, columns=list(self.encoder_.columns))

    def save(self, folder: Path) -> None:
        """Write the model as JSON and LightGBM text."""
        parameters = {
            "horizons_days": list(self.horizons_days),
            "half_life_days": self.half_life_days,
            "boosting": asdict(self.boosting),
            "encoder": self.encoder_.to_json(),
            "slopes": self.slopes_.tolist(),
            "levels": self.levels_.to_json(),
            "history": None if self.history_ is None else self.history_.to_json(),
        }
        save_state(folder, parameters)
        self.ensemble_.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        model = cls(
            stored["horizons_days"],
            boosting=BoostingParameters(**stored["boosting"]),
            half_life_days=stored["half_life_days"],
        )
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.slopes_ = np.array(stored["slopes"])
        model.levels_ = LevelForecast.from_json(stored["levels"])
        history = stored["history"]
        model.history_ = None if history is None else HistoryScore.from_json(history)
        model.ensemble_ = Ensemble.load(folder)
        return model

    def _boost(
        self, X: Floats, silent: Floats, days: Days, on_round: Callable[[], None]
    ) -> Ensemble:
        weight, start = recency_weight(days, self.half_life_days), self._start(X)
        return Ensemble.fit(
            X,
            np.zeros(len(X)),
            objective=lambda: CompositeObjective(silent, days, weight, start),
            parameters=self.boosting,
            categorical=self.encoder_.categorical_positions,
            on_round=on_round,
        )

    def _look_back(
        self, X: Floats, outcomes: Outcomes, on_round: Callable[[], None]
    ) -> Earlier | None:
        """Fit as of an earlier day, measure the slopes on what came after, keep what it said."""
        day = _earlier_day(outcomes)
        if day is None:
            return None
        days = outcomes.days
        silent = outcomes.silent
        ends = days[:, None] + np.array(self.horizons_days)
        then = np.where(ends <= day, silent, np.nan)
        past, later = ~np.isnan(then).all(axis=1), days >= day
        self.history_ = self._fit_history(X[past], then[past], days[past])
        trees = self._boost(X[past], then[past], days[past], on_round)
        scores = self._start(X) + trees.raw_score(X)
        self.slopes_ = np.array(
            [_slope(scores[later], silent[later, k], days[later]) for k in range(silent.shape[1])]
        )
        windows, levels, _ = fit_levels(scores[later], silent[later], days[later], self.slopes_)
        level = levels[np.searchsorted(windows, days[later])]
        return Earlier(day, later, self._silence_at(scores[later], level))

    def _fit_history(self, X: Floats, silent: Floats, days: Days) -> HistoryScore | None:
        columns, longest = self.encoder_.columns, self.horizons_days[-1]
        return HistoryScore.fit(X, days, silent[:, -1], columns, longest)

    def _start(self, X: Floats) -> Floats:
        return np.zeros(len(X)) if self.history_ is None else self.history_.score(X)

    def _levels(self, scores: Floats, silent: Floats, days: Days) -> LevelForecast:
        windows, levels, counts = fit_levels(scores, silent, days, self.slopes_)
        # A level of n rows is known to about 2 / sqrt(n), in log odds.
        deviations = np.where(counts > 0, 2.0 / np.sqrt(np.maximum(counts, 1)), np.inf)
        return LevelForecast.fit(windows, self.horizons_days, levels, deviations)

    def _silence(self, scores: Floats, days: Days, forecast: LevelForecast) -> Floats:
        cutoffs, where = np.unique(days, return_inverse=True)
        levels = np.array([forecast.predict(int(day), self.horizons_days)[0] for day in cutoffs])
        levels = levels.reshape(len(cutoffs), len(self.horizons_days))
        return self._silence_at(scores, levels[where])

    def _silence_at(self, scores: Floats, levels: Floats) -> Floats:
        """Return P(no order) at each row's own levels, shape (n, horizons)."""
        silence: Floats = expit(scores[:, None] * self.slopes_ + levels)
        return np.minimum.accumulate(silence, axis=1)


def interpolated(
    silence: Floats, horizons_days: Sequence[int], days_ahead: Sequence[float]
) -> Floats:
    """Return P(no order) by other days than the horizons, shape (n, days_ahead).

    The hazard is constant between horizons; beyond the last it goes on as it was before it.
    """
    knots = np.array([0.0, *horizons_days])
    hazard = np.column_stack([np.zeros(len(silence)), -np.log(np.maximum(silence, 1e-300))])
    asked = np.asarray(days_ahead, dtype=np.float64)
    left = np.clip(np.searchsorted(knots, asked, side="right") - 1, 0, len(knots) - 2)
    share = (asked - knots[left]) / (knots[left + 1] - knots[left])
    between = np.exp(-(hazard[:, left] * (1.0 - share) + hazard[:, left + 1] * share))
    for place, day in enumerate(asked):
        if day in horizons_days:  # to the bit what was said of the horizon itself
            between[:, place] = silence[:, list(horizons_days).index(int(day))]
    return np.asarray(between, dtype=np.float64)


def as_of_days(vectors: pd.DataFrame) -> Days:
    """Return each row's cutoff in days since 1970-01-01."""
    codes, dates = pd.factorize(vectors[C.AS_OF])
    numbers = np.array([to_epoch_day(day) for day in dates], dtype=np.int64)
    return numbers[codes] if len(codes) else np.zeros(0, dtype=np.int64)


def recency_weight(days: Days, half_life_days: float) -> Floats:
    """Return row weights that halve every ``half_life_days`` before the latest cutoff."""
    return np.asarray(0.5 ** ((days.max() - days) / half_life_days), dtype=np.float64)


def _earlier_day(outcomes: Outcomes) -> int | None:
    """Return the day to look back to: late enough to have been taught, early enough to be told.

    The latest windows with every horizon known judge; None where nothing was known before them.
    """
    days, longest = outcomes.days, outcomes.horizons_days[-1]
    full = np.unique(days[~np.isnan(outcomes.silent).any(axis=1)])
    for start in full[full >= full[-1] - _LATER_DAYS] if len(full) else full:
        before = days + longest <= start
        if len(np.unique(days[before])) and _both(outcomes.silent[before, -1]):
            return int(start)
    return None


def _both(outcome: Floats) -> bool:
    known = outcome[~np.isnan(outcome)]
    return bool(min((known == 0).sum(), (known == 1).sum()) >= _FEWEST_KNOWN)


def _slope(scores: Floats, silent: Floats, days: Days) -> float:
    known = ~np.isnan(silent)
    if not _both(silent) or np.ptp(scores[known]) == 0:
        return 1.0
    measured = fit_slope(scores[known], silent[known], days[known])[0]
    # Held half-way to 1: on Online Retail II the slopes that windows wanted, 1.10 to 1.33 with
    # 90 days ahead, were no nearer to those measured just before than to each other.
    return float(np.sqrt(measured))
