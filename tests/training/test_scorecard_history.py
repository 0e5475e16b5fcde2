"""Order days into tracking, survival, cohorts and matrices: by hand, and against the labels."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.labels import build_labels
from features.rollup import DAY, to_epoch_day
from features.vocabulary import Columns as C
from models.btyd.bg_nbd import BgNbd
from models.btyd.summary import Summary
from training.scorecard.history import (
    cohort_retention,
    observe_survival,
    purchase_matrices,
    read_order_days,
    track_orders,
    week_ends,
)
from training.task import TrainingTask

CUTOFF = date(2026, 3, 1)


def ordered(*rows: tuple[str, date]) -> pd.DataFrame:
    return pd.DataFrame(
        [(customer, to_epoch_day(day)) for customer, day in rows], columns=[C.CUSTOMER_ID, DAY]
    )


def after(days: int) -> date:
    return CUTOFF + timedelta(days=days)


ORDERS = ordered(
    ("ann", after(-40)), ("ann", after(0)), ("ann", after(9)), ("bob", after(-5)),
    ("bob", after(13)), ("cat", after(-9)), ("eve", after(1)),
)  # fmt: skip
TESTED = ["bob", "ann", "cat"]  # eve was not a customer yet


def test_orders_are_counted_up_to_the_end_of_each_week() -> None:
    seen = track_orders(ORDERS, TESTED, CUTOFF, week_ends(14), {"model": np.ones(2)})
    np.testing.assert_array_equal(seen.days, [7, 14])
    np.testing.assert_array_equal(seen.actual, [1, 3])


@pytest.mark.parametrize(
    ("horizon", "ends"), [(14, [7, 14]), (10, [7, 10]), (5, [5]), (90, [*range(7, 90, 7), 90])]
)
def test_the_last_week_may_be_short(horizon: int, ends: list[int]) -> None:
    assert week_ends(horizon).tolist() == ends


def test_durations_run_to_the_first_order_or_the_horizon() -> None:
    """An order on the cutoff's own day took one day; bob's came after the horizon."""
    seen = observe_survival(ORDERS, TESTED, CUTOFF, 10, week_ends(10), {})
    np.testing.assert_array_equal(seen.duration_days, [10, 1, 10])
    np.testing.assert_array_equal(seen.ordered, [False, True, False])


def test_cohorts_by_hand() -> None:
    """Two began in January, one in February; March is not over."""
    orders = ordered(
        ("ann", date(2026, 1, 5)), ("ann", date(2026, 1, 9)), ("ann", date(2026, 2, 5)),
        ("bob", date(2026, 1, 7)), ("cat", date(2026, 2, 1)), ("cat", date(2026, 3, 1)),
    )  # fmt: skip
    shares = cohort_retention(orders, date(2026, 3, 15))
    assert list(shares.index) == ["2026-01", "2026-02"]
    np.testing.assert_array_equal(shares.to_numpy(), [[1.0, 0.5], [1.0, np.nan]])


def test_a_first_month_that_is_not_over_has_no_cohort() -> None:
    assert cohort_retention(ordered(("ann", date(2026, 3, 2))), date(2026, 3, 15)).empty


def test_matrices_are_what_the_model_says() -> None:
    model = BgNbd(0.24, 4.4, 0.8, 2.4)
    grid = purchase_matrices(model, 365.0, 90.0, most_orders=4)
    assert grid.p_alive.shape == grid.expected_orders.shape == (5, len(grid.recency_days))
    asked = Summary.of([3.0], [grid.recency_days[20]], [365.0])
    assert grid.p_alive[3, 20] == pytest.approx(model.probability_alive(asked)[0])
    assert grid.expected_orders[3, 20] == pytest.approx(model.expected_purchases(asked, 90.0)[0])
    # Without a repeat order there is no later day of one.
    assert np.isfinite(grid.p_alive[0, 0])
    assert np.isnan(grid.p_alive[0, 1:]).all()


def test_who_does_not_order_in_the_horizon_is_whom_the_labels_call_churned(
    task: TrainingTask,
) -> None:
    horizon = 60
    cutoff = task.prepared.today - timedelta(days=horizon)
    labels = build_labels(
        task.engine, task.prepared.rollups, [cutoff], horizon,
        lookback_days=365, yearly_discount_rate=0.1,
    )  # fmt: skip
    orders = read_order_days(task.engine, task.prepared.rollups, task.prepared.today)
    assert not orders.duplicated().any()
    seen = observe_survival(orders, labels[C.CUSTOMER_ID].tolist(), cutoff, horizon, np.ones(1), {})
    np.testing.assert_array_equal(~seen.ordered, labels["churned"].to_numpy(dtype=bool))
