"""What buy-till-you-die models never do, whatever the customers and the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import DataError, TrainingError
from models.btyd.bg_bb import BgBb
from models.btyd.bg_nbd import BgNbd
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.pareto_nbd import ParetoNbd
from models.btyd.shifted_beta_geometric import ShiftedBetaGeometric
from models.btyd.summary import Summary

Floats = NDArray[np.float64]

positive = st.floats(-9.0, 9.0).map(np.exp).map(float)
quick = settings(max_examples=50, deadline=None)


@st.composite
def summaries(draw: Any) -> Summary:
    """Draw histories, extreme ones among them: brand new, very frequent, silent, never silent."""
    rows = draw(
        st.lists(
            st.tuples(
                st.one_of(st.integers(0, 20), st.just(100_000)),
                st.floats(0, 1),
                st.one_of(st.integers(0, 2_000), st.just(0), st.just(100_000)),
            ),
            min_size=1,
            max_size=12,
        )
    )
    frequency = np.array([row[0] for row in rows], dtype=np.float64)
    age = np.array([row[2] for row in rows], dtype=np.float64)
    recency = np.where(frequency > 0, np.array([row[1] for row in rows]) * age, 0.0)
    return Summary.of(frequency, np.minimum(recency, age), age)


@st.composite
def continuous_models(draw: Any) -> BgNbd | ParetoNbd:
    kind = draw(st.sampled_from(["bg", "mbg", "pareto"]))
    parameters = [draw(positive) for _ in range(4)]
    return ParetoNbd(*parameters) if kind == "pareto" else BgNbd(*parameters, kind == "mbg")


def assert_probabilities(values: Floats) -> None:
    assert ((values >= 0) & (values <= 1)).all()


@quick
@given(continuous_models(), summaries())
def test_answers_are_finite_and_agree(model: BgNbd | ParetoNbd, past: Summary) -> None:
    assert np.isfinite(model.log_likelihood(past)).all()
    alive = model.probability_alive(past)
    assert_probabilities(alive)
    lower_none, lower_orders = np.ones(len(past)), np.zeros(len(past))
    for horizon in (0.0, 1.0, 30.0, 365.0, 1e5):
        none = model.probability_no_purchase(past, horizon)
        orders = model.expected_purchases(past, horizon)
        assert_probabilities(none)
        assert (none >= 1 - alive - 1e-9).all()
        assert (none <= lower_none + 1e-9).all()
        assert np.isfinite(orders).all()
        assert (orders >= lower_orders * (1 - 1e-6)).all()
        assert (orders >= (1 - none) * (1 - 1e-4) - 1e-9).all()
        lower_none, lower_orders = none, orders
    discounted = model.discounted_purchases(past, 1e5, 0.001)
    assert (discounted >= 0).all()
    assert (discounted <= lower_orders * (1 + 1e-3) + 1e-9).all()
    assert np.isfinite(model.discounted_purchases(past, np.inf, 0.001)).all()


@quick
@given(
    st.tuples(positive, positive, positive, positive),
    st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1), st.floats(0, 1)), min_size=1),
)
def test_bg_bb_is_finite_and_agrees(
    parameters: tuple[float, float, float, float], rows: list[tuple[int, float, float]]
) -> None:
    model = BgBb(*parameters)
    age = np.array([row[0] for row in rows], dtype=np.float64)
    recency = np.floor(age * [row[1] for row in rows])
    frequency = np.minimum(np.ceil(recency * [row[2] for row in rows]), recency)
    past = Summary.of(frequency, np.where(frequency > 0, recency, 0.0), age)
    assert np.isfinite(model.log_likelihood(past)).all()
    alive = model.probability_alive(past)
    assert_probabilities(alive)
    lower = np.ones(len(past))
    for horizon in (0, 1, 2, 12):
        none = model.probability_no_purchase(past, horizon)
        orders = model.expected_purchases(past, horizon)
        assert_probabilities(none)
        assert (none <= lower + 1e-12).all()
        assert (orders <= horizon).all()
        assert (orders >= 1 - none - 1e-9).all()
        lower = none
    assert np.isfinite(model.discounted_purchases(past, np.inf, 0.01)).all()


@quick
@given(positive, positive, st.lists(st.integers(0, 500), min_size=1))
def test_contracts_are_finite_and_fall(alpha: float, beta: float, taken: list[int]) -> None:
    model, renewals = ShiftedBetaGeometric(alpha, beta), np.array(taken, dtype=np.float64)
    assert_probabilities(model.survival(renewals))
    assert (model.survival(renewals + 1) <= model.survival(renewals)).all()
    lifetime = model.discounted_lifetime(renewals, 0.1)
    assert ((lifetime >= 0) & (lifetime <= 10 + 1e-9)).all()
    few, many = (model.expected_renewals(renewals, horizon, 0.1) for horizon in (3, 30))
    assert (few <= many + 1e-12).all()
    assert (many <= lifetime + 1e-6).all()


@quick
@given(positive, positive, positive, st.lists(st.floats(-5.0, 1e6), min_size=1))
def test_expected_spend_is_positive(p: float, q: float, gamma: float, paid: list[float]) -> None:
    spend = np.array(paid)
    expected = GammaGamma(p, 1 + q, gamma).expected_spend(np.arange(len(spend)) * 1.0, spend)
    assert np.isfinite(expected).all()
    assert (expected > 0).all()


@settings(max_examples=15, deadline=None)
@given(summaries(), st.integers(0, 1_000))
def test_any_small_data_set_is_fitted_or_refused(past: Summary, seed: int) -> None:
    """Never a crash, never a number that is none."""
    random = np.random.default_rng(seed)
    again = random.integers(0, len(past), 40)
    people = Summary.of(past.frequency[again], past.recency[again], past.age[again])
    for fit in (BgNbd.fit, ParetoNbd.fit):
        try:
            fitted = fit(people)
        except TrainingError:
            assert people.frequency.astype(bool).sum() < 10
            continue
        assert np.isfinite(fitted.diagnostics.log_likelihood)
        assert np.isfinite(fitted.diagnostics.gradient_norm)
        assert not np.isnan(list(fitted.diagnostics.standard_errors.values())).any()
        assert_probabilities(fitted.model.probability_no_purchase(people, 30.0))
        assert (fitted.model.expected_purchases(people, 30.0) >= 0).all()


class TestSummary:
    """Histories and their collapsing."""

    @given(summaries())
    @settings(deadline=None)
    def test_collapsing_loses_nobody(self, past: Summary) -> None:
        alike, places = past.collapsed()
        assert alike.customers.sum() == len(past)
        for part in ("frequency", "recency", "age"):
            np.testing.assert_array_equal(getattr(alike, part)[places], getattr(past, part))
        histories = np.column_stack([alike.frequency, alike.recency, alike.age])
        assert len(np.unique(histories, axis=0)) == len(alike)

    def test_customers_alike_make_no_difference(self) -> None:
        """A thousand times the same customers: the same estimate, surer."""
        random = np.random.default_rng(0)
        frequency = random.integers(0, 6, 200)
        age = random.integers(20, 60, 200)
        recency = np.where(frequency > 0, age * random.random(200), 0.0)
        once = Summary.of(frequency, recency, age)
        often = Summary(once.frequency, once.recency, once.age, once.customers * 1_000)
        one, many = BgNbd.fit(once), BgNbd.fit(often)
        assert many.model.r == pytest.approx(one.model.r, rel=1e-4)
        shrunk = one.diagnostics.standard_errors["r"] / many.diagnostics.standard_errors["r"]
        assert shrunk == pytest.approx(np.sqrt(1_000), rel=1e-3)

    @pytest.mark.parametrize(
        "history",
        [(1, 5, 4), (-1, 0, 4), (0, 2, 4), (1, np.nan, 4), (1, 2, np.inf)],
        ids=["recency past age", "negative", "recency of none", "missing", "infinite"],
    )
    def test_what_cannot_be_is_refused(self, history: tuple[float, float, float]) -> None:
        with pytest.raises(DataError, match="row 1"):
            Summary.of(*zip((1, 2, 4), history, strict=True))

    def test_an_empty_summary_is_no_error(self) -> None:
        nobody = Summary.of([], [], [])
        assert len(nobody.collapsed()[0]) == 0
        for model in (BgNbd(1, 1, 1, 1), ParetoNbd(1, 1, 1, 1), BgBb(1, 1, 1, 1)):
            assert model.expected_purchases(nobody, 10).shape == (0,)
            assert model.probability_no_purchase(nobody, 10).shape == (0,)


def test_if_nobody_left_the_boundary_is_reported() -> None:
    """Everybody buys at one rate and nobody leaves: differences run to the limit."""
    random = np.random.default_rng(2)
    frequency = random.poisson(10.0, 3_000)
    recency = np.where(
        frequency > 0, 100 * random.random(3_000) ** (1 / np.maximum(frequency, 1)), 0
    )
    diagnostics = BgNbd.fit(Summary.of(frequency, recency, np.full(3_000, 100.0))).diagnostics
    assert "a" in diagnostics.at_boundary
    assert diagnostics.standard_errors["a"] == np.inf


def test_opportunities_are_whole_and_taken_once() -> None:
    with pytest.raises(DataError, match="row 1"):
        BgBb.fit(Summary.of([1, 3], [2, 2], [6, 6]))
    with pytest.raises(DataError, match="whole"):
        ShiftedBetaGeometric.fit([0, 2], [True, False])
    with pytest.raises(TrainingError, match="only 1 contracts ended"):
        ShiftedBetaGeometric.fit([1, 2], [True, False])
