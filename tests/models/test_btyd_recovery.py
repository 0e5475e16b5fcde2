"""Buy-till-you-die models against customers whose parameters and whose future are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.btyd import bg_bb, bg_nbd, gamma_gamma, pareto_nbd, shifted_beta_geometric
from models.btyd.bg_bb import BgBb
from models.btyd.bg_nbd import BgNbd
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.pareto_nbd import ParetoNbd
from models.btyd.shifted_beta_geometric import ShiftedBetaGeometric
from models.btyd.summary import Summary

Floats = NDArray[np.float64]
CUSTOMERS = 40_000
HORIZON = 30.0


@dataclass(frozen=True)
class People:
    """A past, and who was still there and bought how often in the horizon after."""

    past: Summary
    alive: NDArray[np.bool_]
    bought: Floats


def follow(ages: Floats, rate: Floats, gone_at: Callable[[Floats], Floats]) -> People:
    """Let customers buy at their rates until ``gone_at`` (given their purchase times, by column).

    Purchases beyond the sixtieth are not needed: rates are low.
    """
    random = np.random.default_rng(7)
    times = np.cumsum(random.exponential(1 / rate[:, None], (len(rate), 60)), axis=1)
    end = gone_at(times)[:, None]
    seen = (times <= ages[:, None]) & (times <= end)
    later = (times > ages[:, None]) & (times <= ages[:, None] + HORIZON) & (times <= end)
    recency = np.where(seen, times, 0.0).max(axis=1)
    return People(
        Summary.of(seen.sum(axis=1), recency, ages), end[:, 0] > ages, later.sum(axis=1) * 1.0
    )


def ages(random: np.random.Generator) -> Floats:
    return random.integers(20, 60, CUSTOMERS).astype(np.float64)


def draw_bg_nbd(model: BgNbd) -> People:
    random = np.random.default_rng(3)
    rate = random.gamma(model.r, 1 / model.alpha, CUSTOMERS) + 1e-12
    leaves = random.beta(model.a, model.b, CUSTOMERS)
    purchases = random.geometric(np.maximum(leaves, 1e-9)) - model.modified

    def gone_at(times: Floats) -> Floats:
        last = np.minimum(purchases, times.shape[1])
        gone = times[np.arange(len(times)), np.maximum(last, 1) - 1]
        return np.where(last == 0, 0.0, np.where(purchases > times.shape[1], np.inf, gone))

    return follow(ages(random), rate, gone_at)


def draw_pareto_nbd(model: ParetoNbd) -> People:
    random = np.random.default_rng(4)
    rate = random.gamma(model.r, 1 / model.alpha, CUSTOMERS) + 1e-12
    life = random.exponential(1 / (random.gamma(model.s, 1 / model.beta, CUSTOMERS) + 1e-12))
    return follow(ages(random), rate, lambda _: life)


def draw_bg_bb(model: BgBb) -> People:
    random = np.random.default_rng(5)
    buys = random.beta(model.alpha, model.beta, CUSTOMERS)
    leaves = random.beta(model.gamma, model.delta, CUSTOMERS)
    there = random.geometric(np.maximum(leaves, 1e-9)) - 1
    n, horizon = 8, int(HORIZON)
    step = np.arange(1, n + horizon + 1)
    taken = (random.random((CUSTOMERS, len(step))) < buys[:, None]) & (step <= there[:, None])
    seen, later = taken[:, :n], taken[:, n:]
    past = Summary.of(seen.sum(axis=1), (seen * step[:n]).max(axis=1), np.full(CUSTOMERS, float(n)))
    return People(past, there >= n, later.sum(axis=1) * 1.0)


KNOWN: dict[str, tuple[Any, Callable[[], People], Callable[[Summary], Any]]] = {
    "bg_nbd": (
        (model := BgNbd(0.6, 8.0, 0.8, 2.5)),
        lambda model=model: draw_bg_nbd(model),
        BgNbd.fit,
    ),
    "mbg_nbd": (
        (model := BgNbd(0.9, 8.0, 0.7, 1.8, modified=True)),
        lambda model=model: draw_bg_nbd(model),
        lambda past: BgNbd.fit(past, modified=True),
    ),
    "pareto_nbd": (
        (model := ParetoNbd(0.6, 8.0, 0.9, 15.0)),
        lambda model=model: draw_pareto_nbd(model),
        ParetoNbd.fit,
    ),
    "bg_bb": (
        (model := BgBb(1.2, 0.75, 0.66, 2.8)),
        lambda model=model: draw_bg_bb(model),
        BgBb.fit,
    ),
}
each_model = pytest.mark.parametrize("name", KNOWN)


@pytest.fixture(scope="module")
def people() -> dict[str, People]:
    return {name: draw() for name, (_, draw, _) in KNOWN.items()}


@each_model
def test_parameters_are_found_within_their_standard_errors(
    name: str, people: dict[str, People]
) -> None:
    truth, _, fit = KNOWN[name]
    past = people[name].past
    # Hundreds of times quicker on whole weeks, and exact enough.
    fitted = fit(past if name == "bg_bb" else past.binned(0.5))
    assert fitted.diagnostics.converged
    assert fitted.diagnostics.at_boundary == ()
    assert fitted.diagnostics.customers == CUSTOMERS
    for parameter, error in fitted.diagnostics.standard_errors.items():
        actual = getattr(truth, parameter)
        assert getattr(fitted.model, parameter) == pytest.approx(actual, abs=4 * error)
        assert error < 0.25 * actual


@each_model
def test_the_future_is_as_forecast_in_every_group_of_customers(
    name: str, people: dict[str, People]
) -> None:
    """By the true model: expected purchases, the chance of none, and of being there."""
    model, past = KNOWN[name][0], people[name].past
    horizon = int(HORIZON) if name == "bg_bb" else HORIZON
    expected = model.expected_purchases(past, horizon)
    none = model.probability_no_purchase(past, horizon)
    alive = model.probability_alive(past)
    silent = past.age - past.recency > past.age / 3
    for group in (past.frequency == 0, past.frequency == 1, past.frequency > 1, silent):
        assert group.sum() > 500
        assert_mean(people[name].bought[group], expected[group])
        assert_mean(people[name].bought[group] == 0, none[group])
        assert_mean(people[name].alive[group], alive[group])


def assert_mean(actual: NDArray[Any], expected: Floats) -> None:
    """Within four standard errors of a mean."""
    error = np.std(actual - expected) / np.sqrt(len(expected))
    assert float(np.mean(actual)) == pytest.approx(float(expected.mean()), abs=4 * error + 1e-9)


@each_model
def test_the_score_is_zero_on_average_at_the_truth(name: str, people: dict[str, People]) -> None:
    """As of every likelihood whose probabilities sum to one."""
    model, past = KNOWN[name][0], people[name].past
    parameters = np.log([value for value in astuple(model) if not isinstance(value, bool)])
    part = len(past) // 8
    slopes = [
        objective(name, past.rows(slice(start, start + part)))(parameters)[1]
        for start in range(0, len(past), part)
    ]
    error = np.std(slopes, axis=0) / np.sqrt(len(slopes) - 1)
    assert (np.abs(np.mean(slopes, axis=0)) < 5 * error).all()


def objective(name: str, past: Summary) -> Any:
    return {
        "bg_nbd": lambda: bg_nbd.mean_log_likelihood(past, modified=False),
        "mbg_nbd": lambda: bg_nbd.mean_log_likelihood(past, modified=True),
        "pareto_nbd": lambda: pareto_nbd.mean_log_likelihood(past),
        "bg_bb": lambda: bg_bb.mean_log_likelihood(past),
    }[name]()


@each_model
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_the_likelihood(
    name: str, seed: int, people: dict[str, People]
) -> None:
    """Analytic against central differences, and the objective against the model's own."""
    past = people[name].past.rows(slice(0, 400))
    point = np.random.default_rng(seed).normal(0, 0.7, 4)
    climb = objective(name, past)
    value, gradient = climb(point)
    assert_gradient(climb, point, gradient)
    flags = (True,) if name == "mbg_nbd" else ()
    model = type(KNOWN[name][0])(*np.exp(point), *flags)
    assert value == pytest.approx(model.log_likelihood(past).mean(), rel=1e-10)


