"""The level of the next window: seasons return, shops drift, and a steady shop stays put."""

from __future__ import annotations

import numpy as np
import pytest

from models.churn_value.levels import LevelForecast

HORIZONS = (30, 60, 90)
QUIET = 0.03


def known(windows: np.ndarray, levels: np.ndarray) -> LevelForecast:
    return LevelForecast.fit(windows, HORIZONS, levels, np.full(levels.shape, QUIET))


def wave(windows: np.ndarray, drift: float = 0.0) -> np.ndarray:
    """A yearly wave, the same on every horizon, and a drift per year."""
    years = windows / 365.25
    swing = np.sin(2 * np.pi * years) + drift * (years - years[0])
    return swing[:, None] + np.array([1.0, 0.5, 0.0])


WINDOWS = np.arange(20_000, 20_600, 30)


def test_a_season_seen_a_year_ago_returns() -> None:
    said, deviation = known(WINDOWS, wave(WINDOWS)).predict(20_660, HORIZONS)
    np.testing.assert_allclose(said, wave(np.array([20_660]))[0], atol=0.2)
    assert (deviation < 0.5).all()


def test_last_years_season_is_moved_by_what_changed_since() -> None:
    moved = known(WINDOWS, wave(WINDOWS, drift=0.6))
    truth = wave(np.append(WINDOWS, 20_660), drift=0.6)[-1]
    np.testing.assert_allclose(moved.predict(20_660, HORIZONS)[0], truth, atol=0.3)


def test_a_steady_shop_is_given_its_mean_and_not_its_noise() -> None:
    random = np.random.default_rng(0)
    levels = 0.4 + random.normal(0, 0.08, (len(WINDOWS), 3))
    said, _ = LevelForecast.fit(WINDOWS, HORIZONS, levels, np.full(levels.shape, 0.08)).predict(
        20_660, HORIZONS
    )
    np.testing.assert_allclose(said, 0.4, atol=0.08)


def test_one_window_is_repeated_and_none_is_zero() -> None:
    one = known(np.array([20_000]), np.array([[0.7, 0.2, -0.1]]))
    np.testing.assert_allclose(one.predict(20_090, HORIZONS)[0], [0.7, 0.2, -0.1], atol=0.05)
    assert (LevelForecast((), (), (), ()).predict(20_000, HORIZONS)[0] == 0).all()


def test_unknown_levels_are_not_listened_to() -> None:
    levels, deviations = np.array([[0.3, 0.1, 99.0]]), np.array([[0.05, 0.05, np.inf]])
    said, _ = LevelForecast.fit(np.array([20_000]), HORIZONS, levels, deviations).predict(
        20_030, HORIZONS
    )
    assert np.abs(said).max() < 1.0


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
