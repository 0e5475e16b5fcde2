"""The clock of the simulated shop: seasons, hours of the day and campaign days."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from features.simulation.plan import SECONDS_PER_DAY, Floats, Integers, ShopPlan

CAMPAIGN_HOUR: Final = 6  # before the first order of a day, so that no contact follows its order

_MONDAY_TO_SUNDAY = np.array([0.96, 0.92, 0.93, 0.98, 1.08, 1.18, 0.95])
_CHRISTMAS_PEAK_DAY = 345  # 11 December
_CHRISTMAS_WIDTH_DAYS = 12.0
_CHRISTMAS_HEIGHT = 0.9

# Share of a day's shopping that is done by each hour: a noon and an evening peak.
_HOUR = np.array([7.0, 9.0, 11.0, 13.0, 16.0, 18.0, 20.0, 22.0, 23.0])
_SHARE_BY_HOUR = np.array([0.0, 0.06, 0.18, 0.35, 0.52, 0.66, 0.84, 0.97, 1.0])


def season(plan: ShopPlan, day: npt.ArrayLike) -> Floats:
    """Return the purchase rate's multiplier on each day; about 1 on average over a year.

    ``day`` counts from the plan's start and may lie beyond its end: calendars go on.
    """
    dates = np.datetime64(plan.start, "D") + np.asarray(day, dtype=np.int64)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.float64)
    peak = np.exp(-0.5 * ((day_of_year - _CHRISTMAS_PEAK_DAY) / _CHRISTMAS_WIDTH_DAYS) ** 2)
    summer_lull = 0.94 - 0.08 * np.cos(2 * np.pi * (day_of_year - 15) / 365.25 + np.pi)
    multiplier = (summer_lull + _CHRISTMAS_HEIGHT * peak) * _MONDAY_TO_SUNDAY[weekday]
    return np.asarray(multiplier, dtype=np.float64)


def season_peak(plan: ShopPlan) -> float:
    """Return the largest multiplier that any day of the plan can have."""
    return float(season(plan, np.arange(plan.days)).max())


def clock_seconds(time_days: Floats) -> Integers:
    """Turn simulation time into seconds from the start, fractions of a day into shop hours.

    The mapping increases within every day, so the order of events is kept.
    """
    day: Floats = np.floor(time_days)
    hour = np.interp(time_days - day, _SHARE_BY_HOUR, _HOUR)
    seconds: Integers = (day * SECONDS_PER_DAY + hour * 3_600).astype(np.int64)
    return seconds


def campaign_days(plan: ShopPlan) -> Integers:
    """Return the day of every campaign within the plan."""
    return np.arange(plan.campaigns.first_day, plan.days, plan.campaigns.every_days, dtype=np.int64)


def campaign_under_way(plan: ShopPlan, day: npt.ArrayLike) -> Integers:
    """Return the number of the campaign whose effect reaches each day, -1 where none does."""
    since_first = np.asarray(day, dtype=np.int64) - plan.campaigns.first_day
    number, days_since = np.divmod(since_first, plan.campaigns.every_days)
    reached = (number >= 0) & (days_since < plan.campaigns.window_days)
    return np.where(reached, number, -1)
