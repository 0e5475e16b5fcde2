"""The best use of a limited number of contacts and budget over many customers and actions.

A multiple-choice knapsack: at most one action for each customer, and limits on contacts and
money, for all actions together and for each. Small problems are solved exactly (branch and
bound). For large ones every limit gets a price: with prices ``p`` each customer takes the action
of largest gain less ``p`` times what it uses, and

    sum over customers of max(0, gain - p use) + p limit

is at least what any allocation within the limits can gain (Lagrangian relaxation; Fisher 1981).
Prices are those of the linear programme of a sample (Agrawal, Wang & Ye 2014), raised or
lowered by what all customers then want; customers are served in the order of what they gain at
these prices. The bound is returned: it says how far from the best the allocation can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NOTHING: Final = -1
"""The action of customers who are not contacted."""

# Problems of up to this many possible actions are solved exactly, if it takes no longer than this.
_EXACT_CELLS: Final = 4_000
_EXACT_SECONDS: Final = 10.0
_SAMPLED_CUSTOMERS: Final = 1_500
# Steps that adjust the prices: the exponent of the first, and its factor from step to step.
_STEPS: Final = 25
_FIRST_EXPONENT, _DECAY = 0.5, 0.9


@dataclass(frozen=True)
class Limits:
    """Limits on contacts and money; None where there is none.

    Attributes
    ----------
    contacts, money
        Of all actions together: customers acted on, and expected cost.
    action_contacts, action_money
        Of each action, shape (actions,); infinite where that action has none.
    """

    contacts: int | None = None
    money: float | None = None
    action_contacts: Floats | None = None
    action_money: Floats | None = None


@dataclass(frozen=True, eq=False)
class Allocation:
    """Which customer gets which action.

    Attributes
    ----------
    action
        Column of the action of each customer, or ``NOTHING``; shape (n,).
    gain, cost
        Their sums, money.
    bound
        No allocation within the limits gains more.
    """

    action: Integers
    gain: float
    cost: float
    contacts: int
    bound: float

    @property
    def gap(self) -> float:
        """The largest share of the bound that may be missed; 0 where the allocation is the best."""
        return max(0.0, 1.0 - self.gain / self.bound) if self.bound > 0 else 0.0


def allocate(gain: Floats, cost: Floats, limits: Limits, *, seed: int = 0) -> Allocation:
    """Choose at most one action for each customer, within the limits, for the largest gain.

    Parameters
    ----------
    gain
        Expected gain over doing nothing, all costs deducted, money, shape (n, actions); NaN or
        -inf where the action may not be taken.
    cost
        What the action uses of the budget, money, not negative, shape (n, actions).
    seed
        Of the sample from which prices of large problems start.
    """
    worth = np.where(np.isfinite(gain) & (gain > 0), gain, 0.0)
    cells = int(np.count_nonzero(worth))
    if cells == 0:
        return _allocation(np.full(len(worth), NOTHING), worth, cost, 0.0)
    resources = _Resources.of(limits, worth.shape[1])
    if cells <= _EXACT_CELLS:
        exact = _solve_exactly(worth, cost, resources)
        if exact is not None:
            return exact
    return _solve_by_prices(worth, cost, resources, seed)


@dataclass(frozen=True, eq=False)
class _Resources:
    """Limits as rows: which actions use the resource, by money or by head, and how much there is.

    Attributes
    ----------
    by_head, by_money
        1 where the resource is used by the action, shape (resources, actions).
    limit
        Shape (resources,).
    """

    by_head: Floats
    by_money: Floats
    limit: Floats

    @classmethod
    def of(cls, limits: Limits, actions: int) -> _Resources:
        everything, each = np.ones((1, actions)), np.eye(actions)
        heads: list[tuple[Floats, Floats]] = []
        money: list[tuple[Floats, Floats]] = []
        if limits.contacts is not None:
            heads.append((everything, np.array([float(limits.contacts)])))
        if limits.action_contacts is not None:
            heads.append((each, limits.action_contacts))
        if limits.money is not None:
            money.append((everything, np.array([limits.money])))
        if limits.action_money is not None:
            money.append((each, limits.action_money))
        none = np.zeros((0, actions))
        used = np.vstack([none, *(rows for rows, _ in (*heads, *money))])
        limit = np.concatenate([np.zeros(0), *(amount for _, amount in (*heads, *money))])
        is_money = np.arange(len(used)) >= sum(len(rows) for rows, _ in heads)
        kept = np.isfinite(limit)
        used, limit, is_money = used[kept], limit[kept], is_money[kept]
        return cls(used * ~is_money[:, None], used * is_money[:, None], limit)

    def charges(self, prices: Floats, cost: Floats) -> Floats:
        """Return what each action for each customer costs at these prices, shape (n, actions)."""
        return np.asarray(prices @ self.by_head + cost * (prices @ self.by_money))

    def used(self, actions: Integers, cost: Floats) -> Floats:
        """Return what chosen actions with these costs use in all, shape (resources,)."""
        width = self.by_head.shape[1]
        heads, money = (np.bincount(actions, weight, width) for weight in (None, cost))
        return np.asarray(self.by_head @ heads + self.by_money @ money)


def _solve_exactly(worth: Floats, cost: Floats, resources: _Resources) -> Allocation | None:
    """Solve by branch and bound; None where it takes too long."""
    rows, actions = np.nonzero(worth)
    taken = _programme(rows, actions, cost, resources)
    limit = _limits(rows, resources)
    solved = milp(
        -worth[rows, actions],
        constraints=LinearConstraint(taken, ub=limit),
        integrality=np.ones(len(rows), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": _EXACT_SECONDS},
    )
    if solved.status != 0:
        return None
    chosen = solved.x > 0.5
    action = np.full(len(worth), NOTHING)
    action[rows[chosen]] = actions[chosen]
    found = _allocation(action, worth, cost, 0.0)
    return _allocation(action, worth, cost, found.gain)


def _solve_by_prices(worth: Floats, cost: Floats, resources: _Resources, seed: int) -> Allocation:
    prices = _sample_prices(worth, cost, resources, seed)
    bound, best_prices = np.inf, prices
    for step in range(_STEPS):
        reduced = worth - resources.charges(prices, cost)
        choice = reduced.argmax(axis=1)
        surplus = np.take_along_axis(reduced, choice[:, None], axis=1)[:, 0]
        takers = np.flatnonzero(surplus > 0)
        gained = float(surplus[takers].sum())
        value = gained + float(prices @ resources.limit)
        if value < bound:
            bound, best_prices = value, prices
        taken = choice[takers]
        wanted = resources.used(taken, cost[takers, taken])
        if (wanted <= resources.limit).all() and not prices[wanted < resources.limit].any():
            break
        prices = _moved(prices, wanted, resources.limit, gained, _FIRST_EXPONENT * _DECAY**step)
    action = _serve(worth, cost, resources, best_prices).action
    return _allocation(action, worth, cost, bound)


def _moved(prices: Floats, wanted: Floats, limit: Floats, gained: float, pace: float) -> Floats:
    """Raise the prices of resources in too much demand and lower the others, in proportion.

    A price of 0 is raised to a small share of the whole gain.
    """
    ratio = np.clip(wanted / np.maximum(limit, 1e-9), 0.25, 4.0)
    start = np.where(ratio > 1.0, 0.05 * gained / np.maximum(limit, 1.0), 0.0)
    return np.asarray(np.where(prices > 0, prices * ratio**pace, start))


def _sample_prices(worth: Floats, cost: Floats, resources: _Resources, seed: int) -> Floats:
    """Return the dual prices of the linear programme of a sample, with limits in proportion."""
    asked = np.flatnonzero(worth.any(axis=1))
    share = min(1.0, _SAMPLED_CUSTOMERS / len(asked))
    if share < 1.0:
        drawn = np.random.default_rng(seed).choice(asked, _SAMPLED_CUSTOMERS, replace=False)
        asked = np.sort(drawn)
    rows, actions = np.nonzero(worth[asked])
    limit = _limits(rows, resources)
    limit[: len(resources.limit)] *= share
    programme: Any = _programme(rows, actions, cost[asked], resources)
    solved = linprog(
        -worth[asked][rows, actions],
        A_ub=programme,
        b_ub=limit,
        bounds=(0, 1),
        method="highs",
    )
    if solved.status != 0:
        return np.zeros(len(resources.limit))
    marginals: Floats = solved.ineqlin.marginals[: len(resources.limit)]
    return np.maximum(0.0, -marginals)


def _programme(
    rows: Integers, actions: Integers, cost: Floats, resources: _Resources
) -> sparse.csr_matrix[np.float64]:
    """Return the constraints' matrix: the resources, then one action for each customer."""
    _, customer = np.unique(rows, return_inverse=True)
    cells = np.arange(len(rows))
    heads, money = (
        sparse.csc_matrix(each)[:, actions] for each in (resources.by_head, resources.by_money)
    )
    one_each = sparse.csr_matrix((np.ones(len(rows)), (customer, cells)))
    used = heads + money @ sparse.diags(cost[rows, actions])
    return sparse.csr_matrix(sparse.vstack([used, one_each]))


