"""The budget solver beside the exact optimum, on small cases and on the largest still proven.

Random shops: gains that differ by customer and offer, costs, limits on contacts and money, in
all and for each offer. Small cases are compared with every possible allocation, one by one.
Larger ones go the way of large shops, by prices, and are compared with branch and bound.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.table import Row
from features.progress import Progress
from models.uplift.trial import Floats, Integers
from serving.decisions.bulk.budget import NOTHING, Limits, allocate

_SMALL_CASES, _LARGER_CASES = 200, 8
_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Case:
    """One shop to divide contacts and money in."""

    gain: Floats
    cost: Floats
    contacts: int
    money: float
    action_contacts: Floats
    action_money: Floats

    @property
    def limits(self) -> Limits:
        """As the solver takes them."""
        return Limits(self.contacts, self.money, self.action_contacts, self.action_money)

    def fits(self, action: Integers) -> bool:
        """Return whether an allocation keeps all limits."""
        rows = np.flatnonzero(action != NOTHING)
        chosen, spent = action[rows], self.cost[rows, action[rows]]
        width = self.cost.shape[1]
        return bool(
            len(rows) <= self.contacts
            and spent.sum() <= self.money + 1e-9
            and (np.bincount(chosen, minlength=width) <= self.action_contacts).all()
            and (np.bincount(chosen, spent, width) <= self.action_money + 1e-9).all()
        )

    def gained(self, action: Integers) -> float:
        """Return the gain of an allocation."""
        rows = np.flatnonzero(action != NOTHING)
        return float(self.gain[rows, action[rows]].sum())


def draw(rng: np.random.Generator, customers: int, actions: int) -> Case:
    """Draw a shop whose limits all bind now and then."""
    gain = rng.gamma(1.0, 3.0, (customers, 1)) * rng.random((customers, actions)) - 0.5
    cost = 0.1 + 2.0 * rng.random((customers, actions))
    share = customers / actions
    return Case(
        gain,
        cost,
        contacts=max(1, round(customers * rng.uniform(0.1, 0.6))),
        money=customers * rng.uniform(0.05, 0.5),
        action_contacts=np.maximum(1.0, np.round(share * rng.uniform(0.2, 1.0, actions))),
        action_money=share * rng.uniform(0.2, 1.0, actions),
    )


def rows(progress: Progress) -> list[Row]:
    """Return the least share of the optimum that was reached, small and larger."""
    tick = progress("Budget solver beside the optimum", _SMALL_CASES + _LARGER_CASES)
    rng = np.random.default_rng(0)
    small, larger, gaps, seconds = [], [], [], 0.0
    for _ in range(_SMALL_CASES):
        case = draw(rng, customers=6, actions=2)
        small.append(_share(case, _by_trying_all(case)))
        tick()
    for _ in range(_LARGER_CASES):
        case = draw(rng, customers=2_500, actions=6)
        start = time.perf_counter()
        found = allocate(case.gain, case.cost, case.limits)
        seconds = max(seconds, time.perf_counter() - start)
        gaps.append(found.gap)
        larger.append(found.gain / _by_branch_and_bound(case))
        tick()
    return [
        Row(
            f"solver: least share of the optimum, {_SMALL_CASES} small cases",
            min(small),
            ">=",
            0.99,
            {"mean": float(np.mean(small))},
        ),
        Row(
            f"solver: least share of the optimum, {_LARGER_CASES} of 2,500 customers x 6",
            min(larger),
            ">=",
            0.99,
            {
                "mean": float(np.mean(larger)),
                "largest gap it stated": max(gaps),
                "seconds at most": seconds,
            },
        ),
    ]


def _share(case: Case, best: float) -> float:
    found = allocate(case.gain, case.cost, case.limits)
    if not case.fits(found.action):
        return 0.0
    return found.gain / best if best > 0 else 1.0


def _by_trying_all(case: Case) -> float:
    customers, actions = case.gain.shape
    every = map(np.array, product(range(-1, actions), repeat=customers))
    return max(case.gained(action) for action in every if case.fits(action))


def _by_branch_and_bound(case: Case) -> float:
    """Return the most that may be gained: the optimum, or its proven bound when time is up."""
    customer, action = np.nonzero(case.gain > 0)
    cells, spent = np.arange(len(customer)), case.cost[customer, action]
    one_each = sparse.csr_matrix((np.ones(len(cells)), (customer, cells)))
    each = sparse.csr_matrix((np.ones(len(cells)), (action, cells)))
    everything = sparse.csr_matrix(np.ones((1, len(cells))))
    money = sparse.diags(spent)
    used: list[Any] = [everything, everything @ money, each, each @ money, one_each]
    limit = np.concatenate(
        [
            [case.contacts, case.money], case.action_contacts, case.action_money,
            np.ones(one_each.shape[0]),
        ]
    )  # fmt: skip
    solved = milp(
        -case.gain[customer, action],
        constraints=LinearConstraint(sparse.vstack(used).tocsr(), ub=limit),
        integrality=np.ones(len(cells), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-4, "time_limit": _SECONDS},
    )
    assert solved.mip_dual_bound is not None
    return -solved.mip_dual_bound
