"""Hysteresis: a customer stays on one side of a cut-point until past it by a margin.

Without it customers near a cut-point change sides by chance, and movement tables are full of people
who did not move (after Schmitt 1938, for electric switches).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_UNKNOWN = -1


def settled_places(
    value: Floats,
    bounds: Floats,
    slack: Floats,
    previous: Sequence[str | None] | None,
    names: Sequence[str],
) -> Places:
    """Return the position in ``names`` of each value's class: 0 for the highest values.

    Parameters
    ----------
    bounds
        Least value of each class but the last, descending.
    slack
        How far past each bound a customer must be to cross it; ``bounds`` plus and minus it must
        descend as well.
    previous
        Each customer's name before. For None, or a name not among ``names``, the bounds apply
        without slack.
    """
    fresh = _places(value, bounds)
    if previous is None:
        return fresh
    before = pd.Index(names).get_indexer(pd.Index(list(previous), dtype=object))
    # The best and the worst class that the margins allow: within them there is no reason to move.
    best, worst = _places(value, bounds - slack), _places(value, bounds + slack)
    held = np.clip(before, best, worst)
    return np.asarray(np.where(before == _UNKNOWN, fresh, held), dtype=np.int64)


def _places(value: Floats, bounds: Floats) -> Places:
    """Count the bounds that lie above each value; missing values are below all."""
    reached = value[:, None] >= bounds
    return np.asarray((~reached).sum(axis=1), dtype=np.int64)