def assert_gradient(climb: Any, point: Floats, gradient: Floats) -> None:
    steps = np.eye(len(point)) * 1e-5
    numeric = [(climb(point + step)[0] - climb(point - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8)


class TestGammaGamma:
    """Spend per purchase."""

    truth = GammaGamma(6.0, 3.7, 15.0)

    def draw(self) -> tuple[Floats, Floats, Floats]:
        random = np.random.default_rng(8)
        frequency = random.geometric(0.3, CUSTOMERS).astype(np.float64)
        scale = 1 / random.gamma(self.truth.q, 1 / self.truth.gamma, CUSTOMERS)
        mean = random.gamma(self.truth.p * frequency, scale / frequency)
        return frequency, mean, self.truth.p * scale

    def test_parameters_are_found_within_their_standard_errors(self) -> None:
        frequency, mean, _ = self.draw()
        fitted = GammaGamma.fit(frequency, mean)
        for name, error in fitted.diagnostics.standard_errors.items():
            actual = getattr(self.truth, name)
            assert getattr(fitted.model, name) == pytest.approx(actual, abs=4 * error)
            assert error < 0.1 * actual
        assert fitted.diagnostics.warnings == ()

    def test_expected_spend_is_the_mean_of_true_means(self) -> None:
        frequency, mean, true_mean = self.draw()
        expected = self.truth.expected_spend(frequency, mean)
        for group in (frequency == 1, frequency > 3, mean > 20, mean < 8):
            assert_mean(true_mean[group], expected[group])
        stranger = self.truth.expected_spend(np.zeros(1), np.array([np.nan]))
        assert stranger[0] == pytest.approx(self.truth.population_mean)
        assert true_mean.mean() == pytest.approx(self.truth.population_mean, rel=0.02)

    def test_the_gradient_is_that_of_the_likelihood(self) -> None:
        frequency, mean, _ = (part[:300] for part in self.draw())
        climb = gamma_gamma.mean_log_likelihood(frequency, mean)
        point = np.array([0.4, 0.2, 1.1])
        value, gradient = climb(point)
        assert_gradient(climb, point, gradient)
        p, above_one, gamma = np.exp(point)
        model = GammaGamma(p, 1 + above_one, gamma)
        assert value == pytest.approx(model.log_likelihood(frequency, mean).mean(), rel=1e-12)


class TestShiftedBetaGeometric:
    """Contracts."""

    truth = ShiftedBetaGeometric(0.7, 3.0)

    def draw(self) -> tuple[Floats, NDArray[np.bool_]]:
        random = np.random.default_rng(9)
        leaves = random.beta(self.truth.alpha, self.truth.beta, CUSTOMERS)
        life = random.geometric(np.maximum(leaves, 1e-9))
        window = random.integers(0, 9, CUSTOMERS)
        return np.minimum(life, window).astype(np.float64), life <= window

    def test_parameters_are_found_within_their_standard_errors(self) -> None:
        fitted = ShiftedBetaGeometric.fit(*self.draw())
        for name, error in fitted.diagnostics.standard_errors.items():
            actual = getattr(self.truth, name)
            assert getattr(fitted.model, name) == pytest.approx(actual, abs=4 * error)
            assert error < 0.1 * actual

    def test_the_gradient_is_that_of_the_likelihood(self) -> None:
        lengths, lost, kept = np.arange(4.0), np.array([0.0, 9, 5, 1]), np.array([3.0, 2, 0, 4])
        climb = shifted_beta_geometric.mean_log_likelihood(lengths, lost, kept)
        point = np.array([-0.3, 0.8])
        value, gradient = climb(point)
        assert_gradient(climb, point, gradient)
        model = ShiftedBetaGeometric(*np.exp(point))
        ended = lost[1:] @ model.log_likelihood(lengths[1:], np.full(3, fill_value=True))
        running = kept @ model.log_likelihood(lengths, np.full(4, fill_value=False))
        assert value * 24 == pytest.approx(ended + running, rel=1e-12)

    def test_chances_of_ending_and_of_running_sum_to_one(self) -> None:
        periods = np.arange(1.0, 8.0)
        ends = np.exp(self.truth.log_likelihood(periods, np.full(7, fill_value=True)))
        assert ends.sum() + self.truth.survival(np.array([7.0]))[0] == pytest.approx(1.0)
        standing = self.truth.survival(periods) / self.truth.survival(periods - 1)
        np.testing.assert_allclose(self.truth.retention(periods), standing, rtol=1e-12)
        np.testing.assert_allclose(self.truth.probability_stays(periods - 1, 1), standing)
