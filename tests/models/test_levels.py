"""The level of the next window: seasons return, shops drift, and a steady shop stays put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.churn_value.amount_level import AmountLevel
from models.churn_value.levels import LevelForecast

HORIZONS = (30, 60, 90)
QUIET = 0.03


def known(windows: np.ndarray, levels: np.ndarray) -> LevelForecast:
    return LevelForecast.fit(windows, HORIZONS, levels, np.full(levels.shape, QUIET))


def wave(windows: np.ndarray, drift: float = 0.0) -> np.ndarray:
    """A yearly wave of days, as windows see it, and a drift per year."""
    swing = [
        [np.sin(2 * np.pi * np.arange(day, day + days) / 365.25).mean() for days in HORIZONS]
        for day in windows
    ]
    moved = drift * (windows - WINDOWS[0]) / 365.25
    levels: np.ndarray = np.array(swing) + moved[:, None] + np.array([1.0, 0.5, 0.0])
    return levels


WINDOWS = np.arange(20_000, 20_600, 30)


def test_a_season_seen_a_year_ago_returns() -> None:
    predicted, deviation = known(WINDOWS, wave(WINDOWS)).predict(20_660, HORIZONS)
    np.testing.assert_allclose(predicted, wave(np.array([20_660]))[0], atol=0.2)
    assert (deviation < 0.5).all()


def test_last_years_season_is_moved_by_what_changed_since() -> None:
    moved = known(WINDOWS, wave(WINDOWS, drift=0.6))
    truth = wave(np.append(WINDOWS, 20_660), drift=0.6)[-1]
    np.testing.assert_allclose(moved.predict(20_660, HORIZONS)[0], truth, atol=0.3)


def test_a_peak_belongs_to_its_days_and_does_not_move_the_windows_after_it() -> None:
    earlier, ahead = WINDOWS[:13], int(WINDOWS[13])
    starts, ends = earlier[:, None], earlier[:, None] + np.array(HORIZONS)
    peak_days = np.zeros(ends.shape)
    for peak in (ahead - 30, ahead - 395):
        peak_days += np.clip(np.minimum(ends, peak + 30) - np.maximum(starts, peak), 0, None)
    levels = 1.0 - 0.6 * peak_days / np.array(HORIZONS)
    deviations = np.where(ends <= ahead, QUIET, np.inf)
    latest = levels[-1, 0], levels[-2, 1], levels[-3, 2]
    np.testing.assert_allclose(latest, [0.4, 0.7, 0.8])
    predicted, _ = LevelForecast.fit(earlier, HORIZONS, levels, deviations).predict(ahead, HORIZONS)
    # Seasons are smooth: the days just after a peak that ends at once are thought to feel it still.
    np.testing.assert_allclose(predicted, 1.0, atol=0.25)
    assert (predicted[1:] > 0.85).all()


def test_the_latest_level_is_carried_on_and_not_the_trend() -> None:
    rising = 0.3 * np.arange(8)[:, None] + np.zeros(3)
    predicted, _ = known(WINDOWS[:8], rising).predict(int(WINDOWS[11]), HORIZONS)
    assert (predicted < rising[-1] + 0.1).all()
    assert (predicted > rising.mean(axis=0)).all()


def test_a_steady_shop_is_given_its_mean_and_not_its_noise() -> None:
    random = np.random.default_rng(0)
    levels = 0.4 + random.normal(0, 0.08, (len(WINDOWS), 3))
    forecast = LevelForecast.fit(WINDOWS, HORIZONS, levels, np.full(levels.shape, 0.08))
    predicted, _ = forecast.predict(20_660, HORIZONS)
    np.testing.assert_allclose(predicted, 0.4, atol=0.08)


def test_one_window_is_repeated_and_none_is_zero() -> None:
    one = known(np.array([20_000]), np.array([[0.7, 0.2, -0.1]]))
    np.testing.assert_allclose(one.predict(20_090, HORIZONS)[0], [0.7, 0.2, -0.1], atol=0.05)
    assert (LevelForecast((), (), (), ()).predict(20_000, HORIZONS)[0] == 0).all()


def test_unknown_levels_are_left_out() -> None:
    levels, deviations = np.array([[0.3, 0.1, 99.0]]), np.array([[0.05, 0.05, np.inf]])
    predicted, _ = LevelForecast.fit(np.array([20_000]), HORIZONS, levels, deviations).predict(
        20_030, HORIZONS
    )
    assert np.abs(predicted).max() < 1.0


def test_one_buyer_does_not_make_the_level_of_a_window() -> None:
    days = np.repeat([20_000, 20_030], [50, 1])
    margin = np.append(np.linspace(5.0, 15.0, 50), 300.0)
    level = AmountLevel.fit(np.full(51, 10.0), margin, days, 90, 365.0)
    assert level.swing.days == (20_000,)


def test_the_farther_ahead_the_less_sure() -> None:
    forecast = known(WINDOWS, wave(WINDOWS, drift=0.6))
    near, far = (forecast.predict(day, HORIZONS)[1] for day in (20_600, 23_000))
    assert (far > near).all()


def test_json_brings_the_same_forecast_back() -> None:
    forecast = known(WINDOWS, wave(WINDOWS))
    again = LevelForecast.from_json(
        {name: list(v) if isinstance(v, tuple) else v for name, v in forecast.to_json().items()}
    )
    assert again == forecast
    assert again.predict(20_660, HORIZONS)[0] == pytest.approx(
        forecast.predict(20_660, HORIZONS)[0], rel=0, abs=0
    )


ALONE = LevelForecast((20_000,), (30,), (0.8,), (QUIET,), drift=0.3, season=0.4)
NOTHING = replace(ALONE, days=(), horizons_days=(), levels=(), deviations=())
FOUR_YEARS = 1461


def test_before_anything_is_known_drifts_and_seasons_are_doubts_that_add_up() -> None:
    calm = NOTHING.predict(20_000, HORIZONS)[1]
    drifting = replace(NOTHING, drift=1.0).predict(20_000, HORIZONS)[1]
    np.testing.assert_allclose(drifting**2 - calm**2, 1.0**2 - 0.3**2)
    assert (replace(NOTHING, season=0.7).predict(20_000, HORIZONS)[1] > calm).all()


def test_a_known_level_is_repeated_on_its_day_nearly_without_doubt() -> None:
    predicted, doubt = ALONE.predict(20_000, (30,))
    assert predicted[0] == pytest.approx(0.8, abs=0.01)
    assert 0 < doubt[0] < 0.15


@pytest.mark.parametrize("days", [0, 25, 100, 182])
def test_a_season_is_the_same_every_year_and_on_either_side_of_its_day(days: int) -> None:
    steady = replace(ALONE, drift=0.0)
    near = steady.predict(20_000 + days, (30,))
    for day in (20_000 - days, 20_000 + FOUR_YEARS + days, 20_000 - FOUR_YEARS - days):
        np.testing.assert_allclose(steady.predict(day, (30,)), near, rtol=1e-9)


def test_a_season_is_over_after_a_few_months() -> None:
    swing = replace(ALONE, drift=0.0, season=3.0)
    at_once, later = (swing.predict(20_000 + days, (60,))[0][0] for days in (0, 120))
    assert at_once > 0.3
    assert abs(later) < 1e-3


def test_levels_of_one_horizon_say_little_of_another_and_least_of_a_far_one() -> None:
    predicted = ALONE.predict(20_000, (30, 60, 3_000))[0]
    assert predicted[0] > 5 * predicted[1] > 5 * predicted[2] > 0


def noise_of(deviation: float) -> float:
    """The variance about its level of a value so well known: read off the likelihood of zero."""
    at_zero = replace(ALONE, levels=(0.0,), deviations=(deviation,))
    return float(np.exp(-2 * at_zero.log_likelihood()) - NOTHING.predict(20_000, (30,))[1][0] ** 2)


def test_a_value_is_as_noisy_as_its_standard_error_says() -> None:
    assert noise_of(0.5) - noise_of(0.2) == pytest.approx(0.5**2 - 0.2**2)
    assert noise_of(0.0) > 0


@pytest.mark.parametrize("second", [0.8, -1.5])
def test_the_likelihood_of_two_levels_is_that_of_one_and_of_the_other_given_it(
    second: float,
) -> None:
    both = replace(
        ALONE,
        days=(20_000, 20_010),
        horizons_days=(30, 60),
        levels=(0.8, second),
        deviations=(QUIET, 0.2),
    )
    predicted, doubt = ALONE.predict(20_010, (60,))
    variance = doubt[0] ** 2 + noise_of(0.2)
    given_it = -0.5 * (second - predicted[0]) ** 2 / variance - 0.5 * np.log(variance)
    assert both.log_likelihood() - ALONE.log_likelihood() == pytest.approx(given_it)


def test_where_a_season_is_in_doubt_the_strongest_that_may_be_is_believed() -> None:
    """One year of mild swings: chance, or a season."""
    random = np.random.default_rng(3)
    windows = WINDOWS[:8]
    levels = 0.3 + random.normal(0, 0.1, (len(windows), 3))
    fit = [
        LevelForecast.fit(windows, HORIZONS, levels, np.full(levels.shape, 0.1), doubt=doubt)
        for doubt in (0.0, 2.0, 1e9)
    ]
    assert fit[0].season <= fit[1].season <= fit[2].season
    assert fit[0].season < fit[2].season
    assert fit[0].log_likelihood() - fit[1].log_likelihood() <= 2.0
