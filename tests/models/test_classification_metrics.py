"""Churn metrics beside naive definitions and closed forms."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics.classification import (
    calibration_bins,
    churn_scorecard,
    expected_calibration_error,
    order_scorer,
    rank_auc,
    roc_auc,
)
from models.metrics.order import of_the_sample

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=80)
TIED_ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.1, 0.5, 0.9])),
    min_size=1,
    max_size=60,
)


def columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    outcomes, scores = np.array(rows).T
    return outcomes, scores


def ranked(outcomes: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the metrics of the rows in the order of their scores."""
    return of_the_sample(order_scorer(outcomes, scores), len(outcomes))


def naive_expected_capture(outcomes: np.ndarray, scores: np.ndarray, top: int) -> float:
    """Fill the top score by score; of equals that do not all fit, take an even share."""
    captured, left = 0.0, top
    for score in sorted(set(scores.tolist()), reverse=True):
        group = outcomes[scores == score]
        taken = min(left, len(group))
        captured += group.sum() * taken / len(group)
        left -= taken
    return captured


@given(TIED_ROWS)
def test_capture_and_lift_are_their_definitions(rows: list[tuple[float, float]]) -> None:
    outcomes, scores = columns(rows)
    top = max(1, round(0.1 * len(rows)))
    captured = naive_expected_capture(outcomes, scores, top)
    total = outcomes.sum()
    wanted = captured / total if total else 0.0
    card = ranked(outcomes, scores)
    assert card["capture_at_10pct"] == pytest.approx(wanted)
    wanted_lift = captured / top / outcomes.mean() if total else 0.0
    assert card["lift_at_10pct"] == pytest.approx(wanted_lift)


@given(ROWS, st.randoms())
def test_no_metric_depends_on_the_order_of_rows(
    rows: list[tuple[float, float]], random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    card, again = ranked(*columns(rows)), ranked(*columns(shuffled))
    assert again == pytest.approx(card, abs=1e-12, nan_ok=True)


@given(ROWS)
def test_calibration_error_is_its_definition_where_scores_differ(
    rows: list[tuple[float, float]],
) -> None:
    distinct = list({score: (outcome, score) for outcome, score in rows}.values())
    outcomes, scores = columns(sorted(distinct, key=lambda row: row[1]))
    naive = 0.0
    for part in np.array_split(np.arange(len(scores)), 10):
        if len(part):
            gap = abs(scores[part].mean() - outcomes[part].mean())
            naive += gap * len(part) / len(scores)
    assert expected_calibration_error(outcomes, scores) == pytest.approx(naive)


def test_one_score_for_all_misses_by_the_gap_of_the_means_alone() -> None:
    outcomes = np.array([1.0, 0.0, 0.0, 0.0] * 25)
    assert expected_calibration_error(outcomes, np.full(100, 0.25)) == pytest.approx(0.0)
    assert expected_calibration_error(outcomes, np.full(100, 0.45)) == pytest.approx(0.2)
    card = ranked(outcomes, np.full(100, 0.25))
    assert card["lift_at_10pct"] == pytest.approx(1.0)
    assert card["capture_at_10pct"] == pytest.approx(0.1)


def test_bins_are_equally_filled_and_cover_everyone() -> None:
    scores = np.linspace(0, 1, 105)
    predicted, observed, share = calibration_bins((scores > 0.5).astype(float), scores)
    assert share.sum() == pytest.approx(1.0)
    assert np.ptp(share) <= 1 / 105 + 1e-12
    assert (np.diff(predicted) > 0).all()
    assert observed[0] == 0.0
    assert observed[-1] == 1.0


def test_fewer_rows_than_bins_leave_no_empty_bin() -> None:
    predicted, _, share = calibration_bins(np.array([0.0, 1.0]), np.array([0.2, 0.8]))
    assert predicted.tolist() == [0.2, 0.8]
    assert share.tolist() == [0.5, 0.5]


def test_a_perfect_ranking_lifts_and_captures_all_it_can() -> None:
    outcomes = np.repeat([1.0, 0.0], [20, 80])
    card = ranked(outcomes, outcomes)
    assert card["lift_at_10pct"] == pytest.approx(5.0)
    assert card["capture_at_10pct"] == pytest.approx(0.5)
    assert ranked(outcomes, -outcomes)["capture_at_10pct"] == 0.0


def test_nobody_churned_is_no_lift_and_no_error() -> None:
    card = ranked(np.zeros(5), np.linspace(0, 1, 5))
    assert card["lift_at_10pct"] == 0.0
    assert card["capture_at_10pct"] == 0.0


def test_one_outcome_alone_is_ranked_as_by_chance_or_not_at_all() -> None:
    scores = np.linspace(0, 1, 5)
    for outcomes in (np.zeros(5), np.ones(5)):
        assert roc_auc(outcomes, scores) == 0.5
        assert np.isnan(rank_auc(outcomes, scores))
    assert roc_auc(np.array([0.0, 0.0, 1.0]), np.array([1.0, 2.0, 2.0])) == 0.75


def test_the_scorecard_against_closed_forms() -> None:
    outcomes, says = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])
    card = churn_scorecard(outcomes, says)
    assert card["roc_auc"] == pytest.approx(3 / 4)  # one of four pairs is the wrong way round
    assert card["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    chances = np.where(outcomes == 1, says, 1 - says)
    assert card["log_loss"] == pytest.approx(-np.log(chances).mean())
    assert card["brier"] == pytest.approx(((says - outcomes) ** 2).mean())


def test_certainty_that_was_wrong_costs_much_but_not_everything() -> None:
    card = churn_scorecard(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert card["log_loss"] == pytest.approx(-np.log(1e-6), rel=1e-6)
