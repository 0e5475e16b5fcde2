"""The purchase history's own score: BG/NBD in closed form, explained exactly, worth its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logit

from features.family import Column
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.btyd.bg_nbd import BgNbd
from models.btyd.summary import Summary
from models.churn_value.history_score import COLUMNS, HistoryScore
from models.churn_value.horizons import Outcomes
from models.churn_value.survival import SurvivalModel
from models.metrics.classification import rank_auc

Floats = NDArray[np.float64]
TRUTH = BgNbd(r=0.6, alpha=40.0, a=0.8, b=2.5)
HORIZON_DAYS = 90
DAY = 20_000
NAMES = [*COLUMNS, "noise"]
FEATURES = [Column(name, name, "days") for name in NAMES]


def shop(customers: int, seed: int) -> tuple[Floats, Floats]:
    """Draw histories of BG/NBD's own kind and who stays silent; (n, 4) matrix and (n,) outcomes."""
    random = np.random.default_rng(seed)
    rate = random.gamma(TRUTH.r, 1 / TRUTH.alpha, customers)
    leaves = random.beta(TRUTH.a, TRUTH.b, customers)
    stays = random.geometric(np.maximum(leaves, 1e-6))
    age = random.integers(60, 365, customers).astype(np.float64)
    times = np.cumsum(random.exponential(1 / rate[:, None], (customers, 80)), axis=1)
    times = np.where(np.arange(80) < stays[:, None], times, np.inf)
    seen = times <= age[:, None]
    recency = np.where(seen, times, 0.0).max(axis=1)
    later = (times > age[:, None]) & (times <= age[:, None] + HORIZON_DAYS)
    X = np.column_stack([seen.sum(axis=1), age - recency, age, random.normal(size=customers)])
    silent: Floats = np.where(later.any(axis=1), 0.0, 1.0)
    return X, silent


@pytest.fixture(scope="module")
def taught() -> tuple[Floats, Floats]:
    return shop(6_000, seed=0)


@pytest.fixture(scope="module")
def fitted(taught: tuple[Floats, Floats]) -> HistoryScore:
    X, silent = taught
    score = HistoryScore.fit(X, np.full(len(X), DAY), silent, NAMES, HORIZON_DAYS)
    assert score is not None
    return score


def test_it_is_the_stretched_log_odds_of_the_fitted_model(
    fitted: HistoryScore, taught: tuple[Floats, Floats]
) -> None:
    X = taught[0][:50]
    frequency, since_last, age = X[:, :3].T
    histories = Summary.of(frequency, np.where(frequency > 0, age - since_last, 0.0), age)
    silence = fitted.purchases.probability_no_purchase(histories, HORIZON_DAYS)
    assert fitted.score(X) == pytest.approx(fitted.share * logit(silence))


def test_histories_of_its_own_kind_are_neither_stretched_nor_shrunk(fitted: HistoryScore) -> None:
    assert fitted.share == pytest.approx(0.7, abs=0.1)


def test_outcomes_that_histories_do_not_predict_give_the_score_no_weight(
    taught: tuple[Floats, Floats],
) -> None:
    X, silent = taught
    shuffled = np.random.default_rng(1).permutation(silent)
    score = HistoryScore.fit(X, np.full(len(X), DAY), shuffled, NAMES, HORIZON_DAYS)
    assert score is not None
    assert score.share < 0.1


@settings(max_examples=50)
@given(st.integers(0, 40), st.floats(0, 400), st.floats(0, 400))
def test_contributions_add_up_to_the_distance_from_the_usual(
    fitted: HistoryScore, frequency: int, since_last: float, since_first: float
) -> None:
    usual = np.array([*fitted.usual, 0.0])
    X = np.array([[frequency, min(since_last, since_first), since_first, 0.0], usual])
    parts = fitted.contributions(X)
    assert np.isfinite(parts).all()
    assert parts.sum(axis=1) == pytest.approx(fitted.score(X) - fitted.score(usual[None])[0])
    assert parts[1] == pytest.approx(np.zeros(3))


def test_longer_silence_of_a_regular_raises_churn(fitted: HistoryScore) -> None:
    days = np.arange(5.0, 200.0, 5.0)
    X = np.column_stack([np.full(len(days), 9.0), days, np.full(len(days), 300.0), days])
    assert (np.diff(fitted.score(X)) > 0).all()
    assert (np.diff(fitted.contributions(X)[:, 1]) > 0).all()


def test_an_unknown_history_is_the_usual_one(fitted: HistoryScore) -> None:
    usual = np.array([[*fitted.usual, 0.0]])
    unknown = np.where([True, False, False, False], np.nan, usual)
    assert fitted.score(unknown) == fitted.score(usual)
    assert not fitted.contributions(unknown).any()


@pytest.mark.parametrize("why", ["no such columns", "nobody came back", "one outcome"])
def test_where_nothing_can_be_learned_there_is_no_score(
    taught: tuple[Floats, Floats], why: str
) -> None:
    X, silent = (part.copy() for part in taught)
    names = ["rate", *NAMES[1:]] if why == "no such columns" else NAMES
    if why == "nobody came back":
        X[:, 0], X[:, 1] = 0.0, X[:, 2]
    if why == "one outcome":
        silent[:] = 1.0
    days = np.full(len(X), DAY)
    assert HistoryScore.fit(X, days, silent, names, HORIZON_DAYS) is None


# In a curve


def as_outcomes(X: Floats, silent: Floats) -> Outcomes:
    vectors = pd.DataFrame(X, columns=NAMES)
    vectors[C.AS_OF] = pd.Timestamp(DAY, unit="D").date()
    return Outcomes(vectors, np.full(len(X), DAY), (HORIZON_DAYS,), silent[:, None])


@pytest.fixture(scope="module")
def curve() -> SurvivalModel:
    recipe = BoostingParameters(rounds=10, members=1)
    return SurvivalModel([HORIZON_DAYS], boosting=recipe).fit(
        as_outcomes(*shop(800, seed=2)), FEATURES
    )


def test_few_customers_are_told_apart_nearly_as_well_as_by_the_truth(curve: SurvivalModel) -> None:
    X, silent = shop(20_000, seed=3)
    said = curve.predict(as_outcomes(X, silent).vectors)[:, 0]
    frequency, since_last, age = X[:, :3].T
    known = Summary.of(frequency, np.where(frequency > 0, age - since_last, 0.0), age)
    truth = TRUTH.probability_no_purchase(known, HORIZON_DAYS)
    assert rank_auc(silent, said) > rank_auc(silent, truth) - 0.005


def test_a_curves_contributions_move_its_scores(curve: SurvivalModel) -> None:
    outcomes = as_outcomes(*shop(200, seed=4))
    X = curve.encoder_.transform(outcomes.vectors)
    rest = curve.scores(X) - curve.contributions(outcomes.vectors).sum(axis=1).to_numpy()
    assert rest == pytest.approx(np.full(200, rest[0]))


def test_a_saved_curve_says_the_same_to_the_bit(curve: SurvivalModel, tmp_path: Path) -> None:
    vectors = as_outcomes(*shop(200, seed=5)).vectors
    curve.save(tmp_path)
    loaded = SurvivalModel.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(vectors), curve.predict(vectors))
    pd.testing.assert_frame_equal(loaded.contributions(vectors), curve.contributions(vectors))
