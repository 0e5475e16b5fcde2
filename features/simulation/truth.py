"""The best possible predictions about simulated customers: churn and campaign outcomes.

All come from one recursion over days. While alive a customer acts as a Poisson process
and drops out at a constant rate, so over a day with action rate ``a`` and dropout rate ``m``

    P(alive and silent all day)      = exp(-(a + m))
    P(drops out before any action)   = m / (a + m) * (1 - exp(-(a + m)))

which is the Pareto/NBD likelihood (Schmittlein, Morrison & Colombo 1987, appendix) taken day by
day, so that seasons and campaigns may change the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.errors import DataError
from features.simulation.plan import Floats, Integers, ShopPlan
from features.simulation.seasons import campaign_under_way, season
from features.vocabulary import Columns as C


def true_churn_probability(
    plan: ShopPlan,
    truth_customers: pd.DataFrame,
    last_activity: pd.Series,
    as_of: date,
    horizon_days: int,
    renewals: pd.DataFrame | None = None,
) -> pd.Series:
    """Return P(no order in the horizon), given a customer's true rates and last activity.

    Nobody can know more from the history before ``as_of``. Whether the customer is still alive is
    hidden, and orders and visits are Poisson, so that only the last of them bears on it, and what
    holders of passes decided since. Three things are simplified: who was held out of a campaign
    counts as unknown, a customer who acts on a day counts as alive until its end, and what opened
    e-mails tell is ignored.

    Parameters
    ----------
    plan
        The plan of the shop.
    truth_customers
        The table ``truth/customers``.
    last_activity
        Time of the last order or event before ``as_of``, indexed by customer id. Customers
        absent here have not acted since the start of the history.
    as_of
        The cutoff; may be the plan's end.
    horizon_days
        Length of the horizon.
    renewals
        The table ``truth/renewals``; without it contracts are ignored.

    Returns
    -------
    pandas.Series
        Indexed by customer id, for those who had come by ``as_of``.

    Raises
    ------
    DataError
        When an activity lies at or after ``as_of``: it would give the answer away.
    """
    cutoff_day = plan.day_of(as_of)
    known = truth_customers[truth_customers["born_day"] < cutoff_day].set_index(C.CUSTOMER_ID)
    days_since_start = (last_activity.reindex(known.index) - pd.Timestamp(plan.start)).dt.days
    since = (days_since_start + 1).fillna(0).to_numpy().astype(np.int64)
    if since.max(initial=0) > cutoff_day:
        raise DataError(
            f"there is activity at or after the cutoff {as_of}",
            "Pass each customer's last activity before the cutoff.",
        )
    hints = _hints(renewals, known.index, cutoff_day)
    silent = _silent_through(plan, known, since, cutoff_day, cutoff_day + horizon_days, hints)
    return pd.Series(silent, index=known.index, name="churn_probability")


def campaign_outcomes(
    plan: ShopPlan, truth_customers: pd.DataFrame, campaign_day: int
) -> pd.DataFrame:
    """Return P(order within an e-mail's window) of those alive on its day, treated and held out.

    Parameters
    ----------
    plan
        The plan of the shop.
    truth_customers
        The table ``truth/customers``.
    campaign_day
        Days from the plan's start to the campaign; may lie beyond the end.

    Returns
    -------
    pandas.DataFrame
        ``probability_treated`` and ``probability_held_out``, indexed by customer id.
    """
    purchase, dropout, effect = (
        truth_customers[name].to_numpy(dtype=np.float64)
        for name in ("purchase_rate", "dropout_rate", "campaign_effect")
    )
    days = np.arange(campaign_day, campaign_day + plan.campaigns.window_days)
    multipliers = season(plan, days)
    return pd.DataFrame(
        {
            "probability_treated": _orders_within(multipliers, purchase * (1 + effect), dropout),
            "probability_held_out": _orders_within(multipliers, purchase, dropout),
        },
        index=pd.Index(truth_customers[C.CUSTOMER_ID], name=C.CUSTOMER_ID),
    )


def _orders_within(multipliers: Floats, purchase: Floats, dropout: Floats) -> Floats:
    """Return P(at least one order over consecutive days) of those alive on the first."""
    alive, ordered = np.ones_like(purchase), np.zeros_like(purchase)
    for multiplier in multipliers:
        rate = purchase * multiplier
        leave = alive * -np.expm1(-(rate + dropout))
        ordered += leave * rate / (rate + dropout)
        alive -= leave
    return ordered


@dataclass(frozen=True)
class _Hints:
    """Decisions on passes by day: customer, and likelihood if alive and if dropped out."""

    day: Integers
    customer: Integers
    alive: Floats
    dropped_out: Floats


def _hints(renewals: pd.DataFrame | None, customers: pd.Index[str], cutoff_day: int) -> _Hints:
    """Return the decisions made before the cutoff."""
    if renewals is None:
        return _Hints(*np.zeros((2, 0), np.int64), *np.zeros((2, 0)))
    known = renewals["decided_day"] < cutoff_day
    told = renewals[known & renewals[C.CUSTOMER_ID].isin(customers)]
    told = told.sort_values("decided_day", kind="stable")
    keeps = told["keeps"].to_numpy()
    alive, dropped_out = (told[name].to_numpy() for name in ("keep_alive", "keep_dropped_out"))
    return _Hints(
        day=told["decided_day"].to_numpy(),
        customer=customers.get_indexer(pd.Index(told[C.CUSTOMER_ID])),
        alive=np.where(keeps, alive, 1 - alive),
        dropped_out=np.where(keeps, dropped_out, 1 - dropped_out),
    )


def _silent_through(
    plan: ShopPlan,
    customers: pd.DataFrame,
    since: Integers,
    cutoff_day: int,
    end_day: int,
    hints: _Hints,
) -> Floats:
    """Return P(no order from cutoff to end | neither order nor visit from ``since`` to cutoff).

    ``alive`` holds P(alive and silent so far) in two rows: held out of the current campaign, and
    treated in it; every campaign assigns customers anew. ``alive`` and ``dead`` are multiplied by
    the likelihood of the decisions made on each day (Bayes' rule).
    """
    purchase, dropout, visit, effect, born = (
        customers[name].to_numpy(dtype=np.float64)
        for name in ("purchase_rate", "dropout_rate", "session_rate", "campaign_effect", "born_day")
    )
    days = np.arange(since.min(initial=cutoff_day), end_day, dtype=np.int64)
    campaigns = campaign_under_way(plan, days)
    alive = np.full((2, purchase.size), 0.5)
    dead = np.zeros_like(purchase)
    silent_so_far = np.ones_like(purchase)
    for day, multiplier, campaign in zip(days, season(plan, days), campaigns, strict=True):
        campaign_day = plan.campaigns.first_day + plan.campaigns.every_days * campaign
        if day == campaign_day:
            alive[:] = alive.mean(axis=0)
        told = slice(*np.searchsorted(hints.day, [day, day + 1]))
        for arm in alive:
            np.multiply.at(arm, hints.customer[told], hints.alive[told])
        np.multiply.at(dead, hints.customer[told], hints.dropped_out[told])
        if day == cutoff_day:
            silent_so_far = alive.sum(axis=0) + dead
        registered = (campaign >= 0) & (np.floor(born) < campaign_day)
        lift = np.stack([np.ones_like(effect), np.where(registered, 1 + effect, 1.0)])
        rate = purchase * multiplier * lift + (visit if day < cutoff_day else 0.0)
        leave = np.where(day >= since, alive * -np.expm1(-(rate + dropout)), 0.0)
        dead += (leave * dropout / (rate + dropout)).sum(axis=0)
        alive -= leave
    silent: Floats = (alive.sum(axis=0) + dead) / silent_so_far
    return silent
