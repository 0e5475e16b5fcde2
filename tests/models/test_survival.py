"""One curve per customer: horizons that never cross, and truth recovered from part of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import TrainingError
from features.family import Column
from features.vocabulary import Columns as C
from models.boosting import BoostingParameters
from models.churn_value.churn import ChurnModel
from models.churn_value.forecast import forecast
from models.churn_value.horizons import CompositeObjective, Outcomes, fit_levels
from models.churn_value.survival import SurvivalModel, as_of_days, interpolated
from models.churn_value.value import ValueModel

Floats = NDArray[np.float64]
HORIZONS = (30, 60, 90)
QUICK = BoostingParameters(rounds=40, learning_rate=0.1, members=1)
COLUMNS = (
    Column("rate", "orders a day", "orders"),
    Column("orders_lifetime", "orders so far", "orders"),
    Column("noise", "nothing at all", "none"),
)


def poisson_shop(rows: int, days: list[int], seed: int) -> tuple[Outcomes, Floats, Floats]:
    """Draw customers who order at a rate of their own; return outcomes, margins and true rates."""
    random = np.random.default_rng(seed)
    rate = 0.012 * np.exp(0.9 * random.normal(size=rows))
    first = random.exponential(1 / rate)
    as_of = np.array(days)[np.arange(rows) % len(days)]
    spread = np.where(random.random(rows) < 0.3, 1.0, 0.5)  # one-time buyers vary more
    vectors = pd.DataFrame(
        {
            C.AS_OF: pd.to_datetime(as_of, unit="D").date,
            "rate": rate,
            "orders_lifetime": np.where(spread == 1.0, 1.0, 5.0),
            "noise": random.normal(size=rows),
        }
    )
    silent = (first[:, None] >= np.array(HORIZONS)).astype(np.float64)
    margin = np.exp(3 + spread * random.normal(size=rows)) * (silent[:, -1] == 0)
    return Outcomes(vectors, as_of, HORIZONS, silent), margin, rate


DAYS = list(range(20_000, 20_361, 30))


@pytest.fixture(scope="module")
def taught() -> tuple[Outcomes, Floats]:
    outcomes, margin, _ = poisson_shop(9_000, DAYS, seed=0)
    return outcomes, margin


@pytest.fixture(scope="module")
def model(taught: tuple[Outcomes, Floats]) -> ValueModel:
    return ValueModel(90, boosting=QUICK).fit_outcomes(*taught, COLUMNS)


@pytest.fixture(scope="module")
def later() -> tuple[Outcomes, Floats, Floats]:
    return poisson_shop(5_000, [20_450], seed=1)


def test_longer_silence_is_never_likelier(model: ValueModel, later: Any) -> None:
    curve = model.buys_.curve_.survival(later[0].vectors, range(121))
    assert (curve[:, 0] == 1).all()
    assert (np.diff(curve, axis=1) <= 0).all()
    assert curve.min() >= 0


def test_every_horizon_is_near_the_truth(model: ValueModel, later: Any) -> None:
    outcomes, _, rate = later
    said = model.buys_.curve_.predict(outcomes.vectors)
    for place, horizon in enumerate(HORIZONS):
        truth = np.exp(-rate * horizon)
        assert np.sqrt(np.mean((said[:, place] - truth) ** 2)) < 0.06
        assert said[:, place].mean() == pytest.approx(truth.mean(), abs=0.04)


def test_churn_and_value_are_read_from_one_curve(model: ValueModel, later: Any) -> None:
    vectors = later[0].vectors
    churn = ChurnModel(30, curve=model.buys_.curve_)
    said = forecast(churn, model, vectors)
    np.testing.assert_array_equal(said.churn_probability, churn.predict_proba(vectors)[:, 1])
    assert (said.p_buys >= 1.0 - said.churn_probability - 1e-12).all()
    np.testing.assert_allclose(said.value, said.p_buys * said.value_if_buys)
    np.testing.assert_allclose(said.value, model.predict(vectors))
    assert ((said.lower >= 0) & (said.lower <= said.value) & (said.value <= said.upper)).all()


def test_nobody_who_will_not_buy_is_worth_anything(model: ValueModel, later: Any) -> None:
    vectors = later[0].vectors.head(50)
    X = model.buys_.encoder_.transform(vectors)
    said = model.predict_encoded(X, as_of_days(vectors), np.ones(50), np.zeros(50, dtype=bool))
    assert (said.if_buys > 0).all()
    assert (said.value == 0).all()
    assert (said.lower == 0).all()
    assert (said.upper == 0).all()


def test_intervals_hold_what_they_promise_later_newcomers_too(
    model: ValueModel, later: Any
) -> None:
    outcomes, margin, _ = later
    low, high = model.predict_interval(outcomes.vectors).T
    held = (margin >= low) & (margin <= high)
    new = outcomes.vectors["orders_lifetime"].to_numpy() == 1
    assert 0.87 <= held.mean() <= 0.93
    assert 0.86 <= held[new].mean() <= 0.94
    assert (high - low)[new].mean() > 1.3 * (high - low)[~new].mean()


def test_unfinished_windows_teach_what_they_know(later: Any) -> None:
    """Of most cutoffs only the first 30 days are known; ranking over 90 gains by them."""
    outcomes, _, _ = poisson_shop(3_000, DAYS, seed=2)
    few = outcomes.known_by(DAYS[1] + 90)
    silent = np.where(
        (outcomes.days > DAYS[1])[:, None] & (np.array(HORIZONS) > 30), np.nan, outcomes.silent
    )
    more = replace(outcomes, silent=silent)
    ranks = []
    for known in (few, more):
        said = SurvivalModel(HORIZONS, boosting=QUICK).fit(known, COLUMNS).predict(later[0].vectors)
        ranks.append(np.corrcoef(np.log(said[:, 2]), -later[2])[0, 1])
    assert ranks[1] > ranks[0]


def test_what_was_not_known_on_a_day_is_hidden(taught: tuple[Outcomes, Floats]) -> None:
    outcomes, _ = taught
    known = outcomes.known_by(DAYS[6])
    ends = known.days[:, None] + np.array(HORIZONS)
    np.testing.assert_array_equal(np.isnan(known.silent), ends > DAYS[6])
    assert known.days.max() == DAYS[5]


def test_outcomes_after_the_cutoffs_change_nothing(taught: tuple[Outcomes, Floats]) -> None:
    """A leak would show: all that is learned by a day is the same whatever comes later."""
    outcomes, _ = taught
    turned = replace(
        outcomes,
        silent=np.where(
            outcomes.days[:, None] + np.array(HORIZONS) > DAYS[6],
            1 - outcomes.silent,
            outcomes.silent,
        ),
    )
    said = [
        SurvivalModel(HORIZONS, boosting=QUICK)
        .fit(rows.known_by(DAYS[6]), COLUMNS)
        .predict(outcomes.vectors.head(100))
        for rows in (outcomes, turned)
    ]
    np.testing.assert_array_equal(*said)


def test_a_calendar_that_all_share_is_left_to_the_levels(taught: tuple[Outcomes, Floats]) -> None:
    outcomes, _ = taught
    vectors = outcomes.vectors.assign(month=np.sin(outcomes.days / 58.0))
    column = Column("month", "where the cutoff stands in the year", "-1 to 1")
    model = SurvivalModel(HORIZONS, boosting=QUICK)
    model.fit(replace(outcomes, vectors=vectors), (*COLUMNS, column))
    assert "month" not in model.encoder_.columns


def test_the_gradient_is_that_of_the_likelihood(taught: tuple[Outcomes, Floats]) -> None:
    outcomes, _ = taught
    rows = outcomes.rows(np.arange(len(outcomes.days)) < 40)
    silent = rows.silent.copy()
    silent[::3, 1:] = np.nan
    scores = np.random.default_rng(3).normal(size=40)
    objective = CompositeObjective(silent, rows.days, np.ones(40))
    gradient, curvature = objective(scores, None)
    weight = 1.0 / (~np.isnan(silent)).sum(axis=1)
    level = objective.levels[np.unique(rows.days, return_inverse=True)[1]]

    def loss(at: Floats) -> Floats:
        logits = at[:, None] + level
        return np.nansum(np.logaddexp(0, logits) - silent * logits, axis=1) * weight

    step = 1e-5
    slope = (loss(scores + step) - loss(scores - step)) / (2 * step)
    np.testing.assert_allclose(gradient, slope, atol=1e-6)
    assert (curvature > 0).all()


def test_levels_make_each_window_agree_with_what_happened(taught: tuple[Outcomes, Floats]) -> None:
    outcomes, _ = taught
    scores = np.log(outcomes.vectors["rate"].to_numpy())
    windows, levels, counts = fit_levels(scores, outcomes.silent, outcomes.days, -np.ones(3))
    window = np.searchsorted(windows, outcomes.days)
    said = 1 / (1 + np.exp(scores[:, None] - levels[window]))
    for number in range(len(windows)):
        here = window == number
        np.testing.assert_allclose(
            said[here].mean(axis=0), outcomes.silent[here].mean(axis=0), atol=1e-6
        )
    assert (counts.sum(axis=0) == len(scores)).all()


def test_between_horizons_the_hazard_is_constant() -> None:
    silence = np.exp(-0.01 * np.array([[30.0, 60.0, 90.0]]))
    asked = [0, 10, 45, 90, 120]
    np.testing.assert_allclose(
        interpolated(silence, HORIZONS, asked)[0], np.exp(-0.01 * np.array(asked))
    )


def test_a_saved_curve_says_the_same(model: ValueModel, later: Any, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = ValueModel.load(tmp_path)
    vectors = later[0].vectors.head(200)
    np.testing.assert_array_equal(again.predict_interval(vectors), model.predict_interval(vectors))
    days = range(0, 100, 7)
    curves = [m.buys_.curve_.survival(vectors, days) for m in (again, model)]
    np.testing.assert_array_equal(*curves)


@st.composite
def small_shops(draw: st.DrawFn) -> tuple[Outcomes, Floats]:
    """Any small shop: few rows, missing values, ties, losses, unknown outcomes."""
    rows, windows = draw(st.integers(8, 40)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    days = 20_000 + draw(st.integers(1, 60)) * random.integers(0, windows, rows)
    first = random.exponential(draw(st.floats(0.5, 300.0)), rows)
    silent = (first[:, None] >= np.array(HORIZONS)).astype(np.float64)
    silent[0], silent[1] = 1.0, 0.0
    values = random.normal(size=(rows, 2)) * 10.0 ** random.integers(-6, 9, 2)
    values[random.random(values.shape) < draw(st.floats(0.0, 0.9))] = np.nan
    vectors = pd.DataFrame(
        {
            C.AS_OF: pd.to_datetime(days, unit="D").date,
            "rate": values[:, 0].round(draw(st.integers(-8, 4))),
            "orders_lifetime": random.integers(0, 4, rows).astype(float),
            "noise": values[:, 1],
        }
    )
    known = random.random(rows) < draw(st.floats(0.3, 1.0))
    known[:2] = True
    silent[~known, 1:] = np.nan
    sign = np.where(random.random(rows) < draw(st.floats(0.0, 0.6)), -1.0, 1.0)
    margin = np.exp(random.normal(0, draw(st.floats(0.0, 5.0)), rows)) * sign
    return Outcomes(vectors, days, HORIZONS, silent), np.where(
        np.isnan(silent[:, -1]), np.nan, np.where(silent[:, -1] == 1, 0.0, margin)
    )


TINY = BoostingParameters(rounds=3, members=1, min_rows_in_leaf=2, l2=0.1)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_shops())
def test_any_small_shop_gets_probabilities_and_money(shop: tuple[Outcomes, Floats]) -> None:
    outcomes, margin = shop
    churn = ChurnModel(30, boosting=TINY).fit_outcomes(outcomes, COLUMNS)
    said = [churn.curve_.predict(outcomes.vectors)]
    if ((margin > 0) & (outcomes.silent[:, -1] == 0)).sum() >= 20:
        value = ValueModel(90, boosting=TINY).fit_outcomes(outcomes, margin, COLUMNS)
        money = forecast(churn, value, outcomes.vectors)
        said.append(money.p_buys[:, None])
        for part in (money.value_if_buys, money.value, money.lower, money.upper):
            assert np.isfinite(part).all()
            assert (part >= 0).all()
        assert ((money.lower <= money.value) & (money.value <= money.upper)).all()
    for chances in said:
        assert np.isfinite(chances).all()
        assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(said[0], axis=1) <= 0).all()


def test_customers_who_are_all_alike_are_refused_with_a_remedy() -> None:
    same = pd.DataFrame({"x": [1.0] * 8, "as_of": [date(2025, 1, 1)] * 8})
    silent_half = np.array([[0.0], [1.0]] * 4)
    outcomes = Outcomes(same, as_of_days(same), (30,), silent_half)
    with pytest.raises(TrainingError, match="apart") as raised:
        SurvivalModel([30]).fit(outcomes, [Column("x", "a number", "number")])
    assert "history" in raised.value.remedy
