"""Small allocations, solved exactly: an integer programme by branch and bound."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from serving.decisions.bulk.resources import Floats, Integers, Programme, Resources

_MOST_SECONDS: Final = 10.0


def solve_exactly(
    worth: Floats, cost: Floats, resources: Resources
) -> tuple[Integers, Integers] | None:
    """Return the customers to act on, and the action of each; None where it takes too long.

    Parameters
    ----------
    worth
        What each action gains, 0 where it may not be taken, money, shape (n, actions).
    cost
        What it uses of the budget, money, shape (n, actions).
    """
    programme = Programme.of(worth, cost, resources)
    solved = milp(
        -programme.gain,
        constraints=LinearConstraint(programme.used, ub=programme.limit),
        integrality=np.ones(len(programme.gain), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": _MOST_SECONDS},
    )
    if solved.status != 0:
        return None
    chosen = solved.x > 0.5
    return programme.customers[chosen], programme.actions[chosen]
