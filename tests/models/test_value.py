"""Value against a known truth: the product of its parts, in unbiased money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from features.errors import TrainingError
from models.boosting import BoostingParameters
from models.churn_value.amount import dated
from models.churn_value.survival import as_of_days
from models.churn_value.value import ValueModel
from models.metrics.value import decile_means, normalised_gini

BOOSTING = BoostingParameters(rounds=80, learning_rate=0.06, members=2)


def fitted(people: Any) -> ValueModel:
    model = ValueModel(60, boosting=BOOSTING)
    return model.fit(people.vectors, people.churned, people.margin, people.columns)


@pytest.fixture(scope="module")
def model(past: Any) -> ValueModel:
    return fitted(past)


def test_value_is_exactly_the_chance_to_buy_times_the_margin_of_buyers(
    model: ValueModel, later: Any
) -> None:
    buys = model.buys_.predict_proba(later.vectors)[:, 0]
    product = buys * model.predict_if_buys(later.vectors)
    assert model.predict(later.vectors).tobytes() == product.tobytes()


def test_no_chance_to_buy_is_no_value(model: ValueModel, later: Any) -> None:
    """However much a purchase would bring."""
    certain = ValueModel(60)
    certain.buys_ = _NobodyBuys(model.buys_)
    certain.amount_, certain.level_ = model.amount_, model.level_
    certain.confidence_ = model.confidence_
    assert (certain.predict_if_buys(later.vectors) > 0).all()
    assert (certain.predict(later.vectors) == 0).all()


class _NobodyBuys:
    """A fake first part for which everybody is lost."""

    def __init__(self, real: Any) -> None:
        self.encoder_ = real.encoder_

    def predict_proba(self, vectors: Any) -> NDArray[np.float64]:
        return np.tile([0.0, 1.0], (len(vectors), 1))


def test_totals_are_unbiased_on_lognormal_margins(model: ValueModel, later: Any) -> None:
    """E[exp(x)] is not exp(E[x]): without smearing a third of the money would be missing."""
    true_total = ((1 - later.chance) * later.mean_margin).sum()
    # In so small a shop a swing of the levels that is chance is half believed to be a season.
    assert model.predict(later.vectors).sum() == pytest.approx(true_total, rel=0.08)
    X = dated(model.buys_.encoder_.transform(later.vectors), as_of_days(later.vectors))
    buys = model.buys_.predict_proba(later.vectors)[:, 0]
    assert (buys * np.exp(model.amount_.location.raw_score(X))).sum() < 0.8 * true_total


def test_margins_of_buyers_follow_the_truth(model: ValueModel, later: Any) -> None:
    says = model.predict_if_buys(later.vectors)
    assert np.corrcoef(np.log(says), np.log(later.mean_margin))[0, 1] > 0.95
    by_prediction, by_truth = decile_means(later.mean_margin, says)
    assert (np.diff(by_truth) > 0).all()
    np.testing.assert_allclose(by_prediction[3:], by_truth[3:], rtol=0.2)


def test_value_ranks_nearly_as_well_as_the_truth(model: ValueModel, later: Any) -> None:
    truth = (1 - later.chance) * later.mean_margin
    ours = normalised_gini(later.margin, model.predict(later.vectors))
    assert ours > normalised_gini(later.margin, truth) - 0.03


def test_buyers_at_a_loss_lower_the_level(past: Any, model: ValueModel) -> None:
    buyers = np.flatnonzero(past.churned == 0)
    margin = past.margin.copy()
    margin[buyers[::10]] = -50.0
    assert fitted(replace(past, margin=margin)).level_.factor < model.level_.factor


def test_more_loss_than_profit_is_worth_nothing_rather_than_less(past: Any) -> None:
    margin = np.where(past.churned == 0, past.margin, 0.0)
    margin[np.flatnonzero(past.churned == 0)[::2]] = -500.0
    model = fitted(replace(past, margin=margin))
    assert model.level_.factor == 0.0
    assert (model.predict(past.vectors.head(20)) == 0).all()


def test_intervals_hold_what_they_promise_where_some_buyers_bring_losses(
    past: Any, later: Any
) -> None:
    """A tenth of all orders cost more than they bring, and no interval goes below zero."""
    random = np.random.default_rng(2)

    def costly(people: Any) -> Any:
        lost = random.random(len(people.margin)) < 0.1
        return replace(people, margin=np.where(lost, -0.2 * people.margin, people.margin))

    outcome = costly(later)
    low, high = fitted(costly(past)).predict_interval(outcome.vectors).T
    assert (outcome.margin < 0).mean() > 0.04
    held = (outcome.margin >= low) & (outcome.margin <= high)
    assert 0.88 <= held.mean() <= 0.93


def test_a_boom_in_the_windows_that_judge_says_nothing_of_how_customers_differ(
    past: Any, model: ValueModel
) -> None:
    """All bring thrice as much from then on: intervals move up with the level, as wide as ever."""
    assert model.buys_.curve_.earlier_ is not None
    booming = as_of_days(past.vectors) >= model.buys_.curve_.earlier_.day
    boom = fitted(replace(past, margin=np.where(booming, 3.0 * past.margin, past.margin)))
    np.testing.assert_allclose(boom.confidence_, model.confidence_, atol=0.01)
    np.testing.assert_allclose(boom.amount_.z, model.amount_.z, atol=0.1)


@pytest.mark.parametrize(("profitable", "enough"), [(19, False), (20, True)])
def test_twenty_profitable_rows_are_the_least(past: Any, profitable: int, enough: bool) -> None:
    margin = np.zeros(len(past.margin))
    margin[np.flatnonzero(past.churned == 0)[:profitable]] = 8.0
    people = replace(past, margin=margin)
    if enough:
        assert fitted(people).level_.factor > 0
    else:
        with pytest.raises(TrainingError, match="only 19 training rows") as raised:
            fitted(people)
        assert "unit_cost" in raised.value.remedy
