"""Value beyond the learned horizon: continuous there, monotone, and in agreement with itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.boosting import BoostingParameters
from models.btyd.bg_nbd import BgNbd
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.maximum_likelihood import Diagnostics
from models.btyd.outlook import Outlook
from models.churn_value.extrapolation import Extension
from models.churn_value.forecast import Forecast, forecast
from models.churn_value.value import ValueModel

LEARNED_DAYS = 60
NONE = Diagnostics(
    log_likelihood=0.0, converged=True, gradient_norm=0.0, iterations=0, restarts=0, customers=0,
    standard_errors={},
)  # fmt: skip


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    """Return a shop whose customers order every few weeks and slowly leave."""
    purchases = BgNbd(r=0.6, alpha=20.0, a=0.8, b=3.0)
    return Outlook("bg_nbd", "repeat", purchases, GammaGamma(6.0, 4.0, 15.0), NONE, NONE)


@pytest.fixture(scope="module")
def value(past: Any) -> ValueModel:
    model = ValueModel(LEARNED_DAYS, boosting=BoostingParameters(rounds=20, members=1))
    return model.fit(past.vectors, past.churned, past.margin, past.columns)


@pytest.fixture(scope="module")
def customers(later: Any) -> pd.DataFrame:
    """Return customers with histories of their own, the first without an order."""
    rows: pd.DataFrame = later.vectors.head(300).reset_index(drop=True)
    random = np.random.default_rng(2)
    age = random.integers(30, 700, len(rows)).astype(np.float64)
    frequency = random.poisson(3.0, len(rows)).astype(np.float64)
    recency = np.where(frequency > 0, np.floor(age * random.random(len(rows))), 0.0)
    histories = pd.DataFrame(
        {
            "btyd_frequency": frequency,
            "btyd_recency_days": recency,
            "btyd_age_days": age,
            "btyd_value_mean": np.where(frequency > 0, 20.0, np.nan),
            "revenue_lifetime": 20.0 * (frequency + 1),
        }
    )
    histories.iloc[0] = np.nan
    return pd.concat([rows.drop(columns=list(histories), errors="ignore"), histories], axis=1)


def extended(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook, days: int, rate: float = 0.1
) -> Forecast:
    return forecast(value.buys_, value, customers, Extension(outlook, days, rate))


def test_it_says_how_far_it_goes_and_on_what_grounds(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    learned, further = (extended(value, customers, outlook, days) for days in (60, 365))
    assert (learned.value_horizon_days, learned.value_basis) == (60, "learned")
    assert (further.value_horizon_days, further.value_basis) == (365, "extrapolated")
    assert further.churn_probability.tobytes() == learned.churn_probability.tobytes()


def test_value_grows_and_silence_falls_with_the_horizon(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    said = [extended(value, customers, outlook, days) for days in (60, 61, 120, 365, 1_000)]
    for shorter, longer in pairwise(said):
        assert (longer.p_buys >= shorter.p_buys - 1e-12).all()
        assert (longer.value >= shorter.value * (1 - 1e-9)).all()
    np.testing.assert_allclose(said[1].value, said[0].value, rtol=0.02)
    assert (said[-2].value[1:] > said[0].value[1:]).all()


def test_no_faster_than_the_days_and_less_where_customers_leave(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    _, growth = Extension(outlook, 365, 0.0).beyond(customers, LEARNED_DAYS)
    assert growth.max() <= 365 / LEARNED_DAYS
    leaving = Outlook(
        "bg_nbd", "repeat", BgNbd(r=0.6, alpha=20.0, a=4.0, b=3.0), outlook.spend, NONE, NONE
    )
    _, sooner = Extension(leaving, 365, 0.0).beyond(customers, LEARNED_DAYS)
    assert (sooner[1:] < growth[1:]).all()


def test_the_parts_agree_and_lie_within_the_bounds(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    said = extended(value, customers, outlook, 365)
    np.testing.assert_allclose(said.value, said.p_buys * said.value_if_buys, rtol=1e-12)
    assert (said.lower <= said.value).all()
    assert (said.value <= said.upper).all()
    assert ((said.p_buys >= 0) & (said.p_buys <= 1)).all()


def test_who_has_no_order_stays_as_learned(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    learned, further = (extended(value, customers, outlook, days) for days in (60, 365))
    assert further.value[0] == pytest.approx(learned.value[0], rel=1e-12)


def test_discounting_far_margin_makes_it_grow_less(
    value: ValueModel, customers: pd.DataFrame, outlook: Outlook
) -> None:
    plain, dear = (extended(value, customers, outlook, 365, rate) for rate in (0.0, 0.5))
    assert dear.value.sum() < plain.value.sum()
