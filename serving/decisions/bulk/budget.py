"""The best use of a limited number of contacts and budget over many customers and actions.

A multiple-choice knapsack: at most one action for each customer, and limits on contacts and
money, for all actions together and for each. Small problems are solved exactly
(:mod:`serving.decisions.bulk.branch_and_bound`), large ones by prices
(:mod:`serving.decisions.bulk.shadow_prices`), with a bound that says how far from the best the
allocation can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.decisions.bulk.branch_and_bound import solve_exactly
from serving.decisions.bulk.resources import Floats, Integers, Resources
from serving.decisions.bulk.shadow_prices import find_prices, serve

NOTHING: Final = -1
"""The action of customers who are not contacted."""

# Problems of up to this many possible actions are solved exactly, if that does not take too long.
_EXACT_CELLS: Final = 4_000


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

    def resources(self, actions: int) -> Resources:
        """Return what is limited of so many actions."""
        unlimited = np.full(actions, np.inf)
        return Resources.of(
            np.inf if self.contacts is None else self.contacts,
            np.inf if self.money is None else self.money,
            unlimited if self.action_contacts is None else self.action_contacts,
            unlimited if self.action_money is None else self.action_money,
        )


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
    # What may not be taken may have no known cost either, and NaN would hide the other actions.
    cost = np.where(worth > 0, cost, 0.0)
    cells = int(np.count_nonzero(worth))
    if cells == 0:
        nobody = np.zeros(0, dtype=np.int64)
        return _allocation(nobody, nobody, worth, cost)
    resources = limits.resources(worth.shape[1])
    exact = solve_exactly(worth, cost, resources) if cells <= _EXACT_CELLS else None
    if exact is not None:
        return _allocation(*exact, worth, cost)
    prices, bound = find_prices(worth, cost, resources, seed)
    return _allocation(*serve(worth, cost, resources, prices), worth, cost, bound)


def _allocation(
    customers: Integers,
    actions: Integers,
    worth: Floats,
    cost: Floats,
    bound: float | None = None,
) -> Allocation:
    """Add up who gets what; an allocation without a bound is the best there is."""
    action = np.full(len(worth), NOTHING)
    action[customers] = actions
    # In the order of customers, whatever that of serving: sums come out the same to the bit.
    rows = np.flatnonzero(action != NOTHING)
    gain = float(worth[rows, action[rows]].sum())
    return Allocation(
        action=action,
        gain=gain,
        cost=float(cost[rows, action[rows]].sum()),
        contacts=len(rows),
        bound=gain if bound is None else bound,
    )
