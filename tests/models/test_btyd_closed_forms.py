"""Buy-till-you-die models where the answer is known in closed form: discounts, checks, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import DataError, TrainingError
from models.btyd.bg_bb import BgBb
from models.btyd.bg_nbd import BgNbd
from models.btyd.checks import check_histories, check_spend, spend_correlation
from models.btyd.discounting import daily_rate, discounted
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.maximum_likelihood import Fitted, Maximum
from models.btyd.pareto_nbd import ParetoNbd
from models.btyd.shifted_beta_geometric import ShiftedBetaGeometric
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

RATE = daily_rate(0.10)


def test_a_year_at_ten_percent_discounts_by_a_factor_of_one_point_one() -> None:
    assert np.exp(-RATE * 365) == pytest.approx(1 / 1.1)
    assert daily_rate(0.0) == 0.0


class TestDiscounting:
    """The integral of exp(-rate t) dE(t), for expectations whose integral is known."""

    nobody = Summary.of([0, 1], [0, 3], [5, 9])

    @pytest.mark.parametrize("horizon", [1.0, 365.0, 3_000.0, 40_000.0, np.inf])
    def test_purchases_at_one_rate(self, horizon: float) -> None:
        per_day = np.array([0.02, 0.5])
        worth = discounted(lambda _, days: per_day * days, self.nobody, horizon, RATE)
        expected = per_day * -np.expm1(-RATE * horizon) / RATE
        np.testing.assert_allclose(worth, expected, rtol=1e-6)

    @pytest.mark.parametrize("horizon", [30.0, 365.0, 3_000.0, np.inf])
    def test_purchases_that_cease(self, horizon: float) -> None:
        leaving = np.array([0.001, 0.004])
        worth = discounted(lambda _, days: -np.expm1(-leaving * days), self.nobody, horizon, RATE)
        both = leaving + RATE
        expected = leaving / both * -np.expm1(-both * horizon)
        np.testing.assert_allclose(worth, expected, rtol=1e-6)

    def test_without_a_rate_they_are_the_purchases_themselves(self) -> None:
        worth = discounted(lambda _, days: np.full(2, days), self.nobody, 90.0, 0.0)
        assert worth.tolist() == [90.0, 90.0]


class TestHistories:
    """How many came back decides whether there is a model, and how much it is trusted."""

    @staticmethod
    def came_back(customers: int) -> Summary:
        """Some who came back, half of them counted twice by one row, and many who did not."""
        return Summary(
            np.array([1.0, 2.0, 0.0]),
            np.array([3.0, 4.0, 0.0]),
            np.array([9.0, 9.0, 9.0]),
            np.array([2.0, customers - 2.0, 500.0]),
        )

    def test_ten_are_the_least(self) -> None:
        with pytest.raises(TrainingError, match="only 9 customers"):
            check_histories(self.came_back(9))
        assert len(check_histories(self.came_back(10))) == 1

    def test_a_hundred_are_enough(self) -> None:
        [warning] = check_histories(self.came_back(99))
        assert warning.startswith("Only 99 customers")
        assert check_histories(self.came_back(100)) == []

    def test_of_contracts_ten_must_have_ended(self) -> None:
        periods, ended = [1, 2, 2], [True, True, False]
        with pytest.raises(TrainingError, match="only 9 contracts ended"):
            ShiftedBetaGeometric.fit(periods, ended, [4, 5, 50])
        fitted = ShiftedBetaGeometric.fit(periods, ended, [5, 5, 50])
        assert fitted.diagnostics.customers == 60

    def test_a_contract_that_ended_did_so_in_some_period(self) -> None:
        with pytest.raises(DataError, match="impossible number of periods"):
            ShiftedBetaGeometric.fit([1] * 12 + [0], [True] * 13)

    def test_nobody_takes_more_opportunities_than_until_the_last_one_taken(self) -> None:
        with pytest.raises(DataError, match="row 1"):
            BgBb.fit(Summary.of([2, 3], [4, 2], [6, 6]))


class TestSpendCheck:
    """Whether spend goes with frequency, as Gamma-Gamma takes it not to."""

    @staticmethod
    def draw(shape: float, grows: float = 0.0, customers: int = 4_000) -> tuple[Floats, Floats]:
        """Customers of equal usual spend, times exp(grows * frequency)."""
        random = np.random.default_rng(0)
        frequency = random.integers(1, 11, customers).astype(np.float64)
        mean = random.gamma(shape * frequency) / (shape * frequency)
        return frequency, 30.0 * np.exp(grows * frequency) * mean

    def test_the_interval_is_fishers(self) -> None:
        frequency, spend = self.draw(0.5, 0.1, customers=50)
        r, low, high = spend_correlation(frequency, spend, 0.5)
        half = 1.96 / np.sqrt(47)
        assert np.arctanh([low, high]) == pytest.approx(
            [np.arctanh(r) - half, np.arctanh(r) + half]
        )

    @pytest.mark.parametrize("shape", [0.5, 6.0])
    def test_a_mean_of_few_purchases_is_low_in_logarithms_by_itself(self, shape: float) -> None:
        """By Jensen: with a heavy tail log means rise with frequency though spend does not."""
        frequency, spend = self.draw(shape)
        correlation, low, high = spend_correlation(frequency, spend, shape)
        assert abs(correlation) < 0.05
        assert low < 0 < high
        assert check_spend(frequency, spend, shape) == []

    def test_a_correlation_too_small_to_matter_is_not_reported_however_sure(self) -> None:
        frequency, spend = self.draw(6.0, 0.004, customers=200_000)
        correlation, low, _ = spend_correlation(frequency, spend, 6.0)
        assert 0 < low < correlation < 0.1
        assert check_spend(frequency, spend, 6.0) == []

    def test_a_correlation_that_may_be_chance_is_not_reported_however_large(self) -> None:
        frequency, spend = self.draw(6.0, 0.04, customers=15)
        correlation, low, high = spend_correlation(frequency, spend, 6.0)
        assert low < 0 < high
        assert correlation > 0.1
        assert check_spend(frequency, spend, 6.0) == []

    def test_nothing_is_reported_where_nothing_differs(self) -> None:
        same, differing = np.full(20, 2.0), np.linspace(1.0, 20.0, 20)
        assert spend_correlation(same, differing, 1.0) == (0.0, -1.0, 1.0)
        assert spend_correlation(differing, same, 1.0) == (0.0, -1.0, 1.0)


def test_errors_are_by_the_delta_method_and_what_is_known_to_a_factor_of_twenty_is_not() -> None:
    """Deviations of logarithms, from a covariance per customer: .5 and 3.2 here, and none."""
    found = Maximum(
        log_parameters=np.log([2.0, 4.0, 8.0]),
        value=-7.0,
        covariance=np.diag([2.5, 102.4, np.inf]),
        gradient_norm=1e-6,
        iterations=5,
        restarts=3,
    )
    diagnosed = found.diagnostics({"r": 2.0, "alpha": 4.0, "a": 8.0}, 10, rescaled=3.0)
    assert diagnosed.standard_errors == pytest.approx({"r": 1.0, "alpha": 12.8, "a": np.inf})
    assert diagnosed.at_boundary == ("alpha", "a")
    assert diagnosed.log_likelihood == -73.0
    assert diagnosed.converged
    assert not replace(found, gradient_norm=1e-4).diagnostics({"r": 1, "b": 1, "a": 1}, 9).converged


class TestSummary:
    """Figures of histories that several customers share."""

    shared = Summary(
        np.array([3.0, 0.0]), np.array([24.0, 0.0]), np.array([30.0, 10.0]), np.array([1.0, 4.0])
    )

    def test_means_and_totals_are_over_customers(self) -> None:
        assert self.shared.mean_age == pytest.approx((30 + 4 * 10) / 5)
        assert self.shared.purchases == 3.0

    def test_times_are_rounded_to_the_nearest_multiple(self) -> None:
        weeks = self.shared.binned(7.0)
        assert (weeks.recency.tolist(), weeks.age.tolist()) == ([21.0, 0.0], [28.0, 7.0])

    @pytest.mark.parametrize("fit", [BgNbd.fit, ParetoNbd.fit])
    def test_the_reported_likelihood_is_the_models_own_however_histories_are_stored(
        self, fit: Callable[[Summary], Fitted[Any]]
    ) -> None:
        random = np.random.default_rng(2)
        age = random.integers(4, 9, 400).astype(np.float64)
        frequency = np.minimum(random.poisson(age * random.gamma(0.6, 0.4, 400)), 5.0)
        recency = np.where(frequency > 0, np.ceil(age * random.random(400) ** 0.5), 0.0)
        everyone = Summary.of(frequency, recency, age)
        assert len(everyone.collapsed()[0]) < 200
        fitted = fit(everyone)
        total = fitted.model.log_likelihood(everyone).sum()
        assert fitted.diagnostics.log_likelihood == pytest.approx(total, abs=1e-6)
        assert fitted.diagnostics.customers == 400


def test_a_customer_without_a_purchase_says_nothing_of_spend() -> None:
    random = np.random.default_rng(1)
    frequency = random.integers(1, 6, 300).astype(np.float64)
    spend = random.gamma(4.0, random.gamma(5.0, 2.0, 300))
    fitted = GammaGamma.fit(frequency, spend)
    idle = GammaGamma.fit(np.append(frequency, [0.0, 3.0, 2.0]), np.append(spend, [9.0, -4.0, 0.0]))
    assert idle == fitted
    assert fitted.diagnostics.customers == 300


@given(
    st.floats(0.5, 9.0),
    st.floats(1.1, 9.0),
    st.floats(0.5, 90.0),
    st.integers(1, 50),
    st.floats(0.1, 500.0),
)
def test_expected_spend_lies_between_the_customers_mean_and_everybodys(
    p: float, q: float, gamma: float, purchases: int, mean: float
) -> None:
    """Eq. (5): a weighted mean of the two, the own mean weighing p x / (p x + q - 1)."""
    model, everybody = GammaGamma(p, q, gamma), p * gamma / (q - 1)
    own = p * purchases / (p * purchases + q - 1)
    expected = model.expected_spend(np.array([purchases, 0.0]), np.array([mean, mean]))
    assert expected == pytest.approx([own * mean + (1 - own) * everybody, everybody])


@given(st.floats(0.1, 9.0), st.floats(0.1, 9.0))
def test_a_renewal_is_the_step_of_survival(alpha: float, beta: float) -> None:
    model, periods = ShiftedBetaGeometric(alpha, beta), np.arange(1.0, 9.0)
    steps = model.survival(periods) / model.survival(periods - 1)
    np.testing.assert_allclose(model.probability_stays(periods - 1, 1), steps, rtol=1e-9)


def test_history_counted_in_other_units_gives_the_model_in_those_units() -> None:
    """In days instead of weeks: rates are a seventh, and so are the scales' inverses."""
    random = np.random.default_rng(4)
    age = random.integers(5, 60, 600).astype(np.float64)
    frequency = random.poisson(age * random.gamma(0.6, 0.1, 600)).astype(np.float64)
    recency = np.where(frequency > 0, age * random.random(600) ** 0.5, 0.0)
    weeks, days = (Summary.of(frequency, recency * k, age * k) for k in (1.0, 7.0))
    one, other = BgNbd.fit(weeks), BgNbd.fit(days)
    assert other.model.alpha == pytest.approx(7 * one.model.alpha, rel=1e-4)
    assert other.model.r == pytest.approx(one.model.r, rel=1e-4)
    gained = frequency.sum() * np.log(7)
    assert one.diagnostics.log_likelihood - other.diagnostics.log_likelihood == pytest.approx(
        gained, abs=1e-4
    )
    np.testing.assert_allclose(
        other.model.expected_purchases(days, 70.0),
        one.model.expected_purchases(weeks, 10.0),
        rtol=1e-3,
    )