def _limits(rows: Integers, resources: _Resources) -> Floats:
    return np.concatenate([resources.limit, np.ones(len(np.unique(rows)))])


def _serve(worth: Floats, cost: Floats, resources: _Resources, prices: Floats) -> Allocation:
    """Give actions to customers in the order of what they gain at the prices, within the limits.

    A customer whose best action no longer fits gets the next best that does.
    """
    reduced = np.where(worth > 0, worth - resources.charges(prices, cost), -np.inf)
    first = reduced.argmax(axis=1)
    surplus = np.take_along_axis(reduced, first[:, None], axis=1)[:, 0]
    order = np.argsort(-surplus, kind="stable")
    order = order[np.isfinite(surplus[order])]
    cheapest = np.where(worth > 0, cost, np.inf).min(axis=0)
    cheapest = resources.by_head + resources.by_money * np.where(
        np.isfinite(cheapest), cheapest, 0.0
    )
    left = resources.limit * (1 + 1e-12)
    action = np.full(len(worth), NOTHING)
    for customer in order.tolist():
        at = int(first[customer])
        uses = resources.by_head[:, at] + resources.by_money[:, at] * cost[customer, at]
        if (uses > left).any():
            if (cheapest > left[:, None]).any(axis=0).all():
                break
            of_each = resources.by_head + resources.by_money * cost[customer]
            fits = np.where((of_each <= left[:, None]).all(axis=0), reduced[customer], -np.inf)
            at = int(fits.argmax())
            if not np.isfinite(fits[at]):
                continue
            uses = of_each[:, at]
        left = left - uses
        action[customer] = at
    return _allocation(action, worth, cost, 0.0)


def _allocation(action: Integers, worth: Floats, cost: Floats, bound: float) -> Allocation:
    rows = np.flatnonzero(action != NOTHING)
    chosen = action[rows]
    return Allocation(
        action=action,
        gain=float(worth[rows, chosen].sum()),
        cost=float(cost[rows, chosen].sum()),
        contacts=len(rows),
        bound=bound,
    )
