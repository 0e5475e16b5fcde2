"""Hysteresis: who was on one side of a cut-point stays there until past it by a margin.

Without it a customer at a cut-point changes sides with every breath, and movement tables are
full of people who did not move (Schmitt 1938, for electric switches).
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
    """Return each value's place among ``names``: 0 for the highest values.

    Parameters
    ----------
    bounds
        Least value of each place but the last, falling.
    slack
        How far past each bound a customer must be to cross it; ``bounds`` plus and minus it
        must fall as well.
    previous
        Each one's name before; None, or a name that is not among ``names``, is nobody's
        before, and the bounds hold as they are.
    """
    fresh = _places(value, bounds)
    if previous is None:
        return fresh
    before = pd.Index(names).get_indexer(pd.Index(list(previous), dtype=object))
    # The best place that the margins allow, and the worst: in between there is no reason to move.
    best, worst = _places(value, bounds - slack), _places(value, bounds + slack)
    held = np.clip(before, best, worst)
    return np.asarray(np.where(before == _UNKNOWN, fresh, held), dtype=np.int64)


def _places(value: Floats, bounds: Floats) -> Places:
    """Count the bounds that lie above each value; missing values are below all."""
    reached = value[:, None] >= bounds
    return np.asarray((~reached).sum(axis=1), dtype=np.int64)
