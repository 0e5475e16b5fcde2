"""Churn against a known truth: how well it ranks, and whether its probabilities are ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from models.boosting import BoostingParameters
from models.churn_value.calibration import fit_slope
from models.churn_value.churn import ChurnModel
from models.churn_value.survival import as_of_days, recency_weight

HORIZON_DAYS = 60


@pytest.fixture(scope="module")
def model(past: Any) -> ChurnModel:
    return ChurnModel(
        HORIZON_DAYS, boosting=BoostingParameters(rounds=120, learning_rate=0.05)
    ).fit(past.vectors, past.churned, past.columns)


@pytest.fixture(scope="module")
def said(model: ChurnModel, later: Any) -> Any:
    return model.predict_proba(later.vectors)[:, 1]


def test_it_ranks_nearly_as_well_as_the_truth_itself(said: Any, later: Any) -> None:
    of_truth = roc_auc_score(later.churned, later.chance)
    assert roc_auc_score(later.churned, said) > of_truth - 0.012


def test_its_probabilities_are_calibrated_on_a_later_window(said: Any, later: Any) -> None:
    slope, level = fit_slope(logit(said), later.churned, np.zeros(len(said), dtype=np.int64))
    assert slope == pytest.approx(1.0, abs=0.08)
    assert level == pytest.approx(0.0, abs=0.12)
    assert said.mean() == pytest.approx(later.churned.mean(), abs=0.03)


def test_its_probabilities_are_near_the_true_ones(said: Any, later: Any) -> None:
    assert np.sqrt(np.mean((said - later.chance) ** 2)) < 0.06


def test_contributions_explain_where_the_truth_lies(model: ChurnModel, later: Any) -> None:
    effects = model.contributions(later.vectors.head(500))
    assert tuple(effects.columns) == model.encoder_.columns
    size = effects.abs().mean()
    assert size["recency_days"] > size["orders_lifetime"] > size["noise"]
    recency = later.vectors["recency_days"].head(500)
    assert np.corrcoef(effects["recency_days"], recency)[0, 1] > 0.9
    assert np.corrcoef(effects["orders_lifetime"], later.vectors["orders_lifetime"][:500])[0, 1] < 0


def test_contributions_and_the_base_add_up_to_the_score(model: ChurnModel, later: Any) -> None:
    X = model.encoder_.transform(later.vectors.head(50))
    whole = model.ensemble_.contributions(X)
    np.testing.assert_allclose(whole.sum(axis=1), model.ensemble_.raw_score(X), atol=1e-9)


def test_contributions_of_nobody_are_none(model: ChurnModel, later: Any) -> None:
    effects = model.contributions(later.vectors.head(0))
    assert effects.shape == (0, len(model.encoder_.columns))


def test_importance_is_shares_and_noise_has_the_least(model: ChurnModel) -> None:
    shares = model.importance()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.__getitem__) == "recency_days"
    assert shares["noise"] < 0.1


def test_timid_scores_are_stretched(past: Any, people_at: Callable[..., Any]) -> None:
    """Few rounds at a low rate underfit; the slope measured out of time makes up for it."""
    timid = BoostingParameters(rounds=15, learning_rate=0.05, members=1)
    model = ChurnModel(HORIZON_DAYS, boosting=timid).fit(past.vectors, past.churned, past.columns)
    assert model.slope_ > 1.3
    test = people_at([date(2025, 2, 1)], each=3_000, seed=2)
    says = model.predict_proba(test.vectors)[:, 1]
    model.curve_.slopes_ = np.ones(1)
    unstretched = model.predict_proba(test.vectors)[:, 1]
    assert np.mean((says - test.chance) ** 2) < 0.7 * np.mean((unstretched - test.chance) ** 2)


def test_too_short_a_past_to_calibrate_leaves_scores_as_they_are(
    people_at: Callable[..., Any],
) -> None:
    people = people_at([date(2025, 1, 1), date(2025, 2, 1)], each=400)
    quick = BoostingParameters(rounds=5, members=1)
    model = ChurnModel(90, boosting=quick).fit(people.vectors, people.churned, people.columns)
    assert model.slope_ == 1.0


def test_rows_lose_half_their_weight_with_each_half_life() -> None:
    days = np.array([0, 250, 500])
    np.testing.assert_allclose(recency_weight(days, 250.0), [0.25, 0.5, 1.0])


def test_cutoffs_become_days_since_1970(people_at: Callable[..., Any]) -> None:
    people = people_at([date(1970, 1, 1) + timedelta(days=day) for day in (3, 1, 400)], each=2)
    assert as_of_days(people.vectors).tolist() == [3, 3, 1, 1, 400, 400]
    assert as_of_days(people.vectors.head(0)).tolist() == []


def test_old_rows_count_less(people_at: Callable[..., Any]) -> None:
    """The world turned over: recency now means the opposite. Recent rows must win."""
    before = people_at([date(2023, 1, 1)], each=1_500, seed=3)
    after = people_at([date(2025, 1, 1)], each=1_500, seed=4)
    vectors = before.vectors.copy()
    vectors["recency_days"] = 120 - vectors["recency_days"]
    both = pd.concat([vectors, after.vectors], ignore_index=True)
    churned = np.concatenate([before.churned, after.churned])
    quick = BoostingParameters(rounds=60, learning_rate=0.1, members=1)
    model = ChurnModel(60, boosting=quick, half_life_days=120.0)
    model.fit(both, churned, before.columns)
    test = people_at([date(2025, 3, 1)], each=1_500, seed=5)
    aged = model.ensemble_.raw_score(model.encoder_.transform(test.vectors))
    assert np.corrcoef(aged, test.vectors["recency_days"])[0, 1] > 0.5
