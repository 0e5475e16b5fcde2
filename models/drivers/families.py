"""Contributions summed by family of features, whose columns are highly correlated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import discover_families

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FamilyEffects:
    """Effects summed over the columns of each family.

    Attributes
    ----------
    names
        The families, in the order of their first columns.
    effects
        (n, families) sums on the churn logit.
    leading
        (n, families) positions of the columns that pull most in the direction of the sum.
    """

    names: tuple[str, ...]
    effects: Floats
    leading: NDArray[np.int64]


# Features of the date alone, the same for all customers: a family of their own.
_SEASON = {"season_sine": "season", "season_cosine": "season"}
# Three views of the same order days: apart, the one would raise churn by what another takes back.
_ORDER_HISTORY = "order_history"
_JOINED = dict.fromkeys(("recency_frequency_monetary", "rhythm", "btyd"), _ORDER_HISTORY)


@cache
def known_families() -> Mapping[str, str]:
    """Return the family of every feature column by name; the time of year is ``season``."""
    named = {
        column.name: family.name for family in discover_families() for column in family.columns
    }
    return {**named, **_SEASON}


def families_of(names: Sequence[str]) -> list[str]:
    """Return the family that each column's effect is counted in.

    Recency, frequency and spend, rhythm and BTYD are one, ``order_history``. A column of a user's
    own table is its own family.
    """
    known = known_families()
    families = (known.get(name, name) for name in names)
    return [_JOINED.get(family, family) for family in families]


def family_effects(contributions: pd.DataFrame) -> FamilyEffects:
    """Sum contributions over the columns of each family.

    Shapley values add up (Lundberg & Lee 2017): the sum is the effect of the family as a whole.
    Unlike the effects of its columns it does not depend on how trees share it among correlated
    columns. See :func:`families_of` for what counts as one family here.
    """
    names = list(contributions.columns)
    of_column = families_of(names)
    families = tuple(dict.fromkeys(of_column))
    values = contributions.to_numpy(dtype=np.float64)
    effects = np.zeros((len(values), len(families)))
    leading = np.zeros((len(values), len(families)), dtype=np.int64)
    for place, family in enumerate(families):
        columns = np.flatnonzero(np.array(of_column) == family)
        part = values[:, columns]
        effects[:, place] = part.sum(axis=1)
        signed = np.where(effects[:, [place]] < 0, -part, part)
        leading[:, place] = columns[signed.argmax(axis=1)]
    return FamilyEffects(families, effects, leading)
