"""Amounts at the levels that windows turned out to have, and their quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from models.churn_value.amount import Described
from models.churn_value.amount_level import at_own_levels


def test_at_their_own_levels_totals_are_what_each_window_brought() -> None:
    random = np.random.default_rng(0)
    days = np.repeat([20_000, 20_030, 20_060], 200)
    spread = np.linspace(0.3, 1.5, 600)
    amount = Described(np.exp(3.0 + random.normal(size=600)), spread, np.linspace(-2.0, 3.0, 99))
    bought = np.arange(600) % 3 > 0
    margin = np.where(bought, 7.0 * amount.centre * (1 + (days - 20_000) / 30), 0.0)
    own = at_own_levels(amount, margin, days, bought)
    for day in np.unique(days):
        here = bought & (days == day)
        assert own.rows(here).mean().sum() == pytest.approx(margin[here].sum())
        assert np.ptp((own.centre / amount.centre)[days == day]) < 1e-9
    np.testing.assert_allclose(own.scale, amount.scale)


def test_a_window_that_brought_nothing_keeps_the_forecast_level() -> None:
    amount = Described(np.full(4, 10.0), np.ones(4), np.zeros(99))
    days = np.array([20_000, 20_000, 20_030, 20_030])
    margin, bought = np.array([0.0, -5.0, 40.0, 0.0]), np.array([False, True, True, False])
    np.testing.assert_allclose(
        at_own_levels(amount, margin, days, bought).centre, [10.0, 10.0, 40.0, 40.0]
    )


def test_quantiles_and_ranks_undo_each_other() -> None:
    amount = Described(np.full(9, 20.0), np.linspace(0.2, 2.0, 9), np.linspace(-2.0, 3.0, 99))
    ranks = np.linspace(0.05, 0.95, 9)
    np.testing.assert_allclose(amount.rank(amount.quantile(ranks)), ranks)
    np.testing.assert_allclose(amount.times(2.0).quantile(ranks), 2.0 * amount.quantile(ranks))
