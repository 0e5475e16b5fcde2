"""Input of the scorecard page from the churn and value jobs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.btyd.outlook import EXPECTED_ORDERS, Outlook
from models.churn_value.churn import ChurnModel
from models.churn_value.intervals import COVERAGE
from models.churn_value.value import ValueModel
from models.drivers.families import known_families
from models.segments import TIERS, CutPoints, rfm_segment, value_tier
from training.dataset import Dataset, population
from training.report import Floats
from training.scorecard import Contributions, Intervals, Judgement
from training.scorecard.history import (
    cohort_retention,
    observe_survival,
    purchase_matrices,
    read_order_days,
    track_orders,
    week_ends,
)
from training.task import TrainingTask
from training.windows import Windows

# The plot of drivers looks the same with more customers.
_CUSTOMERS_EXPLAINED = 2_000
_AGE_SHOWN_DAYS = 365.0
# With more countries the groups become too small to judge.
_MOST_COUNTRIES = 8
# Far below a cent: an outcome that equals a bound may differ from it by rounding.
_TOLERANCE = 1e-7


def churn_judgement(
    task: TrainingTask,
    data: Dataset,
    model: ChurnModel,
    predicted: Mapping[str, Floats],
    outlook: Outlook | None,
) -> Judgement:
    """Gather what the churn scorecard shows.

    Parameters
    ----------
    predicted
        Churn probabilities of the test rows, by model, ``churn`` among them.
    outlook
        The buy-till-you-die baseline, if it could be fitted.
    """
    windows = data.windows
    test, days = data.test.vectors, week_ends(windows.horizon_days)
    ids = test[C.CUSTOMER_ID].tolist()
    orders = read_order_days(task.engine, task.prepared.rollups, windows.as_of)
    expected = {"churn": model.curve_.survival(test, days.tolist()).mean(axis=0)}
    explained = test.iloc[:_CUSTOMERS_EXPLAINED]
    effects = model.contributions(explained)
    shown = [str(name) for name in effects.columns if name in test.columns]
    tracking = matrices = None
    if outlook is not None:
        by_day = [outlook.predict(test, float(day))[EXPECTED_ORDERS].sum() for day in days]
        tracking = track_orders(orders, ids, windows.test, days, {"BG/NBD": np.array(by_day)})
        matrices = purchase_matrices(outlook.purchases, _AGE_SHOWN_DAYS, windows.horizon_days)
    return Judgement(
        "churn",
        "churn",
        data.test.churned,
        predicted,
        title=f"Churn of {task.shop.name}",
        definition=_definition(task.shop, windows),
        currency=task.shop.currency,
        groups=_groups(test, 1.0 - predicted["churn"]),
        survival=observe_survival(orders, ids, windows.test, windows.horizon_days, days, expected),
        tracking=tracking,
        matrices=matrices,
        cohorts=cohort_retention(orders, windows.as_of),
        contributions=Contributions(
            effects[shown], explained[shown], known_families(), "logit of churn"
        ),
    )


def value_judgement(
    task: TrainingTask,
    data: Dataset,
    model: ValueModel,
    predicted: Mapping[str, Floats],
) -> Judgement:
    """Gather what the value scorecard shows.

    Parameters
    ----------
    predicted
        Margin over the horizon of the test rows, by model, ``value`` among them.
    """
    shop, test = task.shop, data.test.vectors
    extrapolated_to_days = task.horizons.extrapolated_to_days
    low, high = with_tolerance(model.predict_interval(test)).T
    return Judgement(
        "value",
        "value",
        data.test.margin,
        predicted,
        title=f"Value of customers of {shop.name}",
        definition={
            **_definition(shop, data.windows),
            "value basis": "extrapolated" if extrapolated_to_days else "learned",
        },
        notes=extrapolation_notes(data.horizon_days, extrapolated_to_days),
        currency=shop.currency,
        groups=_groups(test, predicted["value"]),
        intervals={"value": Intervals(low, high, COVERAGE)},
    )


def with_tolerance(interval: Floats) -> Floats:
    """Return intervals of money, shape (n, 2), widened so that rounding leaves nobody outside."""
    return np.asarray(interval + np.array([-_TOLERANCE, _TOLERANCE]))


def extrapolation_notes(horizon_days: int, extrapolated_to_days: int | None) -> tuple[str, ...]:
    """Return the caveat of a value that is stated over more days than it was judged on, if any."""
    if extrapolated_to_days is None:
        return ()
    return (
        f"Learned and judged over {horizon_days} days; scores over {extrapolated_to_days} days are "
        "continued with BG/NBD and marked extrapolated: no outcome so far ahead is known, and "
        "the coverage of their intervals was not measured.",
    )


def _definition(shop: ShopSettings, windows: Windows) -> dict[str, str]:
    return {
        "horizon": f"{windows.horizon_days} days",
        "population": population(shop),
        "as_of": str(windows.as_of),
        "test window": f"{windows.test} to {windows.as_of}",
        "currency": shop.currency,
    }


def _groups(test: pd.DataFrame, score: Floats) -> pd.DataFrame:
    """Divide the test customers as a team would: buyers, tiers, segments, countries."""
    recency = test["recency_days"].to_numpy(dtype=np.float64)
    orders = test["orders_lifetime"].fillna(0).to_numpy(dtype=np.float64)
    cuts = CutPoints.fit(score, recency, orders)
    repeat = test["btyd_frequency"].fillna(0) > 0
    groups = {
        "buyers": np.where(repeat, "repeat buyers", "one-time buyers"),
        "tier by score": pd.Categorical(value_tier(score, cuts), TIERS, ordered=True),
        "segment": rfm_segment(np.nan_to_num(recency, nan=np.inf), orders, cuts),
    }
    if C.COUNTRY in test and test[C.COUNTRY].notna().any():
        countries = test[C.COUNTRY]
        common = countries.value_counts().index[:_MOST_COUNTRIES]
        groups[C.COUNTRY] = countries.where(countries.isin(common), "other").to_numpy()
    return pd.DataFrame(groups)
