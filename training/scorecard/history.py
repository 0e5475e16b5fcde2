"""The scorecard's data over time, from order days: tracking, survival, cohorts, matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from features.engine import Engine
from features.family import net_positive_orders
from features.rollup import DAY, Rollups, to_epoch_day
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C
from models.btyd.outlook import PurchaseModel
from models.btyd.summary import Summary
from training.scorecard.judgement import Floats, OrderTracking, PurchaseMatrices, Survival

_WEEK_DAYS = 7
_MOST_REPEAT_ORDERS = 20
_RECENCY_STEPS = 40


def read_order_days(engine: Engine, rollups: Rollups, as_of: date) -> pd.DataFrame:
    """Return each customer's days with an order not returned in full, as known at a date.

    One row per customer and day, in days since 1970-01-01: what models of purchases count.
    """
    cutoff = register_cutoffs(engine, [as_of])
    parts = [
        engine.frame(net_positive_orders(share, cutoff).select(C.CUSTOMER_ID, DAY).distinct())
        for share in rollups.shares()
    ]
    return pd.concat(parts, ignore_index=True).sort_values([C.CUSTOMER_ID, DAY], ignore_index=True)


def track_orders(
    orders: pd.DataFrame,
    customers: Sequence[str],
    cutoff: date,
    days: Floats,
    expected: Mapping[str, Floats],
) -> OrderTracking:
    """Count the test customers' order days after the cutoff beside those expected.

    Parameters
    ----------
    orders
        From :func:`read_order_days`.
    days
        Since the cutoff, as from :func:`week_ends`.
    expected
        Order days of all customers expected by each of the days, by model.
    """
    since = _days_since(orders, customers, cutoff)[DAY].to_numpy()
    actual = np.searchsorted(np.sort(since), days, side="left").astype(np.float64)
    return OrderTracking(days, actual, expected)


def observe_survival(
    orders: pd.DataFrame,
    customers: Sequence[str],
    cutoff: date,
    horizon_days: int,
    days: Floats,
    expected: Mapping[str, Floats],
) -> Survival:
    """Compute each test customer's days to the next order, censored at the horizon.

    Counted from the start of the cutoff: an order on that day took one day.
    """
    first = _days_since(orders, customers, cutoff).groupby(C.CUSTOMER_ID)[DAY].min() + 1
    duration = first.reindex(list(customers)).to_numpy(dtype=np.float64)
    ordered = duration <= horizon_days
    return Survival(np.where(ordered, duration, float(horizon_days)), ordered, days, expected)


def week_ends(horizon_days: int) -> Floats:
    """Return the ends of the horizon's weeks, in days since the cutoff, the last maybe short."""
    weeks = np.arange(_WEEK_DAYS, horizon_days, _WEEK_DAYS)
    return np.append(weeks, horizon_days).astype(np.float64)


def cohort_retention(orders: pd.DataFrame, until: date) -> pd.DataFrame:
    """Return the share of each month's new customers who order in each later month.

    Parameters
    ----------
    until
        The first unknown day; an incomplete month is left out.

    Returns
    -------
    Cohorts as rows (``2011-03``), months since the first order as columns, NaN where the month
    is not over.
    """
    month = orders[DAY].to_numpy().astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    frame = pd.DataFrame({C.CUSTOMER_ID: orders[C.CUSTOMER_ID], "month": month})
    frame["cohort"] = frame.groupby(C.CUSTOMER_ID)["month"].transform("min")
    open_month = (until.year - 1970) * 12 + until.month - 1
    active = frame[frame["month"] < open_month].drop_duplicates()
    if active.empty:
        return pd.DataFrame()
    cohorts = np.arange(active["cohort"].min(), open_month)
    counts = np.zeros((len(cohorts), len(cohorts)))
    row, since = active["cohort"] - cohorts[0], active["month"] - active["cohort"]
    np.add.at(counts, (row.to_numpy(), since.to_numpy()), 1.0)
    known = cohorts[:, None] + np.arange(len(cohorts)) < open_month
    size = counts[:, :1]
    shares = np.divide(counts, size, out=np.full(counts.shape, np.nan), where=known & (size > 0))
    names = [str(np.datetime64(int(cohort), "M")) for cohort in cohorts]
    return pd.DataFrame(shares, names, range(len(cohorts)))


def purchase_matrices(
    model: PurchaseModel, age_days: float, horizon_days: float, most_orders: int | None = None
) -> PurchaseMatrices:
    """Evaluate a model of purchases for customers of one age, by repeat orders and recency.

    Without a repeat order recency can only be zero: the other cells of that row are NaN.
    """
    frequency = np.arange(0.0, (most_orders or _MOST_REPEAT_ORDERS) + 1)
    recency = np.linspace(0.0, age_days, _RECENCY_STEPS)
    x, t_x = (part.ravel() for part in np.meshgrid(frequency, recency, indexing="ij"))
    possible = (x > 0) | (t_x == 0)
    asked = Summary.of(x[possible], t_x[possible], np.full(possible.sum(), float(age_days)))

    def grid(values: Floats) -> Floats:
        cells = np.full(x.shape, np.nan)
        cells[possible] = values
        return cells.reshape(len(frequency), len(recency))

    return PurchaseMatrices(
        frequency,
        recency,
        grid(model.probability_alive(asked)),
        grid(model.expected_purchases(asked, horizon_days)),
        float(age_days),
        float(horizon_days),
    )


def _days_since(orders: pd.DataFrame, customers: Sequence[str], cutoff: date) -> pd.DataFrame:
    since = orders[DAY] - to_epoch_day(cutoff)
    chosen = orders[C.CUSTOMER_ID].isin(list(customers)) & (since >= 0)
    return pd.DataFrame({C.CUSTOMER_ID: orders[C.CUSTOMER_ID], DAY: since})[chosen]
