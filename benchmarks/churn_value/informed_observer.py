"""The best prediction that orders and visits alone allow for simulated customers.

Its observer knows everything about the shop that made them - how purchase, dropout and visit
rates are spread over customers, what each channel and region does to them, the season - and
everything that a customer did, but not the customer's own rates. It weighs all rates by Bayes'
rule over a grid: the Pareto/NBD posterior (Schmittlein, Morrison & Colombo 1987) with visits as
a second sign of life. Scores by the true rates use what no record of the shop contains.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gamma

from features.simulate import ShopPlan
from features.simulation import customers as simulated
from features.simulation.seasons import season
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

_GRID = 14
_SHORTEST_DROPOUT = 1e-4
_VISIT_ENDS_IN_ORDER = pd.Timedelta(hours=6)


@dataclass(frozen=True)
class Seen:
    """What each of n customers did before the cutoff; times in days from the plan's start.

    ``purchases`` leaves out the order that won the customer, ``visits`` those that ended in an
    order.
    """

    purchases: Floats
    visits: Floats
    first: Floats
    last: Floats
    there_at_start: NDArray[np.bool_]


def look(
    plan: ShopPlan, orders: pd.DataFrame, events: pd.DataFrame, truth: pd.DataFrame,
    customer_ids: list[str], cutoff: pd.Timestamp,
) -> Seen:  # fmt: skip
    """Count what the shop's own tables know of customers; ``truth`` says who is new."""
    start = pd.Timestamp(plan.start)
    placed = orders[(orders[C.TS] < cutoff) & (orders[C.QUANTITY] > 0)]
    placed = placed.groupby([C.CUSTOMER_ID, C.ORDER_ID])[C.TS].min().reset_index()
    seen = events[events[C.TS] < cutoff]
    visits = seen.groupby([C.CUSTOMER_ID, C.SESSION_ID])[C.TS].max().reset_index()
    led = pd.merge_asof(
        visits.sort_values(C.TS), placed.sort_values(C.TS), on=C.TS, by=C.CUSTOMER_ID,
        direction="forward", tolerance=_VISIT_ENDS_IN_ORDER,
    )  # fmt: skip
    idle = led[led[C.ORDER_ID].isna()].groupby(C.CUSTOMER_ID).size()
    last = pd.concat([placed, seen])[[C.CUSTOMER_ID, C.TS]].groupby(C.CUSTOMER_ID)[C.TS].max()
    born = truth.set_index(C.CUSTOMER_ID)["born_day"].reindex(customer_ids).to_numpy()
    count = placed.groupby(C.CUSTOMER_ID).size().reindex(customer_ids).fillna(0).to_numpy()
    first = np.maximum(np.floor(born), 0.0)
    acted = (last.reindex(customer_ids) - start).dt.total_seconds().to_numpy() / 86_400
    return Seen(
        np.maximum(count - (born >= 0), 0.0).astype(np.float64),
        idle.reindex(customer_ids).fillna(0).to_numpy().astype(np.float64),
        first,
        np.maximum(acted, first),
        born < 0,
    )


def churn_probability(
    plan: ShopPlan, seen: Seen, customers: pd.DataFrame, cutoff_day: int, horizon_days: int
) -> Floats:
    """Return P(no order in the horizon), shape (n,); ``customers`` rows are those of ``seen``."""
    purchase_tilt, dropout_tilt = _tilts(customers, seen.there_at_start)
    exposure = np.concatenate(
        [[0.0], np.cumsum(season(plan, np.arange(cutoff_day + horizon_days)))]
    )
    age, silent_since = cutoff_day - seen.first, seen.last - seen.first
    pace = (exposure[cutoff_day] - exposure[seen.first.astype(np.int64)]) / age
    ahead = (exposure[-1] - exposure[cutoff_day]) / horizon_days
    highest = np.full(len(age), -np.inf)
    total, weighted = np.zeros(len(age)), np.zeros(len(age))
    for bought, left, visited in product(*(_rates(*prior) for prior in _PRIORS)):
        purchase = bought * purchase_tilt
        dropout = np.maximum(left * dropout_tilt, _SHORTEST_DROPOUT * _MEANS[1])
        rate = purchase * pace + visited + dropout
        alive = np.exp(-rate * age)
        gone = dropout / rate * (np.exp(-rate * silent_since) - alive)
        evidence = np.log(alive + gone + 1e-300)
        evidence += seen.purchases * np.log(purchase) + seen.visits * np.log(visited)
        orders = purchase * ahead
        buys = orders / (orders + dropout) * -np.expm1(-(orders + dropout) * horizon_days)
        silent = 1.0 - alive / (alive + gone + 1e-300) * buys
        # Running sums relative to the likeliest so far: the grid need not be held at once.
        higher = np.maximum(highest, evidence)
        fade, weight = np.exp(highest - higher), np.exp(evidence - higher)
        weighted, total = weighted * fade + weight * silent, total * fade + weight
        highest = higher
    return np.asarray(weighted / total, dtype=np.float64)


_MEANS = (
    simulated.MEAN_PURCHASES_PER_DAY,
    simulated.MEAN_DROPOUT_PER_DAY,
    simulated.MEAN_SESSIONS_PER_DAY,
)
_SHAPES = (simulated.PURCHASE_SHAPE, simulated.DROPOUT_SHAPE, simulated.SESSION_SHAPE)
_PRIORS = tuple(zip(_MEANS, _SHAPES, strict=True))


def _rates(mean: float, shape: float) -> Floats:
    """Return equally likely rates of a Gamma distribution."""
    return np.asarray(mean * gamma.ppf((np.arange(_GRID) + 0.5) / _GRID, shape, scale=1 / shape))


def _tilts(customers: pd.DataFrame, there_at_start: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    ways = {way.name: way for way in simulated.ACQUISITIONS}
    places = {place.name: place for place in simulated.REGIONS}
    came = [ways[name] for name in customers[C.ACQUISITION_CHANNEL]]
    lives = [places[name] for name in customers[C.REGION]]
    purchase = [w.purchase_tilt * p.purchase_tilt for w, p in zip(came, lives, strict=True)]
    dropout = [w.dropout_tilt * p.dropout_tilt for w, p in zip(came, lives, strict=True)]
    # Whoever was there before the history began drops out more slowly.
    return np.array(purchase), np.array(dropout) * np.where(there_at_start, 0.6, 1.0)
