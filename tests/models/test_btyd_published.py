"""Buy-till-you-die models against the papers that brought them: data, parameters, likelihoods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1, hyperu

from models.btyd.bg_bb import BgBb
from models.btyd.bg_nbd import BgNbd
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.pareto_nbd import ParetoNbd
from models.btyd.shifted_beta_geometric import ShiftedBetaGeometric
from models.btyd.summary import Summary

CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow"
real_data = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the public data is not in {CDNOW}"),
]

# Fader, Hardie & Shang 2010, table 1: donors of 1995, gifts in the six years after.
# Frequency, recency, donors.
DONATIONS = np.array(
    [
        (6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129),
        (5, 5, 335), (4, 5, 284), (3, 5, 225), (2, 5, 173), (1, 5, 119),
        (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78),
        (3, 3, 322), (2, 3, 255), (1, 3, 129),
        (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464),
    ],
    dtype=np.float64,
)  # fmt: skip


@pytest.fixture(scope="module")
def weeks() -> pd.DataFrame:
    return pd.read_parquet(CDNOW / "cdnow_sample_cbs.parquet")


@pytest.fixture(scope="module")
def cdnow(weeks: pd.DataFrame) -> Summary:
    return Summary.of(weeks["x"], weeks["t.x"], weeks["T.cal"])


class TestCdnow:
    """The sample of 2,357 customers, in weeks."""

    pytestmark = real_data

    def test_bg_nbd(self, cdnow: Summary) -> None:
        """Fader, Hardie & Lee 2005, table 2."""
        fitted = BgNbd.fit(cdnow)
        assert fitted.diagnostics.log_likelihood == pytest.approx(-9582.429, abs=0.01)
        model = fitted.model
        assert (model.r, model.alpha) == pytest.approx((0.243, 4.414), abs=6e-4)
        assert (model.a, model.b) == pytest.approx((0.793, 2.426), abs=6e-4)
        assert fitted.diagnostics.converged

    def test_pareto_nbd(self, cdnow: Summary) -> None:
        fitted = ParetoNbd.fit(cdnow)
        assert fitted.diagnostics.log_likelihood == pytest.approx(-9594.976, abs=0.01)
        model = fitted.model
        assert (model.r, model.s) == pytest.approx((0.553, 0.606), abs=6e-4)
        assert model.alpha == pytest.approx(10.580, abs=5e-3)
        assert model.beta == pytest.approx(11.656, rel=2e-3)

    def test_gamma_gamma(self, weeks: pd.DataFrame) -> None:
        """Fader & Hardie 2013."""
        fitted = GammaGamma.fit(weeks["x"].to_numpy(), weeks["m.x"].to_numpy())
        assert fitted.diagnostics.log_likelihood == pytest.approx(-4055.918, abs=0.01)
        assert fitted.diagnostics.customers == 946
        model = fitted.model
        assert (model.p, model.q) == pytest.approx((6.25, 3.74), abs=6e-3)
        assert model.gamma == pytest.approx(15.44, abs=0.02)

    def test_the_diagnostics_log_likelihood_is_the_models_own(self, cdnow: Summary) -> None:
        """It is found in other units of time and on distinct histories."""
        for fitted in (BgNbd.fit(cdnow), BgNbd.fit(cdnow, modified=True), ParetoNbd.fit(cdnow)):
            total = fitted.model.log_likelihood(cdnow).sum()
            assert fitted.diagnostics.log_likelihood == pytest.approx(total, abs=1e-6)

    def test_whole_weeks_hardly_move_the_parameters(self, cdnow: Summary) -> None:
        exact, coarse = ParetoNbd.fit(cdnow), ParetoNbd.fit(cdnow.binned(1.0))
        assert len(cdnow.binned(1.0).collapsed()[0]) < 0.7 * len(cdnow.collapsed()[0])
        for name, error in exact.diagnostics.standard_errors.items():
            moved = getattr(exact.model, name) - getattr(coarse.model, name)
            assert abs(moved) < 0.1 * error, name


def test_bg_bb_on_donations() -> None:
    """Fader, Hardie & Shang 2010: parameters and likelihood of 11,104 donors."""
    frequency, recency, donors = DONATIONS.T
    fitted = BgBb.fit(Summary(frequency, recency, np.full(22, 6.0), donors))
    assert fitted.diagnostics.customers == 11_104
    assert fitted.diagnostics.log_likelihood == pytest.approx(-33_225.6, abs=0.05)
    model = fitted.model
    assert (model.alpha, model.beta) == pytest.approx((1.204, 0.750), abs=6e-4)
    assert (model.gamma, model.delta) == pytest.approx((0.657, 2.783), abs=6e-4)


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta"),
    [
        ((1000, 869, 743, 653, 593, 551, 517, 491), 0.668, 3.806),
        ((1000, 631, 468, 382, 326, 289, 262, 241), 0.704, 1.182),
    ],
    ids=["high end", "regular"],
)
def test_sbg_on_contracts(survivors: tuple[int, ...], alpha: float, beta: float) -> None:
    """Fader & Hardie 2007: two segments over seven years."""
    years = np.array([*range(1, 8), 7])
    ended = np.array([True] * 7 + [False])
    contracts = np.array([*-np.diff(survivors), survivors[-1]])
    model = ShiftedBetaGeometric.fit(years, ended, contracts).model
    assert (model.alpha, model.beta) == pytest.approx((alpha, beta), abs=6e-4)
    fitted = 1000 * model.survival(np.arange(8.0))
    np.testing.assert_allclose(fitted, survivors, atol=20)


def histories() -> Summary:
    return Summary.of([0, 1, 2, 7, 20], [0, 10, 30, 39, 35], [39, 39, 35, 40, 39])


def test_bg_nbd_expectation_is_the_papers_hypergeometric() -> None:
    """Eq. (10), where the hypergeometric behaves."""
    model, past, t = BgNbd(0.243, 4.414, 0.793, 2.426), histories(), 39.0
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x, T = past.frequency, past.age
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    inner = 1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * series
    expected = (a + b + x - 1) / (a - 1) * inner * model.probability_alive(past)
    np.testing.assert_allclose(model.expected_purchases(past, t), expected, rtol=1e-10)


@pytest.mark.parametrize("alpha", [4.0, 11.0, 30.0])
def test_pareto_nbd_likelihood_is_the_papers_hypergeometric(alpha: float) -> None:
    """Eqs. (18)-(20): whether alpha or beta is the larger."""
    r, s, beta = 0.553, 0.606, 11.0 + 1e-9
    past = histories()
    x, t_x, T = past.frequency, past.recency, past.age
    smaller, larger = sorted((alpha, beta))
    second = s + 1 if alpha >= beta else r + x
    total = r + s + x

    def integral(t: np.ndarray) -> np.ndarray:
        z = (larger - smaller) / (larger + t)
        return np.asarray(hyp2f1(total, second, total + 1, z) / (larger + t) ** total)

    gone = s / total * (integral(t_x) - integral(T))
    alive = (alpha + T) ** -(r + x) * (beta + T) ** -s
    rising = np.array([np.prod(r + np.arange(count)) for count in x])
    likelihood = rising * alpha**r * beta**s * (alive + gone)
    model = ParetoNbd(r, alpha, s, beta)
    np.testing.assert_allclose(model.log_likelihood(past), np.log(likelihood), rtol=1e-9)
    np.testing.assert_allclose(
        model.probability_alive(past), alive / (alive + gone), rtol=1e-7, atol=1e-12
    )


def test_pareto_nbd_for_ever_is_the_papers_confluent_hypergeometric() -> None:
    """Fader, Hardie & Lee 2005 (RFM and CLV), eq. (2)."""
    model, past, rate = ParetoNbd(0.553, 10.578, 0.606, 11.669), histories(), 0.0027
    closed = (model.r + past.frequency) / (model.alpha + past.age)
    aged = model.beta + past.age
    closed *= aged**model.s * rate ** (model.s - 1) * hyperu(model.s, model.s, rate * aged)
    expected = model.probability_alive(past) * closed
    actual = model.discounted_purchases(past, np.inf, rate)
    np.testing.assert_allclose(actual, expected, rtol=1e-8)


def test_sbg_lifetime_is_the_papers_hypergeometric() -> None:
    model, taken, rate = ShiftedBetaGeometric(0.668, 3.806), np.arange(6.0), 0.1
    a, b = model.alpha, model.beta
    closed = (b + taken) / (a + b + taken) / (1 + rate)
    closed *= hyp2f1(1, b + taken + 1, a + b + taken + 1, 1 / (1 + rate))
    np.testing.assert_allclose(model.discounted_lifetime(taken, rate), closed, rtol=1e-10)
    np.testing.assert_allclose(model.expected_renewals(taken, 400, rate), closed, rtol=1e-10)


def test_bg_bb_expectation_is_the_papers() -> None:
    """Eq. (13), and eq. (14) as the limit of its discounted sums."""
    model = BgBb(1.204, 0.750, 0.657, 2.783)
    frequency, recency, donors = DONATIONS.T
    past = Summary(frequency, recency, np.full(22, 6.0), donors)
    a, b, g, d = model.alpha, model.beta, model.gamma, model.delta

    def stays(years: float) -> float:
        """Gamma(1 + delta + years) / Gamma(gamma + delta + years), relative to six years."""
        steps = np.arange(6, years)
        return float(np.prod((1 + d + steps) / (g + d + steps)))

    taken = (a + frequency) / (a + b + 6) * (d + 6) / (g - 1)
    ratio = (1 + d + 6 - 1) / (d + 6)  # Gamma's own step between (1 + delta + 6) and B's
    expected = model.probability_alive(past) * taken * ratio * (stays(6) - stays(11))
    actual = model.expected_purchases(past, 5)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
    for_ever = model.discounted_purchases(past, np.inf, 0.1)
    np.testing.assert_allclose(for_ever, model.discounted_purchases(past, 400, 0.1), rtol=1e-9)
