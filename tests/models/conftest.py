"""Customers whose chances are known, for the models that learn from vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from features.family import Column
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

COUNTRY_EFFECTS = {"here": 0.7, "there": 0.0, "elsewhere": -0.7}
COLUMNS = (
    Column("recency_days", "days since the last order", "days"),
    Column("orders_lifetime", "orders so far", "orders"),
    Column("margin_365d", "margin of the last year", "money"),
    Column("noise", "nothing at all", "none"),
    Column("country", "country", "name", kind="category"),
)


@dataclass(frozen=True)
class People:
    """Vectors with the truth behind them.

    ``chance`` is P(churned) and ``mean_margin`` E[margin | buys], both as drawn from;
    ``margin`` is zero for those who churned.
    """

    vectors: pd.DataFrame
    churned: Floats
    margin: Floats
    chance: Floats
    mean_margin: Floats
    columns: Sequence[Column] = COLUMNS


def draw_people(cutoffs: Sequence[date], each: int, seed: int = 0) -> People:
    """Draw customers at each cutoff: a logistic chance to churn, lognormal margins."""
    random = np.random.default_rng(seed)
    n = each * len(cutoffs)
    recency, loyalty, spend = random.normal(size=(3, n))
    country = random.choice(list(COUNTRY_EFFECTS), n)
    effect = np.array([COUNTRY_EFFECTS[name] for name in country])
    chance = expit(-0.2 + 1.2 * recency - 0.8 * loyalty + effect)
    churned = (random.random(n) < chance).astype(np.float64)
    deviation = 0.8
    log_mean = 3.0 + 0.7 * spend
    margin = np.exp(log_mean + deviation * random.normal(size=n))
    vectors = pd.DataFrame(
        {
            C.CUSTOMER_ID: [f"c{number:05d}" for number in range(n)],
            C.AS_OF: np.repeat(np.array(cutoffs, dtype=object), each),
            "recency_days": 60 + 20 * recency,
            "orders_lifetime": 10 + 3 * loyalty,
            "margin_365d": np.exp(3 + spend),
            "noise": random.normal(size=n),
            C.COUNTRY: pd.Series(country, dtype="str"),
        }
    )
    vectors.loc[random.random(n) < 0.02, "noise"] = np.nan
    return People(
        vectors,
        churned,
        np.where(churned == 1, 0.0, margin),
        chance,
        np.exp(log_mean + deviation**2 / 2),
    )


@pytest.fixture(scope="session")
def people_at() -> Callable[..., People]:
    """Return the maker of customers."""
    return draw_people


@pytest.fixture(scope="session")
def past() -> People:
    """Return a year of training cutoffs, a month apart."""
    first = date(2024, 1, 1)
    return draw_people([first + timedelta(days=30 * month) for month in range(13)], each=600)


@pytest.fixture(scope="session")
def later() -> People:
    """Return customers of a cutoff a horizon after the last of the past."""
    return draw_people([date(2025, 2, 1)], each=4_000, seed=1)
