"""Records that reach the simulated shop's systems days after the event."""

from __future__ import annotations

import numpy as np

from features.simulation.plan import NEVER, SECONDS_PER_DAY, Floats, Integers, ShopPlan


def known_late(
    plan: ShopPlan, second: Integers, share: Floats, most_days: int, rng: np.random.Generator
) -> Integers:
    """Return when the late records could first be read, ``NEVER`` for those in time.

    Only for records that do not bear on churn. A record that would arrive after the end counts as
    in time, so that lateness removes none.

    Parameters
    ----------
    second
        When the event of each record happened, in seconds from the start.
    share
        P(late) of each record.
    most_days
        The longest delay.
    """
    wait = rng.uniform(1, most_days, second.size) * SECONDS_PER_DAY
    available = second + wait.astype(np.int64)
    late = (rng.random(second.size) < share) & (available < plan.end_second)
    return np.where(late, available, NEVER)
