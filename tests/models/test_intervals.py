"""Intervals of a value that is often nothing: they hold what they promise, whoever is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.churn_value.intervals import (
    COVERAGE,
    conformal_confidence,
    needed_confidence,
    newcomers,
    tails,
)

SHARES = st.floats(0.0, 1.0)
NO_LOSS = np.zeros(1, dtype=bool)


def holds(p_none: float, rank: float, confidence: float) -> bool:
    """Whether the interval of a confidence holds an outcome of this rank; 0 is nothing bought."""
    below, above = tails(np.array([p_none]), np.array([confidence]))
    if rank == 0.0:
        return bool(below[0] <= p_none)
    return bool(below[0] <= rank <= 1.0 - above[0])


@given(SHARES, st.floats(0.5, 0.999))
def test_the_tails_leave_out_just_what_the_confidence_says(
    p_none: float, confidence: float
) -> None:
    below, above = tails(np.array([p_none]), np.array([confidence]))
    assert below[0] + above[0] == pytest.approx(1.0 - confidence)
    assert below[0] in {0.0, (1.0 - confidence) / 2.0}


@given(st.floats(0.0, 0.999), SHARES, st.floats(0.0, 0.9))
def test_more_than_the_needed_confidence_holds_the_outcome_and_less_does_not(
    p_none: float, place: float, more: float
) -> None:
    rank = p_none + (1.0 - p_none) * (0.001 + 0.998 * place)
    needed = float(needed_confidence(np.array([p_none]), np.array([rank]), NO_LOSS)[0])
    assert 0.0 <= needed <= 1.0
    assert holds(p_none, rank, min(needed + more * (1.0 - needed) + 1e-9, 1.0))
    less, switch = needed - 1e-6, 1.0 - 2.0 * p_none
    if less > 0 and not less <= switch <= needed:
        assert not holds(p_none, rank, less)


@given(st.floats(0.0, 0.999), st.floats(1e-6, 0.5))
def test_nothing_bought_is_held_once_zero_is_in(p_none: float, more: float) -> None:
    needed = float(needed_confidence(np.array([p_none]), np.zeros(1), NO_LOSS)[0])
    assert holds(p_none, 0.0, min(needed + more, 1.0))
    if needed > 1e-6:
        assert not holds(p_none, 0.0, needed - 1e-6)


@pytest.mark.parametrize("overconfident", [1.0, 0.6])
def test_coverage_is_kept_even_when_the_distribution_is_too_narrow(overconfident: float) -> None:
    """Ranks of a distribution that is too narrow crowd at the ends; conformal widens it."""
    random = np.random.default_rng(0)
    p_none = random.uniform(0.0, 0.8, 20_000)
    bought = random.random(20_000) > p_none
    ends = random.beta(overconfident, overconfident, 20_000)
    rank = np.where(bought, p_none + (1.0 - p_none) * ends, 0.0)
    past, later = slice(None, 10_000), slice(10_000, None)
    none_lost = np.zeros(10_000, dtype=bool)
    confidence = conformal_confidence(needed_confidence(p_none[past], rank[past], none_lost))
    needed = needed_confidence(p_none[later], rank[later], none_lost)
    assert (needed <= confidence).mean() == pytest.approx(COVERAGE, abs=0.012)


def test_too_few_outcomes_leave_the_confidence_as_it_is() -> None:
    assert conformal_confidence(np.zeros(49)) == COVERAGE
    assert conformal_confidence(np.zeros(50)) < COVERAGE


def test_the_outcome_that_is_yet_to_come_counts_among_them() -> None:
    """Of 99 and one more, 90 are covered by the 90th: not by the 89th."""
    needed = np.linspace(0.505, 0.995, 99)
    assert conformal_confidence(needed[::-1], 0.9) == needed[89]
    assert conformal_confidence(needed, 0.901) == needed[90]


def test_no_interval_is_a_point_or_everything() -> None:
    assert conformal_confidence(np.zeros(100)) == 0.5
    assert conformal_confidence(np.ones(100)) == 0.999


def test_no_interval_holds_a_loss_so_others_make_up_for_it() -> None:
    p_none, rank = np.full(200, 0.5), np.linspace(0.5, 1.0, 202)[1:-1]
    lost = np.arange(200) < 10
    needed = needed_confidence(p_none, rank, lost)
    assert (needed[lost] == 1.0).all()
    among_all = conformal_confidence(needed)
    assert (needed <= among_all).mean() == pytest.approx(COVERAGE, abs=0.01)
    assert among_all > conformal_confidence(needed[~lost])


def test_newcomers_have_one_order_or_none_that_is_known() -> None:
    orders = pd.DataFrame({"orders_lifetime": [0.0, 1.0, 2.0, np.nan, 9.0]})
    assert newcomers(orders).tolist() == [True, True, False, True, False]
    assert newcomers(orders.rename(columns={"orders_lifetime": "visits"})).tolist() == [False] * 5
