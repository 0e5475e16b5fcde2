"""Expected maximum profit beside brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import beta

from models.metrics.classification import churn_scorecard
from models.metrics.profit import (
    PUBLISHED_CAMPAIGN,
    Campaign,
    expected_maximum_profit,
    profit_curve,
)

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from(np.linspace(0, 1, 8).tolist())),
    min_size=1,
    max_size=40,
)


def columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    outcomes, scores = np.array(rows).T
    return outcomes, scores


def brute_force(outcomes: np.ndarray, scores: np.ndarray, campaign: Campaign) -> float:
    """Try every cut-off at each of many gammas, and average over the beta distribution."""
    steps = np.linspace(0, 1, 4_001)
    middles = (steps[1:] + steps[:-1]) / 2
    weights = np.diff(betainc(campaign.acceptance_alpha, campaign.acceptance_beta, steps))
    best = np.zeros_like(middles)
    for cut in set(scores.tolist()):
        chosen = scores >= cut
        churners, others = outcomes[chosen].sum(), (1 - outcomes[chosen]).sum()
        profit = (
            middles * (campaign.clv - campaign.incentive) * churners
            - campaign.incentive * others
            - campaign.contact_cost * (churners + others)
        )
        best = np.maximum(best, profit / len(scores))
    return float(weights @ best)


@given(ROWS, st.sampled_from([PUBLISHED_CAMPAIGN, Campaign(60, 15, 3, 2, 5)]))
@settings(max_examples=60, deadline=None)
def test_the_exact_integral_is_brute_force_s(
    rows: list[tuple[float, float]], campaign: Campaign
) -> None:
    outcomes, scores = columns(rows)
    found, share = expected_maximum_profit(outcomes, scores, campaign)
    assert found == pytest.approx(brute_force(outcomes, scores, campaign), abs=1e-3)
    assert 0 <= share <= 1


@given(ROWS, st.sampled_from([PUBLISHED_CAMPAIGN, Campaign(60, 15, 3, 2, 5)]))
@settings(max_examples=60, deadline=None)
def test_the_scorecard_s_figure_is_the_same(
    rows: list[tuple[float, float]], campaign: Campaign
) -> None:
    outcomes, scores = columns(rows)
    figure = churn_scorecard(outcomes, scores, campaign)["expected_maximum_profit"]
    assert figure == pytest.approx(expected_maximum_profit(outcomes, scores, campaign)[0])


@given(ROWS)
@settings(deadline=None)
def test_knowing_gamma_is_worth_something(rows: list[tuple[float, float]]) -> None:
    """The mean of the best profits is at least the best of the mean profits."""
    outcomes, scores = columns(rows)
    _, profit = profit_curve(outcomes, scores)
    assert expected_maximum_profit(outcomes, scores)[0] >= profit.max() - 1e-9


def test_a_perfect_ranking_contacts_those_who_leave() -> None:
    """From the gamma on at which the incentive and the contact are earned back: 1 / 190."""
    outcomes = np.repeat([1.0, 0.0], [20, 80])
    found, share = expected_maximum_profit(outcomes, outcomes)
    pays_from = 1 / 190
    alive = beta(6, 14).expect(lambda gamma: 190 * gamma - 1, lb=pays_from)
    assert found == pytest.approx(0.2 * alive, rel=1e-6)
    assert share == pytest.approx(0.2 * beta(6, 14).sf(pays_from))


def test_one_score_for_all_contacts_everybody_or_nobody() -> None:
    outcomes = np.repeat([1.0, 0.0], [20, 80])
    found, share = expected_maximum_profit(outcomes, np.zeros(100))
    pays_from = (1 + 0.8 * 10) / (0.2 * 190)
    wanted = beta(6, 14).expect(lambda g: 0.2 * 190 * g - 9, lb=pays_from)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert share == pytest.approx(beta(6, 14).sf(pays_from))


def test_only_the_order_of_scores_counts() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(300)
    outcomes = (rng.random(300) < scores).astype(np.float64)
    assert expected_maximum_profit(outcomes, scores) == expected_maximum_profit(
        outcomes, np.log(scores)
    )


def test_profit_is_in_the_money_of_the_campaign() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(300)
    outcomes = (rng.random(300) < scores).astype(np.float64)
    once, _ = expected_maximum_profit(outcomes, scores, Campaign(200, 10, 1))
    thrice, _ = expected_maximum_profit(outcomes, scores, Campaign(600, 30, 3))
    assert thrice == pytest.approx(3 * once)


def test_a_campaign_that_cannot_pay_is_not_run() -> None:
    outcomes = np.array([1.0, 0.0])
    assert expected_maximum_profit(outcomes, outcomes, Campaign(clv=5, incentive=10)) == (0.0, 0.0)
    assert expected_maximum_profit(np.zeros(3), np.arange(3.0)) == (0.0, 0.0)


def test_the_curve_runs_from_nobody_to_everybody() -> None:
    outcomes, scores = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.1, 0.8, 0.1])
    share, profit = profit_curve(outcomes, scores)
    np.testing.assert_allclose(share, [0, 0.25, 0.5, 1.0])
    gained = 0.3 * 190 - 1
    np.testing.assert_allclose(profit * 4, [0, gained, 2 * gained, 2 * gained - 2 * 11])
