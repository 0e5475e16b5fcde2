"""Rolling-origin windows: no training outcome may reach past the test cutoff."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TrainingError
from features.labels import HORIZONS_DAYS
from training.windows import Windows, plan_windows, teachable_horizon_days

FIRST = date(2024, 1, 1)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Windows, date, int]:
    """Any plan that a history allows, with its first day and warm-up."""
    horizon, step = draw(st.integers(1, 400)), draw(st.integers(1, 120))
    warm_up, spare = draw(st.integers(0, 400)), draw(st.integers(0, 900))
    first = draw(st.dates(date(1990, 1, 1), date(2050, 1, 1)))
    as_of = first + timedelta(days=warm_up + 2 * horizon + step + spare)
    return (
        plan_windows(first, as_of, horizon, step_days=step, warm_up_days=warm_up),
        first,
        warm_up,
    )


@given(plans())
def test_no_training_outcome_reaches_past_the_test_cutoff(
    plan: tuple[Windows, date, int],
) -> None:
    windows, _, _ = plan
    horizon = timedelta(days=windows.horizon_days)
    assert all(cutoff + horizon <= windows.test for cutoff in windows.train)


@given(plans())
def test_no_outcome_of_any_kind_reaches_past_as_of(plan: tuple[Windows, date, int]) -> None:
    windows, _, _ = plan
    horizon = timedelta(days=windows.horizon_days)
    assert all(cutoff + horizon <= windows.as_of for cutoff in windows.all_cutoffs)
    assert windows.test + horizon == windows.as_of


@given(plans())
def test_every_cutoff_has_its_warm_up_behind_it(plan: tuple[Windows, date, int]) -> None:
    windows, first, warm_up = plan
    assert min(windows.all_cutoffs) >= first + timedelta(days=warm_up)


@given(plans())
def test_there_are_at_least_two_cutoffs_to_learn_from(plan: tuple[Windows, date, int]) -> None:
    windows, _, _ = plan
    assert len(windows.train) >= 2
    assert list(windows.train) == sorted(set(windows.train))
    assert set(windows.train) | set(windows.final) | {windows.test} == set(windows.all_cutoffs)


@given(plans())
def test_the_served_model_learns_from_the_test_window_too(plan: tuple[Windows, date, int]) -> None:
    windows, _, _ = plan
    assert windows.final[-1] == windows.test
    assert len(windows.final) >= len(windows.train)


@given(st.integers(1, 200), st.integers(1, 90), st.integers(0, 365), st.integers(1, 500))
def test_too_short_a_history_names_the_days_that_are_needed(
    horizon: int, step: int, warm_up: int, short: int
) -> None:
    needed = warm_up + 2 * horizon + step
    arguments = {"step_days": step, "warm_up_days": warm_up}
    enough = FIRST + timedelta(days=needed)
    assert len(plan_windows(FIRST, enough, horizon, **arguments).train) == 2
    with pytest.raises(TrainingError, match=f": {needed} are needed") as raised:
        plan_windows(FIRST, enough - timedelta(days=short), horizon, **arguments)
    assert "training.horizon_days" in raised.value.remedy


@given(st.integers(0, 3_000), st.integers(1, 1_000))
def test_a_teachable_horizon_has_its_look_back_and_twice_itself(
    history: int, lookback: int
) -> None:
    horizon = teachable_horizon_days(history, lookback)
    fitting = [days for days in HORIZONS_DAYS if lookback + 2 * days <= history]
    assert horizon == max(fitting, default=HORIZONS_DAYS[0])


@given(plans())
def test_unfinished_cutoffs_know_their_shortest_horizon(plan: tuple[Windows, date, int]) -> None:
    """By the test cutoff those before it, by ``as_of`` the others; and no step is left out."""
    windows, _, _ = plan
    shortest, step = min(30, windows.horizon_days), timedelta(days=windows.step_days)
    known = timedelta(days=shortest)
    wanted = set(windows.all_cutoffs)
    for latest, end in ((windows.train[-1], windows.test), (windows.test, windows.as_of)):
        while (latest := latest + step) + known <= end:
            wanted.add(latest)
    assert windows.with_unfinished(shortest) == tuple(sorted(wanted))
