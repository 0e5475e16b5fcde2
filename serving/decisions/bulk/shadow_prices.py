"""Large allocations, by a price for every limited resource.

At prices ``p`` each customer takes the action of largest gain less ``p`` times what it uses, and

    sum over customers of max(0, gain - p use) + p limit

is at least what any allocation within the limits can gain (Lagrangian relaxation; Fisher 1981).
Prices are those of the linear programme of a sample (Agrawal, Wang & Ye 2014), raised or lowered
by what all customers then want; customers are served in the order of what they gain at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog

from serving.decisions.bulk.resources import Floats, Integers, Programme, Resources

_SAMPLED_CUSTOMERS: Final = 1_500
# Steps that adjust the prices: the exponent of the first, and its factor from step to step.
_STEPS: Final = 25
_FIRST_EXPONENT, _DECAY = 0.5, 0.9
# A price of 0, of what is in too much demand, is raised to this share of all that is gained.
_FIRST_SHARE: Final = 0.05


@dataclass(frozen=True, eq=False)
class _Demand:
    """What customers take at some prices, were there no limits.

    Attributes
    ----------
    surplus
        What they gain beyond what they pay, in all, money.
    wanted
        What they use of each resource, shape (resources,).
    """

    surplus: float
    wanted: Floats


def find_prices(
    worth: Floats, cost: Floats, resources: Resources, seed: int
) -> tuple[Floats, float]:
    """Return the prices with the lowest bound found, and that bound.

    Parameters
    ----------
    worth
        What each action gains, 0 where it may not be taken, money, shape (n, actions).
    cost
        What it uses of the budget, money, shape (n, actions).
    seed
        Of the sample.
    """
    limit = resources.limit
    prices = _sample_prices(worth, cost, resources, seed)
    bound, best_prices = np.inf, prices
    for step in range(_STEPS):
        demand = _demand(worth, cost, resources, prices)
        value = demand.surplus + float(prices @ limit)
        if value < bound:
            bound, best_prices = value, prices
        if (demand.wanted <= limit).all() and not prices[demand.wanted < limit].any():
            break  # the limits hold, and only what is used up has a price
        prices = _moved(prices, demand, limit, _FIRST_EXPONENT * _DECAY**step)
    return best_prices, float(bound)


def serve(
    worth: Floats, cost: Floats, resources: Resources, prices: Floats
) -> tuple[Integers, Integers]:
    """Return the customers to act on, and the action of each, within the limits.

    Customers come in the order of what they gain at the prices. Who cannot have the best action
    any more gets the next best that still fits.
    """
    reduced = np.where(worth > 0, worth - resources.charges(prices, cost), -np.inf)
    first = reduced.argmax(axis=1)
    surplus = reduced.max(axis=1)
    order = np.argsort(-surplus, kind="stable")
    least_cost = np.where(worth > 0, cost, np.inf).min(axis=0)
    least_used = resources.used_by_one(np.where(np.isfinite(least_cost), least_cost, 0.0))
    # A rounding error is no reason to leave the last customer out.
    left = resources.limit * (1 + 1e-12)
    served: list[tuple[int, int]] = []
    for customer in order[np.isfinite(surplus[order])].tolist():
        action = int(first[customer])
        used = resources.by_head[:, action] + resources.by_money[:, action] * cost[customer, action]
        if (used > left).any():
            if (least_used > left[:, None]).any(axis=0).all():
                break  # nothing fits any customer
            used_by_each = resources.used_by_one(cost[customer])
            fits = (used_by_each <= left[:, None]).all(axis=0) & np.isfinite(reduced[customer])
            if not fits.any():
                continue
            action = int(np.where(fits, reduced[customer], -np.inf).argmax())
            used = used_by_each[:, action]
        left = left - used
        served.append((customer, action))
    customers, actions = np.array(served, dtype=np.int64).reshape(-1, 2).T
    return customers, actions


def _demand(worth: Floats, cost: Floats, resources: Resources, prices: Floats) -> _Demand:
    """Let every customer take the best action at the prices, or none."""
    reduced = worth - resources.charges(prices, cost)
    choice, surplus = reduced.argmax(axis=1), reduced.max(axis=1)
    takers = np.flatnonzero(surplus > 0)
    taken = choice[takers]
    wanted = resources.used_by_all(taken, cost[takers, taken])
    return _Demand(float(surplus[takers].sum()), wanted)


def _moved(prices: Floats, demand: _Demand, limit: Floats, pace: float) -> Floats:
    """Raise the prices of resources in too much demand and lower the others, in proportion."""
    ratio = np.clip(demand.wanted / np.maximum(limit, 1e-9), 0.25, 4.0)
    start = np.where(ratio > 1.0, _FIRST_SHARE * demand.surplus / np.maximum(limit, 1.0), 0.0)
    return np.asarray(np.where(prices > 0, prices * ratio**pace, start))


def _sample_prices(worth: Floats, cost: Floats, resources: Resources, seed: int) -> Floats:
    """Return the dual prices of the linear programme of a sample, with limits in proportion."""
    eligible = np.flatnonzero(worth.any(axis=1))
    share = min(1.0, _SAMPLED_CUSTOMERS / len(eligible))
    if share < 1.0:
        drawn = np.random.default_rng(seed).choice(eligible, _SAMPLED_CUSTOMERS, replace=False)
        eligible = np.sort(drawn)
    scaled = Resources(resources.by_head, resources.by_money, resources.limit * share)
    programme = Programme.of(worth[eligible], cost[eligible], scaled)
    used: Any = programme.used
    solved = linprog(
        -programme.gain,
        A_ub=used,
        b_ub=programme.limit,
        bounds=(0, 1),
        method="highs",
    )
    if solved.status != 0:
        return np.zeros(len(resources.limit))
    marginals: Floats = solved.ineqlin.marginals[: len(resources.limit)]
    return np.maximum(0.0, -marginals)
