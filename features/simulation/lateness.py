"""Records that reach the simulated shop's systems days after what they tell of."""

from __future__ import annotations

import numpy as np

from features.simulation.plan import NEVER, SECONDS_PER_DAY, Floats, Integers, ShopPlan


def known_late(
    plan: ShopPlan, second: Integers, share: Floats, most_days: int, rng: np.random.Generator
) -> Integers:
    """Return when the late ones of some records could first be read, ``NEVER`` for the others.

    Orders are never late, nor is anything else that churn is told by. A record still on its way
    at the end counts as in time: then lateness takes none away.

    Parameters
    ----------
    second
        When each record happened.
    share
        How likely each is to be late.
    most_days
        The latest that any comes.
    """
    wait = rng.uniform(1, most_days, second.size) * SECONDS_PER_DAY
    available = second + wait.astype(np.int64)
    late = (rng.random(second.size) < share) & (available < plan.end_second)
    return np.where(late, available, NEVER)
